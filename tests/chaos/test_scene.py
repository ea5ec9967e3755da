"""What a run looks at when it is over, on real servers: nothing is called well that is not."""

import asyncio
import io
from pathlib import Path

import asyncpg

from partita.chaos.case import Case, Verdict, verdict_of
from partita.chaos.checks import SOMETIMES, judged
from partita.chaos.hearing import Hearing
from partita.chaos.history import History
from partita.chaos.reads import read_all
from partita.chaos.scene import Scene, scene
from partita.chaos.sender import Sender
from partita.chaos.stream import Stream
from partita.settings import Settings
from tests.conftest import needs_processes

pytestmark = needs_processes

LONG_AGO_S = 30.0


def say(_line: str) -> None:
    pass


async def test_unrest_changes_and_what_cannot_be_read_are_seen(tmp_path: Path) -> None:
    hearing = Hearing(io.StringIO())
    async with scene(Settings(), hearing, seed=1, say=say) as at:
        with History(tmp_path) as history:
            sender, stream = Sender(at.system.app, history), Stream(1)
            async with sender.connected():
                for part in stream.opening():
                    await sender.send(part, asyncio.Event(), rate=5_000)
                    assert await at.caught_up(sender.sent.ends, 60.0) is not None

        await who_holds_a_lock_or_an_old_transaction_is_named(at)
        await a_role_that_is_missing_is_named(at)
        await a_rule_that_was_switched_off_is_named(at, tmp_path)
        await at.crew.stop()
        await asyncio.to_thread(at.kafka.kill)
        reads = await read_all(at, tmp_path, say=say, on_read=lambda _done, _total: None)

    assert (reads.records, reads.results, reads.dead, reads.books, reads.findings) == (None,) * 5
    assert reads.audit == []
    case = Case(
        published=list(sender.sent.published.values()),
        movements=stream.movements,
        unrest=[],
        alarms=[],
        sometimes=dict.fromkeys(SOMETIMES, 1),
        **vars(reads) | {"allowed": []},
    )
    assert verdict_of(judged(case)) is Verdict.UNKNOWN


async def who_holds_a_lock_or_an_old_transaction_is_named(at: Scene) -> None:
    async with asyncio.timeout(60):
        while await at.unrest(LONG_AGO_S):
            pass
    stranger = await asyncpg.connect(at.postgres.url, server_settings={"application_name": "stranger"})
    try:
        async with stranger.transaction():
            await stranger.execute("SELECT pg_advisory_lock(1)")
            found = " ".join(await at.unrest(0.0))
        assert "of stranger is in an old transaction" in found
        assert "'stranger'" in found
    finally:
        await stranger.close()


async def a_role_that_is_missing_is_named(at: Scene) -> None:
    post = await at.crew.leave("worker-2")
    at.crew.posts.append(post)  # nobody mans it
    assert "2 processes, but 1 sessions of partita consumer ledger" in await at.unrest(LONG_AGO_S)
    at.crew.posts.remove(post)
    assert await at.unrest(LONG_AGO_S) == []


async def a_rule_that_was_switched_off_is_named(at: Scene, folder: Path) -> None:
    reads = await read_all(at, folder, say=say, on_read=lambda _done, _total: None)
    assert (reads.allowed, reads.findings, reads.audit) == ([], [], [])
    assert len(reads.records or ()) == len(reads.results or ()) > 0
    async with at.session() as session:
        await session.execute("ALTER TABLE entry DISABLE TRIGGER append_only, DISABLE TRIGGER moved_only")
    reads = await read_all(at, folder, say=say, on_read=lambda _done, _total: None)
    assert reads.allowed == ["change_entry", "delete_entry"]
