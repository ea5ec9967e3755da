"""What doors show people on stderr: progress bars and tables, and nothing where nobody looks."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Found = TypeVar("Found")
Shown = Callable[[float, float], None]
"""Takes how much is done and how much there is in all."""


def progress(console: Console | None = None) -> Progress:
    """Return bars on stderr, which stay away where it is no terminal."""
    console = console or Console(stderr=True)
    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


@contextmanager
def bar(name: str) -> Iterator[Shown]:
    """Show one bar on stderr while the block lasts, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with progress() as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class Stages:
    """One bar per stage, in the order in which they begin, and lines above them."""

    def __init__(self, bars: Progress, console: Console) -> None:
        self._bars = bars
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, name: str, done: float, total: float) -> None:
        """Move the bar of a stage."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
            if not self._console.is_terminal:
                self.say(f"{name} ...")
        self._bars.update(self._tasks[name], completed=done)


async def unless_failed(failed: "asyncio.Future[None]", work: Awaitable[Found]) -> Found:
    """Return what *work* finds, unless *failed* is told first."""
    task = asyncio.ensure_future(work)
    ends: list[asyncio.Future[Any]] = [task, failed]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
        return await task
    finally:
        task.cancel()
