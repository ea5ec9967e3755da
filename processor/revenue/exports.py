"""The export of revenue: records as they counted below a cut, with the tier that their account had there.

Promise   What was deleted by then is left out, with its account or alone; what has changed since is as it was.
Cost      A range of one index for each slice, by account, and a look-up for each row in it.
Bound     A slice looks at ``ROWS`` versions of records, however many an account has.
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Final

from contracts.specs import REVENUE
from processor.database import Connection, named_queries
from processor.engine.cuts import Cut, cut_lanes
from processor.engine.export_filters import is_day, is_id
from processor.engine.exporting import Cell, Column, ExportKind, Filter, Filters, Slice, copied
from processor.revenue.reads import TIERS, no_account

ROWS: Final = 20_000
_LAST_NO: Final = 2**63 - 1

_SQL = named_queries("processor.revenue", "exports.sql")
_ROWS: Final = copied(_SQL["revenue_rows"])


async def slices(connection: Connection, cut: Cut, filters: Filters, *, rows: int = ROWS) -> AsyncIterator[Slice]:
    """Yield the slices of all records that counted below *cut*, or of an account's: each looks at *rows* versions.

    Raises:
        Declined: ``account_not_found``, there was no such account, or it was deleted by then.
    """
    lanes = await cut_lanes(connection, cut)
    below = ([each.lane_no for each in lanes], [each.next_seq for each in lanes])
    first_no, last_no = await _accounts(connection, below, filters.get("account_id"))
    days = (date.fromisoformat(filters["from"]), date.fromisoformat(filters["to"]))
    more = (*days, filters.get("tier"))
    place: tuple[Any, ...] = (first_no, date.min, "")
    while (after := await connection.fetchrow(_SQL["next_slice"], *place, rows)) and after["account_no"] <= last_no:
        yield _slice(*below, *place, *after, *more)
        place = tuple(after)
    yield _slice(*below, *place, last_no, date.max, "", *more)


async def _accounts(connection: Connection, below: tuple[Any, ...], account_id: str | None) -> tuple[int, int]:
    """Return the first and the last number of the accounts that are asked for."""
    if account_id is None:
        return 0, _LAST_NO
    found = await connection.fetchrow(_SQL["account_below"], *below, account_id)
    if found is None:
        raise no_account(account_id)
    return found["account_no"], found["account_no"]


def _slice(*arguments: Any) -> Slice:
    return Slice(rows=_ROWS, sums=_SQL["revenue_sums"], arguments=arguments)


def _wrong_days(filters: Filters) -> str | None:
    """Name the day that does not fit the other: days are written so that texts compare as they do."""
    return "to" if filters["to"] < filters["from"] else None


KINDS: Final = (
    ExportKind(
        name="revenue",
        context=REVENUE,
        about="Records of revenue that count, with the name and the tier of their account, by account and period.",
        columns=(
            Column(name="account_id", cell=Cell.ID, about="The revenue account."),
            Column(name="name", cell=Cell.TEXT, about="What the account is called."),
            Column(name="tier", cell=Cell.WORD, about="free, pro or enterprise."),
            Column(name="record_id", cell=Cell.ID, about="The record, unique among the account's."),
            Column(name="amount", cell=Cell.AMOUNT, about="How much was paid; a credit note is negative."),
            Column(name="currency", cell=Cell.CURRENCY, about="The currency of the amount."),
            Column(name="period_start", cell=Cell.DATE, about="The first day that it was paid for."),
            Column(name="period_end", cell=Cell.DATE, about="The last day that it was paid for."),
        ),
        filters={
            "tier": Filter(about=f"{', '.join(TIERS)}: accounts of that tier at the cut", fits=TIERS.__contains__),
            "account_id": Filter(about="a revenue account", fits=is_id),
            "from": Filter(about="a day: records that begin on it or later", fits=is_day, is_required=True),
            "to": Filter(about="a day: records that begin before it", fits=is_day, is_required=True),
        },
        slices=slices,
        check=_wrong_days,
    ),
)
