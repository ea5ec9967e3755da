"""How Python's garbage collection is set while modules are imported, and where thousands of messages are in hand."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLD: Final = 50_000


def settle_garbage() -> None:
    """Leave what was imported alone for ever and look for cycles seldom: 10 % of a busy process's time otherwise."""
    gc.freeze()
    gc.set_threshold(THRESHOLD)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no cycles while a block imports, and leave what it has imported alone: a third of a start otherwise."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
