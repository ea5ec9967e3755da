"""``partita revenue``: what an account has paid, record by record or summed up by month."""

import json
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.errors import NotPrepared
from processor.revenue.reads import RecordsPage, RecordsQuery, records, records_seal
from processor.revenue.summaries import Summary
from processor.revenue.summaries import summary as read_summary

_COLUMNS: Final = ("record", "from", "to", "amount", "currency")
_MONTHS: Final = ("month", "amount", "records", "growth")
_NUMBERS: Final = ("amount", "records", "growth")


async def revenue(
    account_id: str,
    *,
    period: Annotated[str, Parameter(show_default=False)] = "",
    summary: Annotated[bool, Parameter(negative=())] = False,
    token: Annotated[str, Parameter(show_default=False)] = "",
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 100,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Shows what an account has paid for which periods, or what that comes to.

    Records are listed in the order of their periods. A summary has, for each
    currency, the total, the average by month, and each month with its growth
    over the one before: 0.2500 is 25 %.

    For example:
        partita revenue acme --period 2026-07

        partita revenue acme --summary --json

    Parameters
    ----------
    account_id:
        the revenue account
    period:
        a month, written YYYY-MM: the records that begin in it
    summary:
        totals, averages and growth instead of records
    token:
        the token of the page before
    limit:
        rows of a page, PARTITA_REPORT_ROWS_MAX (1000) at most
    as_json:
        the summary as one JSON object; of records one a line, the last of
        which has the token
    """
    settings = load_settings()
    if sum(map(bool, (summary, period, token))) > 1:
        raise NotPrepared("--summary, --period and --token exclude each other; give one of them.")
    async with session(App(settings=settings), "revenue") as connection:
        if summary:
            _show_summary(await read_summary(connection, account_id), as_json=as_json)
            return
        seal = records_seal(settings.fingerprint_key.get_secret_value().encode())
        asked = token or RecordsQuery(period=period, limit=limit)
        page = await records(connection, account_id, asked, seal=seal, rows_max=settings.report_rows_max)
    (_as_json if as_json else _as_table)(account_id, page)


def _as_json(_: str, page: RecordsPage) -> None:
    for record in page.records:
        print(msgspec.json.encode(record).decode())
    print(json.dumps({"next_token": page.next_token}))


def _as_table(account_id: str, page: RecordsPage) -> None:
    table = _table(_COLUMNS)
    for each in page.records:
        table.add_row(*map(Text, (each.record_id, each.period_start, each.period_end, each.amount, each.currency)))
    Console().print(table)
    if page.next_token is not None:
        print(f"the next page: partita revenue {account_id} --token {page.next_token}")


def _show_summary(found: Summary, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    console = Console()
    if not found.currencies:
        print("no records")
    for each in found.currencies:
        growth = "" if each.latest_growth is None else f", latest growth {each.latest_growth}"
        print(f"{each.total} {each.currency}, {each.average_per_period} a month{growth}")
        table = _table(_MONTHS)
        for month in each.months:
            table.add_row(month.month, month.amount, str(month.records), month.growth or "")
        console.print(table)


def _table(columns: tuple[str, ...]) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    return table
