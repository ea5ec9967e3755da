"""Faults of the roles' processes: killed and frozen anywhere or at a named point, one more, one less."""

import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

from partita.chaos.missed import PATIENCE_S, Missed
from partita.chaos.scene import WORKERS, Scene

REACHED: Final = "PARTITA_FAULT reached"
TIMES_MAX: Final = 12  # how often a point is passed before it strikes

Strike = Callable[[Scene, random.Random], AbstractAsyncContextManager[None]]


def _worker(dice: random.Random) -> str:
    return f"worker-{dice.randrange(WORKERS) + 1}"


async def _killed(scene: Scene, name: str) -> None:
    process = scene.crew.processes[name]
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@asynccontextmanager
async def worker_killed(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Kill a worker, wherever it is."""
    await _killed(scene, _worker(dice))
    yield


@asynccontextmanager
async def relay_killed(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Kill the relay, wherever it is."""
    await _killed(scene, "relay")
    yield


def worker_killed_at(point: str) -> Strike:
    """Return the fault that kills a worker when it has passed *point* some times."""
    return _killed_at(point, _worker)


def relay_killed_at(point: str) -> Strike:
    """Return the fault that kills the relay when it has passed *point* some times."""
    return _killed_at(point, lambda _dice: "relay")


def _killed_at(point: str, chosen: Callable[[random.Random], str]) -> Strike:
    @asynccontextmanager
    async def fault(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
        await _reached(scene, chosen(dice), f"{point}:{dice.randrange(1, TIMES_MAX)}")
        yield

    return fault


async def _reached(scene: Scene, name: str, fault: str) -> None:
    """Replace the process *name* by one that dies or freezes at a point, and wait until it has come there."""
    scene.crew.plant(name, fault)  # one that cannot even start, because Kafka is away, is followed by another
    point = fault.partition(":")[0]
    try:
        async with scene.hearing.hearing(rf"^{name} \| {REACHED} {point}$", PATIENCE_S):
            await _killed(scene, name)
    except TimeoutError:
        scene.crew.plant(name, "")
        await _killed(scene, name)
        raise Missed(f"{name} did not come to {point}") from None
    scene.crew.plant(name, "")


def worker_frozen_at(point: str) -> Strike:
    """Return the fault that stops a worker at *point*, and lets it go on afterwards as if nothing had happened."""

    @asynccontextmanager
    async def fault(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
        name = _worker(dice)
        await _reached(scene, name, f"{point}:{dice.randrange(1, TIMES_MAX)}:stop")
        try:
            yield
        finally:
            _send(scene.crew.processes[name].pid, signal.SIGCONT)

    return fault


@asynccontextmanager
async def worker_frozen(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Stop a worker wherever it is, and let it go on afterwards."""
    async with _frozen(scene, _worker(dice)):
        yield


@asynccontextmanager
async def relay_frozen(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Stop the relay while another stands by."""
    async with second_relay(scene, _dice), _frozen(scene, "relay"):
        yield


@asynccontextmanager
async def _frozen(scene: Scene, name: str) -> AsyncIterator[None]:
    pid = scene.crew.processes[name].pid
    _send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@asynccontextmanager
async def worker_joins(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Have one worker more for a while."""
    post = scene.plan.worker(WORKERS + 1)
    try:
        async with scene.hearing.hearing(rf"^{post.name} \| .*partitions assigned", PATIENCE_S):
            await scene.crew.join(post)
        yield
    except TimeoutError:
        raise Missed(f"{post.name} was given nothing") from None
    finally:
        await scene.crew.leave(post.name)


@asynccontextmanager
async def worker_leaves(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Have one worker less for a while."""
    post = await scene.crew.leave(_worker(dice))
    try:
        yield
    finally:
        await scene.crew.join(post)


@asynccontextmanager
async def second_relay(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Have another relay beside the first."""
    post = scene.plan.relay("relay-2")
    await scene.crew.join(post)
    try:
        yield
    finally:
        await scene.crew.leave(post.name)


@asynccontextmanager
async def relay_changes(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Have another relay take the lead from one that is killed, and give it back."""
    async with second_relay(scene, _dice):
        await _killed(scene, "relay")
        yield
