"""An event loop in a thread of its own, for what has to go on while plain code runs."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Background:
    """The loop, inside a ``with`` block; what was run in it, and still cleans up at the end, is waited for."""

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._ready = threading.Event()
        self._works: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what *work* returns; an interrupt of whoever waits cancels it."""
        future = asyncio.run_coroutine_threadsafe(self._noted(work), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _live(self) -> None:
        asyncio.run(self._until_left())

    async def _until_left(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._leave.wait()
        if self._works:
            await asyncio.wait(self._works)

    async def _noted(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None, "coroutines run in tasks"
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return await work
