"""Sums written anew from the expenses they are of, beside a system that goes on.

Promise   Afterwards each sum of the users that were looked at is that of their expenses. What was told of a budget
          stays told; a sum that is right is not touched.
Cost      Two statements and a commit for each ``PAGE`` users, whose batches wait so long: some 0.1 s.
Invariant Users are locked as batches lock them, in the order of their ids; a page is read behind its locks.
"""

from dataclasses import dataclass
from typing import Final

from processor.database import Connection, named_queries
from processor.errors import Declined

PAGE: Final = 50

_SQL = named_queries("processor.expenses", "rebuilding.sql")


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """How many *users* were looked at, how many *sums* they have, and how many of these had *differed*."""

    users: int = 0
    sums: int = 0
    differed: int = 0


async def rebuild(connection: Connection, *, user_id: str | None = None, page: int = PAGE) -> Rebuilt:
    """Rebuild the sums of all users, *page* users at a time, or those of one; *connection* is in no transaction.

    Raises:
        Declined: ``user_not_found``.
    """
    if user_id is not None:
        return await _rebuild_one(connection, user_id)
    done, last = Rebuilt(), ""
    while True:
        async with connection.transaction():
            users = await connection.fetch(_SQL["lock_page"], last, page)
            found = await _rebuild_in_tx(connection, [row["user_no"] for row in users])
        done = Rebuilt(
            users=done.users + found.users, sums=done.sums + found.sums, differed=done.differed + found.differed
        )
        if len(users) < page:
            return done
        last = users[-1]["user_id"]


async def _rebuild_one(connection: Connection, user_id: str) -> Rebuilt:
    async with connection.transaction():
        user_no = await connection.fetchval(_SQL["lock_user"], user_id)
        if user_no is None:
            raise Declined("user_not_found", "No user has this id; correct it.")
        return await _rebuild_in_tx(connection, [user_no])


async def _rebuild_in_tx(tx: Connection, user_nos: list[int]) -> Rebuilt:
    """Rebuild the sums of users who are locked."""
    row = await tx.fetchrow(_SQL["rebuild"], user_nos)
    assert row is not None, "one row without a FROM"
    return Rebuilt(users=len(user_nos), sums=row["sums"], differed=row["differed"])
