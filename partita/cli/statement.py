"""``partita statement``: an account's month."""

import csv
import sys
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.database import Connection
from processor.ledger.bank import Bank
from processor.ledger.statements import Month, StatementLine, open_statement, statement_lines

TABLE_LINES_MAX: Final = 1000
_COLUMNS: Final = StatementLine.__struct_fields__
_AMOUNTS: Final = ("amount", "balance")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def statement(
    account_id: str,
    *,
    month: str,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    as_csv: Annotated[bool, Parameter(name="--csv", negative=())] = False,
) -> None:
    """Shows an account's month with its opening and closing balance.

    Days are those of the bank's time zone. Interest stands at the end of the
    day that it counts for, whenever it was posted. The table shows a thousand
    lines at most; JSON and CSV have all of them.

    For example:
        partita statement alice --month 2026-07

        partita statement alice --month 2026-07 --csv > alice.csv

    Parameters
    ----------
    account_id:
        the account
    month:
        a month, written YYYY-MM
    as_json:
        one JSON object
    as_csv:
        the lines alone, as they are read
    """
    settings = load_settings()
    bank = Bank(zone=ZoneInfo(settings.timezone))
    async with session(App(settings=settings), "statement") as connection:
        opened = await open_statement(connection, account_id, month, bank=bank)
        show = _as_csv if as_csv else _as_json if as_json else _as_table
        await show(connection, opened, bank)


async def _as_json(connection: Connection, month: Month, bank: Bank) -> None:
    lines = [line async for line in statement_lines(connection, month, bank=bank)]
    print(msgspec.json.encode(msgspec.to_builtins(month.statement) | {"lines": lines}).decode())


async def _as_csv(connection: Connection, month: Month, bank: Bank) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    async for line in statement_lines(connection, month, bank=bank):
        free = {name: _cell(getattr(line, name)) for name in ("description", "reference")}
        writer.writerow(msgspec.structs.astuple(msgspec.structs.replace(line, **free)))


def _cell(text: str) -> str:
    """Return a sender's *text* so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _as_table(connection: Connection, month: Month, bank: Bank) -> None:
    facts = Table(show_header=False)
    for name, value in msgspec.to_builtins(month.statement).items():
        facts.add_row(name.replace("_", " "), str(value))
    table = Table()
    for name in _COLUMNS:
        table.add_column(name.replace("_", " "), justify="right" if name in _AMOUNTS else "left")
    async for line in statement_lines(connection, month, bank=bank):
        if table.row_count == TABLE_LINES_MAX:
            table.caption = f"the first {TABLE_LINES_MAX}; --csv has all"
            break
        table.add_row(*(Text(str(value)) for value in msgspec.structs.astuple(line)))  # a sender's text is no markup
    console = Console()
    console.print(facts)
    if table.row_count:
        console.print(table)
