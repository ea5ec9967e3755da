"""The rules of the family ``export``: pure functions of (board, command, instant), gathered from ``RULES``."""
