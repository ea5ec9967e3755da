"""The rules of revenue: pure functions of (register, command, instant), gathered from ``RULES``."""
