"""The feed: every visible change of a user, in the order of their numbers, for devices that keep in step.

Promise   Changes are numbered 1, 2, 3 ... under the user's lock and commit in that order: pages by number are complete
          and in order, however much is written meanwhile. Each says all there is to say of what has changed; a deletion
          is a change too. A token of changes that are no more, for the books were restored to a time before them, is
          declined: ``snapshot_gone``.
Cost      Two statements: three index scans that end with the page, and two look-ups of events.
Bound     A page in memory.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
from msgspec import Struct

from contracts.envelope import moment_text
from processor.database import Connection, named_queries
from processor.engine.tokens import Seal
from processor.errors import Declined
from processor.expenses.reads import ExpenseRead, RecurringState, expense_of, no_user, recurring_of
from processor.expenses.rules.views import amount_text, month_text

ROWS_MAX: Final = 1000

_SQL = named_queries("processor.expenses", "feed.sql")


class ExpenseChange(ExpenseRead, tag_field="kind", tag="expense", frozen=True, kw_only=True):
    """A version of an expense: added, changed, or *deleted*."""

    changed_at: str


class BudgetChange(Struct, tag_field="kind", tag="budget", frozen=True, kw_only=True):
    """A budget as it was set: for a month, or for every month (null). A *limit* of null has removed it."""

    user_id: str
    category: str
    month: str | None
    limit: str | None
    base_currency: str
    change_no: int
    changed_at: str


class RecurringChange(RecurringState, tag_field="kind", tag="recurring", frozen=True, kw_only=True):
    """What was agreed of a recurring entry, or that it *stopped*."""

    changed_at: str


Change = ExpenseChange | BudgetChange | RecurringChange


class Bookmark(Struct, frozen=True, array_like=True):
    """What a token holds: the number of the last change that was read, 0 for none, and the id of its event."""

    user_id: str
    change_no: int
    event_id: bytes


class ChangesPage(Struct, frozen=True, kw_only=True):
    """A page of the feed. *next_token* asks for what is behind it, now or later; *complete* if there was nothing."""

    changes: list[Change]
    next_token: str
    complete: bool


def feed_seal(secret: bytes) -> Seal[Bookmark]:
    """Return what writes and reads the tokens of the feed."""
    return Seal(secret, purpose="changes", content=Bookmark)


async def changes(
    connection: Connection,
    user_id: str,
    token: str = "",
    *,
    seal: Seal[Bookmark],
    limit: int = 100,
    rows_max: int = ROWS_MAX,
) -> ChangesPage:
    """Return the changes of a user behind those that *token* stands for, from the first on without one.

    Raises:
        Declined: ``user_not_found``, ``limit_invalid``, ``token_invalid``, or ``snapshot_gone``.
    """
    if not 1 <= limit <= rows_max:
        raise Declined("limit_invalid", f"A page has 1 to {rows_max} rows; ask for as many.")
    mark = seal.read(token) if token else Bookmark(user_id, 0, b"")
    if mark.user_id != user_id:
        raise Declined("token_invalid", "The token was given for another user's changes; begin anew without a token.")
    rows = await connection.fetch(_SQL["changes"], user_id, mark.change_no, limit + min(mark.change_no, 1))
    if not rows:
        raise no_user(user_id)
    found = [row for row in rows if row["change_no"] is not None]
    ids = await _event_ids(connection, [*found[:1], *found[-1:]])
    if mark.change_no:
        _require(mark, found[:1], ids)
        del found[0]
    numbers = [row["change_no"] for row in found]
    assert numbers == list(range(mark.change_no + 1, mark.change_no + 1 + len(found))), (
        "changes are numbered without gaps"
    )
    if found:
        mark = Bookmark(user_id, numbers[-1], ids[_stamp(found[-1])])
    return ChangesPage(
        changes=[_CHANGES[row["kind"]](row) for row in found],
        next_token=seal.write(mark),
        complete=mark.change_no == rows[0]["last_change_no"],
    )


def _stamp(row: asyncpg.Record) -> tuple[int, int]:
    return row["lane_no"], row["seq"]


async def _event_ids(connection: Connection, rows: Sequence[asyncpg.Record]) -> dict[tuple[int, int], bytes]:
    """Return by stamp the ids of the events that told of the changes in *rows*."""
    lane_nos, seqs = [row["lane_no"] for row in rows], [row["seq"] for row in rows]
    return {_stamp(row): row["id"] for row in await connection.fetch(_SQL["event_ids"], lane_nos, seqs)}


def _require(mark: Bookmark, found: Sequence[asyncpg.Record], ids: dict[tuple[int, int], bytes]) -> None:
    """Make sure that the change that was read last is still what it was; all before it are then, too."""
    if [(row["change_no"], ids[_stamp(row)]) for row in found] != [(mark.change_no, mark.event_id)]:
        raise Declined(
            "snapshot_gone",
            "The books were restored to a time before what was read; forget it, and begin anew without a token.",
        )


def _expense(row: asyncpg.Record) -> ExpenseChange:
    return ExpenseChange(**expense_of(row), changed_at=moment_text(row["changed_at"]))


def _budget(row: asyncpg.Record) -> BudgetChange:
    month, limit_minor, currency = row["month"], row["limit_minor"], row["base_currency"]
    return BudgetChange(
        user_id=row["user_id"],
        category=row["category"],
        month=None if month is None else month_text(month),
        limit=None if limit_minor is None else amount_text(limit_minor, currency),
        base_currency=currency,
        change_no=row["change_no"],
        changed_at=moment_text(row["changed_at"]),
    )


def _recurring(row: asyncpg.Record) -> RecurringChange:
    return RecurringChange(**recurring_of(row), changed_at=moment_text(row["changed_at"]))


_CHANGES: Final[dict[str, Callable[[Any], Change]]] = {
    "expense": _expense,
    "budget": _budget,
    "recurring": _recurring,
}
