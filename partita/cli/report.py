"""``partita report``: what the books say of many things at once, as of one moment."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cyclopts import App as Doors
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.cli.files import writable
from partita.settings import Settings, load_settings
from processor.database import Connection
from processor.errors import NotPrepared
from processor.expenses.rules.views import amount_text
from processor.ledger.reports import ReportLimits, ReportPage, ReportQuery, report_seal, transactions_report

_COLUMNS: Final = (
    *("decided_at", "status", "reason", "type", "source_account_id", "destination_account_id", "amount", "currency"),
)

_UNSAID: Final = Parameter(show_default=False)

report = Doors(
    name="report",
    help="""Reports on transactions, page by page, as of one moment, and on a user's tax year.

For example:
    partita report transactions --status FAILED
""",
    help_epilogue="",
)


@report.command
async def transactions(
    *,
    account: Annotated[str, _UNSAID] = "",
    transaction_id: Annotated[str, Parameter(name="--id", show_default=False)] = "",
    status: Literal["POSTED", "REVERSED", "FAILED", "PENDING"] | None = None,
    reason: Annotated[str, _UNSAID] = "",
    since: Annotated[datetime | None, Parameter(name="--from")] = None,
    until: Annotated[datetime | None, Parameter(name="--to")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 100,
    token: Annotated[str, _UNSAID] = "",
    every_page: Annotated[bool, Parameter(name="--all", negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Lists what was posted, refused and held, the latest first.

    The first page takes a snapshot of the books, and ends with the token of
    the next one: whatever is posted meanwhile, all pages of a report show the
    books as they stood then. A report covers PARTITA_REPORT_DAYS_MAX days (5)
    at most, and the last of them if nothing else is asked for.

    For example:
        partita report transactions --account alice --limit 20

        partita report transactions --from 2026-07-01 --to 2026-07-03 --all --json

    Parameters
    ----------
    account:
        only what an account has a part in
    transaction_id:
        only this one
    status:
        POSTED, REVERSED, FAILED or PENDING
    reason:
        only what was refused with this code, or is held for this reason
    since:
        what was decided from this instant on, in UTC unless it has a zone
    until:
        what was decided before this instant; now, if it is left out
    limit:
        rows of a page
    token:
        the page it was given for; it knows all the rest
    every_page:
        this page and all after it
    as_json:
        a JSON object a line, the last of which sums up and has the token
    """
    query = ReportQuery(
        account_id=account,
        transaction_id=transaction_id,
        status=status or "",
        reason=reason,
        since=_zoned(since),
        until=_zoned(until),
        limit=limit,
    )
    if token and query != ReportQuery():
        raise NotPrepared("A token knows what its report shows; give it alone, or begin a new report without it.")
    await _show(token or query, every_page=every_page, as_json=as_json)


@report.command
async def expenses(
    *,
    user: str,
    year: int,
    format: Literal["csv", "pdf"],  # noqa: A002 - the option's name
    out: Path,
) -> None:
    """Writes a user's expenses of a tax year as a file.

    CSV has a line for each expense; PDF is a document to hand in, with the
    totals of each category. The file is there when all of it is written, and
    is readable by you alone. A year is a calendar year.

    For example:
        partita report expenses --user ada --year 2026 --format pdf --out ada-2026.pdf

    Parameters
    ----------
    user:
        the user
    year:
        the year
    format:
        csv or pdf
    out:
        the file to write; one that is there is replaced
    """
    from partita.expense_report.writing import write_csv, write_pdf  # noqa: PLC0415 - transactions need none of it
    from processor.expenses.tax_year import tax_year  # noqa: PLC0415

    target = writable(out, option="--out")
    write = write_csv if format == "csv" else write_pdf
    async with (
        session(App(settings=load_settings()), "report") as connection,
        tax_year(connection, user, year) as (summed, rows),
    ):
        try:
            await write(summed, rows, target)
        except OSError as error:
            raise NotPrepared(f"{out} cannot be written ({error.strerror}); name another --out.") from error
    total = amount_text(summed.total_minor, summed.base_currency)
    print(f"{out}: {summed.expenses} expenses, {total} {summed.base_currency}", file=sys.stderr)


async def _show(asked: ReportQuery | str, *, every_page: bool, as_json: bool) -> None:
    settings = load_settings()
    async with session(App(settings=settings), "report") as connection:
        page = await _asked(connection, settings, asked)
        _show_rows(page, as_json=as_json)
        while every_page and page.next_token is not None:
            page = await _asked(connection, settings, page.next_token)
            _show_rows(page, as_json=as_json)
    _sum_up(page, as_json=as_json)


async def _asked(connection: Connection, settings: Settings, asked: ReportQuery | str) -> ReportPage:
    limits = ReportLimits(days_max=settings.report_days_max, rows_max=settings.report_rows_max)
    seal = report_seal(settings.fingerprint_key.get_secret_value().encode())
    return await transactions_report(connection, asked, seal=seal, limits=limits)


def _zoned(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant


def _show_rows(page: ReportPage, *, as_json: bool) -> None:
    if as_json:
        for row in page.transactions:
            print(msgspec.json.encode(row).decode())
        return
    table = Table()
    for name in _COLUMNS:
        header = name.removesuffix("_account_id").replace("_", " ")
        table.add_column(header, justify="right" if name == "amount" else "left")
    for row in page.transactions:
        table.add_row(*(getattr(row, name) or "" for name in _COLUMNS))
    Console().print(table)


def _sum_up(page: ReportPage, *, as_json: bool) -> None:
    if as_json:
        told = msgspec.to_builtins(page)
        del told["transactions"]
        print(json.dumps(told))
        return
    posted = ", ".join(f"{amount} {currency}" for currency, amount in page.sums.items()) or "nothing"
    print(f"page {page.page} of {page.total_pages}; {page.total_amount} transactions in all, posted: {posted}")
    if page.next_token is not None:
        print(f"next page: partita report transactions --token {page.next_token}")
