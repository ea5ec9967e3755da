"""The rules of the families of expenses: pure functions of (tracker, command, instant), gathered from ``RULES``."""
