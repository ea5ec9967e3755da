"""Faults that were not seen to strike."""

from typing import Final

PATIENCE_S: Final = 30.0


class Missed(Exception):
    """Nothing was seen of a fault: its strike counts for nothing."""
