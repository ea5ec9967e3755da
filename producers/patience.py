"""How what runs for ever waits: for news, for the end, and after trouble a little longer each time."""

import asyncio
import random
from contextlib import suppress
from typing import Any, Final

BACK_OFF_S: Final = 0.1
BACK_OFF_MAX_S: Final = 5.0
STOP_S: Final = 10.0


async def first(event: asyncio.Event, within_s: float) -> bool:
    """Say whether *event* is set *within_s*, as soon as it is known."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await event.wait()
    return event.is_set()


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel *tasks* and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def back_off(stop: asyncio.Event, failures: int) -> None:
    """Wait after so many *failures* in a row, or until *stop*."""
    longest = min(BACK_OFF_S * 2 ** min(failures, 10), BACK_OFF_MAX_S)
    await first(stop, random.uniform(longest / 2, longest))  # noqa: S311 - jitter


async def until_stopped(work: asyncio.Future[None], stop: asyncio.Event, *, wake: asyncio.Event | None = None) -> None:
    """Let *work* run until *stop* is set, and then until it has finished what it has in hand, ``STOP_S`` at most.

    *wake* is set for work that waits. What *work* raises is for its owner to ask.
    """
    stopped = asyncio.ensure_future(stop.wait())
    either: list[asyncio.Future[Any]] = [work, stopped]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if wake is not None:
            wake.set()
        await asyncio.wait({work}, timeout=STOP_S)
    finally:
        await end(work, stopped)
