"""How Python's garbage collection is set where thousands of messages are in hand at any time."""

import gc
from typing import Final

THRESHOLD: Final = 50_000


def settle_garbage() -> None:
    """Leave what was imported alone for ever and look for cycles seldom: 10 % of a busy process's time otherwise."""
    gc.freeze()
    gc.set_threshold(THRESHOLD)
