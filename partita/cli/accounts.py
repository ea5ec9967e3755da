"""``partita accounts``: every account with its balances."""

import csv
import sys
from collections.abc import AsyncIterator
from dataclasses import astuple, fields
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.ledger.reads import AccountLine, account_lines

TABLE_ROWS_MAX: Final = 1000
_COLUMNS: Final = [field.name for field in fields(AccountLine)]


async def accounts(
    *,
    as_csv: Annotated[bool, Parameter(name="--csv", negative=())] = False,
    house: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Lists accounts with their balances.

    Sorted by id. The table shows a thousand accounts at most; CSV has all of
    them, however many there are, and is written as they are read.

    For example:
        partita accounts

        partita accounts --csv > balances.csv

    Parameters
    ----------
    as_csv:
        account_id,currency,ledger_balance,available_balance,status
    house:
        the bank's own accounts too, each as the sum of its lanes
    """
    app = App(settings=load_settings())
    async with session(app, "accounts") as connection:
        await (_as_csv if as_csv else _as_table)(account_lines(connection, house=house))


async def _as_csv(lines: AsyncIterator[AccountLine]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    async for line in lines:
        writer.writerow(astuple(line))


async def _as_table(lines: AsyncIterator[AccountLine]) -> None:
    table = Table()
    for name in _COLUMNS:
        table.add_column(name.replace("_", " "), justify="right" if name.endswith("balance") else "left")
    async for line in lines:
        if table.row_count == TABLE_ROWS_MAX:
            table.caption = f"the first {TABLE_ROWS_MAX}; --csv has all"
            break
        table.add_row(*astuple(line))
    Console().print(table)
