"""The switches: each takes one defence of the engine away from this process, or from the test's own database.

Invariant What is taken away is there before, so that a control cannot go on without its defence having been found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from processor.database import Connection
from processor.engine import lanes, process
from processor.engine.batch import Batch
from processor.engine.decide import decision_instant
from processor.engine.events import Answer
from processor.engine.lanes import Lane
from processor.ledger import rows, store


async def answer_lookup(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Nobody asks which commands were answered before."""

    async def nothing(tx: Connection, command_ids: object) -> dict[bytes, Answer]:
        return {}

    patch.setattr(process, "answers_in_tx", nothing)


async def fence_low_side(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Records below their lane are not dropped."""
    real = lanes.enter_in_tx

    async def with_all_records(tx: Connection, context: str, batch: Batch) -> Sequence[Lane]:
        entered, items = await real(tx, context, batch), {part.partition: part.items for part in batch}
        for lane in entered:
            lane.items = items[lane.partition]
        return entered

    patch.setattr(lanes, "enter_in_tx", with_all_records)


async def fence_high_side(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """A batch that begins above its lane is let in."""
    patch.setattr(lanes, "_is_above", lambda _part, _lanes: False)


async def lane_lock(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """A lane is read, and others may read it meanwhile."""
    rewrite(patch, lanes._SQL, "lock_lanes", " FOR UPDATE")


async def account_lock(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Accounts are read, and others may read them meanwhile."""
    rewrite(patch, store._SQL, "lock_accounts", " FOR UPDATE")


async def version_check(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Balances are written whatever has become of the row since it was read."""
    rewrite(patch, rows._SQL, "update_balances", " AND account.version = u.version")


async def clock_after_locks(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """The clock is that of the transaction's beginning, before it has waited for any lock."""
    rewrite(patch, lanes._SQL, "clock", "partita_clock()", "now()")


async def instant_after_last_change(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """An instant may lie before the last change of an account that is decided on."""
    real = decision_instant
    patch.setattr(process, "decision_instant", lambda clock, entered, _changed: real(clock, entered, None))


async def one_answer_index(_: pytest.MonkeyPatch, connection: Connection) -> None:
    await connection.execute("DROP INDEX event_one_answer_per_command")


async def event_key(_: pytest.MonkeyPatch, connection: Connection) -> None:
    await connection.execute("ALTER TABLE event DROP CONSTRAINT event_pkey")


async def entry_key(_: pytest.MonkeyPatch, connection: Connection) -> None:
    await connection.execute("ALTER TABLE entry DROP CONSTRAINT entry_pkey")


def rewrite(patch: pytest.MonkeyPatch, queries: Mapping[str, Any], name: str, clause: str, instead: str = "") -> None:
    assert clause in queries[name]
    patch.setitem(queries, name, queries[name].replace(clause, instead))
