"""``partita expenses``: what a user has spent in a month or a year, and how budgets stand."""

from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.database import Connection
from processor.errors import NotPrepared
from processor.expenses.periods import month_at, month_before
from processor.expenses.progress import progress
from processor.expenses.reads import user
from processor.expenses.rules.views import month_text
from processor.expenses.summaries import month_summary, trend, year_summary

_MONTHS: Final = 12  # of the trend beside a month
_NUMBERS: Final = ("spent", "expenses", "share", "limit", "percent")


async def expenses(
    user_id: str,
    *,
    month: Annotated[str, Parameter(show_default=False)] = "",
    year: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Shows what a user has spent, by category and over time, and how budgets stand.

    A month comes with its budgets and the twelve months that end with it, a
    year with each of its months. All amounts are in the user's currency.

    For example:
        partita expenses ada --month 2026-07

        partita expenses ada --year 2026 --json

    Parameters
    ----------
    user_id:
        the user
    month:
        a month, written YYYY-MM; the one that it is where the user is, if
        nothing is asked for
    year:
        a calendar year
    as_json:
        one JSON object
    """
    if month and year is not None:
        raise NotPrepared("--month and --year exclude each other; give one of them.")
    async with session(App(settings=load_settings()), "expenses") as connection:
        if year is not None:
            found = msgspec.to_builtins(await year_summary(connection, user_id, year))
        else:
            found = await _month(connection, user_id, month)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found)


async def _month(connection: Connection, user_id: str, month: str) -> dict[str, Any]:
    """Return a month with its budgets and the months that lead to it."""
    month = month or (await user(connection, user_id)).today[: len("YYYY-MM")]
    first = month_before(month_at(month), _MONTHS - 1)
    summary = await month_summary(connection, user_id, month)
    budgets = await progress(connection, user_id, month)
    line = await trend(connection, user_id, month_text(first), month)
    found: dict[str, Any] = msgspec.to_builtins(summary)
    return found | {"budgets": msgspec.to_builtins(budgets.budgets), "months": msgspec.to_builtins(line.months)}


def _show(found: dict[str, Any]) -> None:
    period = found.get("month") or found["year"]
    for budget in found.get("budgets", ()):
        print(budget["line"])
    console = Console()
    title = f"{period}: {found['total']} {found['base_currency']}, {found['expenses']} expenses"
    console.print(_table(title, ("category", "spent", "expenses", "share"), found["categories"]))
    console.print(_table("By month", ("month", "spent", "expenses"), found["months"]))


def _table(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        table.add_row(*(Text("" if row[name] is None else str(row[name])) for name in columns))
    return table
