"""``partita rebuild``: what users have spent, summed up again."""

import json
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.expenses.rebuilding import rebuild as rebuilt


async def rebuild(*, user: Annotated[str, Parameter(show_default=False)] = "") -> None:
    """Sums up again what users have spent by month and category.

    Nothing that works right can make it necessary: run it after the audit has
    named `expense_sums`, and after somebody has mended expenses by hand. It
    writes what differs, keeps what was told of budgets, and may run while
    commands are applied; users wait for a moment, some at a time.

    For example:
        partita rebuild --user ada

    Parameters
    ----------
    user:
        only this one; all, if left out
    """
    async with session(App(settings=load_settings()), "rebuild") as connection:
        print(json.dumps(asdict(await rebuilt(connection, user_id=user or None))))
