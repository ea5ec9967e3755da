"""``partita changes``: the feed that a user's devices keep in step by."""

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
from processor.expenses.feed import BudgetChange, Change, ChangesPage, ExpenseChange, feed_seal
from processor.expenses.feed import changes as read_changes

_COLUMNS: Final = ("change", "at", "kind", "what", "category", "amount")


async def changes(
    user_id: str,
    *,
    token: Annotated[str, Parameter(show_default=False)] = "",
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 100,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Lists what has changed of a user's expenses, budgets and recurring entries, in order.

    Every page ends with a token: it asks for what comes after, now or later.
    Without one the changes are listed from the first on.

    For example:
        partita changes ada --limit 20

        partita changes ada --json

    Parameters
    ----------
    user_id:
        the user
    token:
        the token of the page that was read last
    limit:
        rows of a page, PARTITA_REPORT_ROWS_MAX (1000) at most
    as_json:
        a JSON object a line, the last of which has the token
    """
    settings = load_settings()
    seal = feed_seal(settings.fingerprint_key.get_secret_value().encode())
    async with session(App(settings=settings), "changes") as connection:
        page = await read_changes(connection, user_id, token, seal=seal, limit=limit, rows_max=settings.report_rows_max)
    (_as_json if as_json else _as_table)(user_id, page)


def _as_json(_: str, page: ChangesPage) -> None:
    for change in page.changes:
        print(msgspec.json.encode(change).decode())
    print(json.dumps({"next_token": page.next_token, "complete": page.complete}))


def _as_table(user_id: str, page: ChangesPage) -> None:
    table = Table()
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in ("change", "amount") else "left")
    for change in page.changes:
        table.add_row(*map(Text, _cells(change)))
    Console().print(table)
    print("nothing is behind these" if page.complete else "there are more")
    print(f"what comes after: partita changes {user_id} --token {page.next_token}")


def _cells(change: Change) -> tuple[str, ...]:
    if isinstance(change, BudgetChange):
        kind, what = "budget", change.month or "every month"
        amount = "removed" if change.limit is None else f"{change.limit} {change.base_currency}"
    elif isinstance(change, ExpenseChange):
        kind, what = "expense", f"{change.expense_id} of {change.date}"
        amount = "deleted" if change.deleted else f"{change.amount} {change.currency}"
    else:
        kind, what = "recurring", f"{change.recurring_id} from {change.effective_from}"
        amount = "stopped" if change.stopped else f"{change.amount} {change.currency}"
    return str(change.change_no), change.changed_at, kind, what, change.category, amount
