"""Faults of PostgreSQL: of the server, of the way to it, of its sessions, and of what it answers."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from partita.chaos.hearing import FAILED, RESOLVED
from partita.chaos.missed import PATIENCE_S, Missed
from partita.chaos.proxy import Strike, Way
from partita.chaos.scene import LOOK_S, Scene, Session
from processor.database import DATABASE_ILL, named_queries

SLOW_S: Final = (0.002, 0.02)
TRIES: Final = 5
TRY_S: Final = 8.0
SOON_S: Final = 0.01

_SQL = named_queries("partita.chaos", "faults.sql")


@asynccontextmanager
async def stopped(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Stop the server at once, without a checkpoint or a word to its sessions."""
    await asyncio.to_thread(scene.postgres.stop_immediately)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.postgres.start)


@asynccontextmanager
async def killed(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Kill the server and all its sessions."""
    await asyncio.to_thread(scene.postgres.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.postgres.start)


@asynccontextmanager
async def slow(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Let every byte take its time."""
    scene.postgres_way.delay_s = dice.uniform(*SLOW_S)
    scene.postgres_way.jitter_s = scene.postgres_way.delay_s
    try:
        yield
    finally:
        scene.postgres_way.heal()


@asynccontextmanager
async def black_hole(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Let nothing pass on one way or both."""
    scene.postgres_way.black_hole(dice.choice([[Way.TO_SERVER], [Way.TO_CLIENT], list(Way)]))
    try:
        yield
    finally:
        scene.postgres_way.heal()


@asynccontextmanager
async def reset(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """End every connection."""
    scene.postgres_way.reset()
    yield


@asynccontextmanager
async def session_terminated(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """End the session of a batch that is open."""
    async with _at_the_server(scene) as session:
        while not await session.fetchval(_SQL["end_busy_session"]):  # noqa: ASYNC110 - no one else would tell
            await asyncio.sleep(SOON_S)
    yield


@asynccontextmanager
async def commit_unanswered(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Let a COMMIT happen and its answer not come, until a consumer has found out."""
    await _until_said(scene, RESOLVED, lambda: scene.postgres_way.strike(Strike.SWALLOW_REPLY))
    yield


@asynccontextmanager
async def commit_cut(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """End a connection just before a COMMIT passes."""
    await _until_said(scene, "CommitUnknown", lambda: scene.postgres_way.strike(Strike.CUT_BEFORE))
    yield


async def _until_said(scene: Scene, words: str, strike: Callable[[], None]) -> None:
    """Strike until a consumer says *words*: the COMMIT that was met may be somebody else's."""
    for _ in range(TRIES):
        try:
            async with scene.hearing.hearing(words, TRY_S):
                strike()
        except TimeoutError:
            continue
        else:
            return
        finally:
            scene.postgres_way.heal()
    raise Missed(f"nobody said {words!r}")


@asynccontextmanager
async def deadlock(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Hold the accounts and want the lanes, which consumers hold that want an account."""
    async with _provoked(scene, "40P01") as session:
        await session.execute(_SQL["look_late_for_deadlocks"])
        async with session.transaction():
            await session.execute(_SQL["hold_accounts"])
            await _until_waited_for(session)
            await session.execute(_SQL["hold_lanes"])
    yield


@asynccontextmanager
async def serialization_failure(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Have consumers work in snapshots, and change a row that a batch waits for."""
    try:
        async with _provoked(scene, "40001") as session:
            await session.execute(_SQL["repeatable_read"])
            await session.execute(_SQL["end_consumer_sessions"])
            async with session.transaction():
                await session.execute(_SQL["touch_lanes"])
                await _until_waited_for(session)
        yield
    finally:
        async with _at_the_server(scene) as session:
            await session.execute(_SQL["read_committed"])
            await session.execute(_SQL["end_consumer_sessions"])


@asynccontextmanager
async def _provoked(scene: Scene, sqlstate: str) -> AsyncIterator[Session]:
    """Hand out a session to provoke a failure with, and wait until a batch has met it."""
    try:
        async with (
            scene.hearing.hearing(f"{FAILED}.*{sqlstate}|{sqlstate}.*{FAILED}", TRY_S),
            _at_the_server(scene) as session,
        ):
            yield session
    except TimeoutError:
        raise Missed(f"no batch failed with {sqlstate}") from None


@asynccontextmanager
async def _at_the_server(scene: Scene) -> AsyncIterator[Session]:
    """Hand out a session, and call it a miss if the server does not do as it is told."""
    try:
        async with asyncio.timeout(PATIENCE_S), scene.session() as session:
            yield session
    except DATABASE_ILL as error:
        raise Missed(f"the server did not do it: {type(error).__name__}") from error


async def _until_waited_for(session: Session) -> None:
    while not await session.fetchval(_SQL["waiting_for_us"]):  # noqa: ASYNC110 - no one else would tell
        await asyncio.sleep(LOOK_S / 10)
