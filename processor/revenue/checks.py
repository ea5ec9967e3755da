"""What the tables of revenue promise, each as a check that the audit runs.

Promise   Numbers, counts and answers are told again from rows that never change; none of the code that made them runs.
Cost      Some passes over the versions of accounts and records in the order of accounts, and over the events they were
          told by.
Bound     An account lies in one slice with all its records: a slice may be as large as the largest account.
Invariant Each statement is one snapshot of running books, whatever the slices are; no finding tells a name.
"""

from collections.abc import Sequence
from typing import Final

from contracts.currencies import EXPONENTS
from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, Slice, Slicing, by_lane, keys_cut_by

_SQL = named_queries("processor.revenue", "audit.sql")

by_account: Final = keys_cut_by(_SQL["next_account_slice"], first=(-END,), last=(END,))


async def with_money(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut as ``by_account``; with each slice go the currencies there are, and how many decimals each has."""
    money = (list(EXPONENTS), list(EXPONENTS.values()))
    return [(*one, *money) for one in await by_account(connection, rows)]


def _check(name: str, promise: str, *parts: tuple[str, Slicing]) -> Check:
    return Check(
        name=name,
        promise=promise,
        parts=tuple(Part(statement=_SQL[statement], slicing=slicing) for statement, slicing in parts),
    )


REVENUE_CHECKS: Final = (
    _check(
        "revenue_accounts",
        "The versions of each revenue account are numbered from 1; the last is it, and its records are counted.",
        ("revenue_accounts", by_account),
    ),
    _check(
        "revenue_records",
        "The versions of each record are numbered from 1, end with its own or its account's deletion; the last is it.",
        ("revenue_records", by_account),
    ),
    _check(
        "revenue_answers",
        "Each version of revenue accounts and records was told as it is, and each answer that tells of one has it.",
        ("revenue_account_answers", by_account),
        ("revenue_record_answers", with_money),
        ("revenue_answers", by_lane),
    ),
)
