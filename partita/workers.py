"""Roles as processes of their own: started early, told their addresses later, started again when they die.

Promise   Every post is manned until ``stop``; a process that dies is replaced after a short pause, but one post after
          another dying for ever ends in an error. However we end, SIGKILL included, all processes end too.
Cost      A process imports what it needs while the services it will use are still starting.
Invariant A process holds the reading end of a pipe of ours: the first line on it is its settings, its end is the order
          to stop.
"""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from processor.errors import PartitaError

DEATHS_MAX: Final = 5
DEATHS_WITHIN_S: Final = 60.0
PAUSE_S: Final = 0.1
PAUSE_DOUBLED_MAX: Final = 4
FAULT: Final = "PARTITA_FAULT"
STOP_S: Final = 20.0
CHUNK_BYTES: Final = 1 << 16

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Post:
    """What one process does, and the name it keeps through its restarts."""

    name: str
    roles: tuple[str, ...]
    contexts: Sequence[str] = ()  # none named is all
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        """Return what the door `run` is told."""
        return [*self.roles, *(f"--context={name}" for name in self.contexts)]


class Crew:
    """The processes of all *posts*, inside an ``async with`` block; *say* is told what they log and how they end.

    More than *deaths_max* deaths within a minute end it. ``ends`` notes every end that nobody had ordered.
    """

    def __init__(self, posts: Sequence[Post], *, say: Say, deaths_max: int = DEATHS_MAX) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.processes: dict[str, Process] = {}
        self.posts = list(posts)
        self.ends: list[tuple[str, int]] = []
        self._say = say
        self._settings: dict[str, str] | None = None
        self._deaths_max = deaths_max
        self._deaths: deque[float] = deque(maxlen=deaths_max + 1)
        self._planted: dict[str, str] = {}
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for post in self.posts:
            await self._man(post, os.environ)
            self._spawn(self._look_after(post))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def go(self, settings: Mapping[str, str]) -> None:
        """Let all processes begin, with *settings* added to their environment."""
        self._settings = dict(settings)
        for post in self.posts:
            self._tell(self.processes[post.name], post)

    async def join(self, post: Post) -> None:
        """Man another *post* beside the others."""
        self.posts.append(post)
        await self._man(post, _without_fault())
        self._spawn(self._look_after(post))

    async def leave(self, name: str) -> Post:
        """End one process in good order, and return the post that it leaves."""
        (post,) = (each for each in self.posts if each.name == name)
        self.posts.remove(post)
        await _end([self.processes[name]])
        return post

    def plant(self, name: str, fault: str) -> None:
        """Have the next processes of a post die or freeze at a point of ``processor/faults.py``; empty for none."""
        self._planted[name] = fault

    async def stop(self) -> None:
        """End all processes: each finishes its batch, and is killed if that takes too long."""
        self._stopping = True
        await _end(list(self.processes.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.failed.cancel()

    async def _man(self, post: Post, environment: Mapping[str, str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "partita", "run", *post.arguments, "--attached"),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=PIPE,
            env={**environment, **post.settings},
            start_new_session=True,  # a Ctrl-C in the terminal is ours alone
        )
        self.processes[post.name] = process
        self._spawn(self._pass_on(post, process))
        if self._settings is not None:
            self._tell(process, post)

    def _tell(self, process: Process, post: Post) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps({**(self._settings or {}), **post.settings}).encode() + b"\n")

    async def _look_after(self, post: Post) -> None:
        while True:
            code = await self.processes[post.name].wait()
            if self._has_left(post):
                return
            self.ends.append((post.name, code))
            self._deaths.append(time.monotonic())
            if self._too_many():
                self._give_up(post, code)
                return
            self._say(f"{post.name} ended ({_named(code)}); it is started again")
            await asyncio.sleep(PAUSE_S * 2 ** min(len(self._deaths) - 1, PAUSE_DOUBLED_MAX))
            if self._has_left(post):
                return
            # A fault that the first process was given strikes once.
            await self._man(post, _without_fault() | {FAULT: self._planted.get(post.name, "")})
            if self._has_left(post):  # while its process was being made
                await _end([self.processes[post.name]])
                return

    def _has_left(self, post: Post) -> bool:
        return self._stopping or post not in self.posts

    def _too_many(self) -> bool:
        while time.monotonic() - self._deaths[0] > DEATHS_WITHIN_S:
            self._deaths.popleft()
        return len(self._deaths) > self._deaths_max

    def _give_up(self, post: Post, code: int) -> None:
        if not self.failed.done():
            text = f"{post.name} ended again and again, at last with {_named(code)}; what it said stands above."
            self.failed.set_exception(WorkersFailed(text))

    async def _pass_on(self, post: Post, process: Process) -> None:
        assert process.stderr is not None
        rest = b""
        # Not by lines: one beyond a reader's limit would leave the pipe full and the process waiting for ever.
        while chunk := await process.stderr.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(f"{post.name} | {line.decode(errors='replace')}")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class WorkersFailed(PartitaError):
    """Processes died more often than is worth another try."""


def _without_fault() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != FAULT}


async def _end(processes: Sequence[Process]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await _ended(processes)
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
    await _ended(processes)


async def _ended(processes: Sequence[Process]) -> None:
    await asyncio.gather(*(process.wait() for process in processes))


def _named(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
