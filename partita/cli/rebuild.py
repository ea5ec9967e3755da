"""``partita rebuild``: what is summed up, summed up again."""

import json
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.activity import metrics_rebuilding
from processor.errors import NotPrepared
from processor.expenses.rebuilding import rebuild as rebuilt


async def rebuild(
    *,
    user: Annotated[str, Parameter(show_default=False)] = "",
    activity: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Sums up again what users have spent, or what merchants do.

    Nothing that works right can make it necessary: run it after the audit has
    named `expense_sums` or `activity_rollups`, and after somebody has mended
    rows by hand. What users have spent is written where it differs, and what
    was told of budgets is kept; users wait for a moment, some at a time. What
    metrics are read from is made anew as a whole, and nobody waits for it.

    For example:
        partita rebuild --user ada

        partita rebuild --activity

    Parameters
    ----------
    user:
        only what this one has spent; all, if left out
    activity:
        what metrics are read from, instead of what users have spent
    """
    if activity and user:
        raise NotPrepared("--activity and --user exclude each other; give one of them.")
    async with session(App(settings=load_settings()), "rebuild") as connection:
        if activity:
            found = asdict(await metrics_rebuilding.rebuild(connection))
        else:
            found = asdict(await rebuilt(connection, user_id=user or None))
    print(json.dumps(found))
