"""The rules of the family ``activity``: pure functions of (board, command, instant), gathered from ``RULES``."""
