"""Reads of the books that all families share, for people and scripts: nothing here locks or writes.

Promise   Accounts come in the order of their ids, each with both balances of one instant.
Cost      One index scan per page.
Bound     A page in memory, however many accounts there are. A page is one snapshot; on running books two pages are not.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from contracts.money import decimal_text, exponent_of
from processor.database import Connection, named_queries
from processor.ledger.values import Status

PAGE_ROWS: Final = 10_000

_SQL = named_queries("processor.ledger", "reads.sql")


@dataclass(frozen=True, kw_only=True)
class AccountLine:
    """One account; balances are decimal strings of its currency."""

    account_id: str
    currency: str
    ledger_balance: str
    available_balance: str
    status: str


async def account_lines(
    connection: Connection, *, house: bool = False, page_rows: int = PAGE_ROWS
) -> AsyncIterator[AccountLine]:
    """Yield customers' accounts, and those of the *house* if asked for."""
    after = ""
    while rows := await connection.fetch(_SQL["accounts"], after, page_rows, house):
        for row in rows:
            exponent = exponent_of(row["currency"])
            assert exponent is not None, "an account's currency is one that ISO 4217 lists"
            yield AccountLine(
                account_id=row["account_id"],
                currency=row["currency"],
                ledger_balance=decimal_text(int(row["ledger_minor"]), exponent),
                available_balance=decimal_text(int(row["available_minor"]), exponent),
                status=Status(row["status"]).name,
            )
        after = rows[-1]["account_id"]
