"""The store of the expenses: the phases of a batch as statements, whose number does not depend on its size.

Cost      Load 1 for the users, and one each for the expenses, recurring entries (3), sums, budgets and rates (3) that a
          batch speaks of. Save one for each table that has changed.
Invariant Locks are taken in one order: lanes (the engine's), users by id, all rates. What is below a user needs
          none: the user's row is its lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar

from contracts.envelope import Command
from contracts.expenses import RECURRING_PREFIX
from processor.database import Connection
from processor.engine.copy import Table
from processor.engine.families import shelves_in, tables_in
from processor.engine.shelves import Shelf, add_kept_in_tx, save_shelf_in_tx
from processor.engine.shelving import ByKey
from processor.expenses import families
from processor.expenses.erasing import erase_in_tx
from processor.expenses.families.budgets import budgets_in_tx
from processor.expenses.families.expenses import expenses_in_tx
from processor.expenses.families.rates import lock_rates_in_tx, note_setting_in_tx, rates_in_tx
from processor.expenses.families.recurring import recurring_in_tx
from processor.expenses.families.summaries import summaries_in_tx
from processor.expenses.families.users import lock_users_in_tx, user_numbers_in_tx
from processor.expenses.keys import Keys, Named, Place, keys_of, sums
from processor.expenses.tracker import BUDGET, EXPENSE, RATE, RECURRING, SUMMARY, USER, Tracker


class ExpensesStore:
    """Moves rows between the tables of expenses and the tracker."""

    tables: ClassVar[Mapping[str, Table]] = tables_in(families)
    shelves: ClassVar[Sequence[Shelf]] = shelves_in(families)

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:  # noqa: ARG002 - a store's signature
        """Return what deciding *commands* may need; nothing of it has to be looked up."""
        return keys_of(commands)

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Tracker:  # noqa: ARG002
        """Lock users, then what they spent, their sums, budgets and recurring entries, and the rates to convert by."""
        users, user_at = await lock_users_in_tx(tx, keys.user_ids)
        numbers = await user_numbers_in_tx(tx, len(keys.creating))
        user_nos = {user_id: users[user_id].value.user_no for user_id in keys.user_ids if user_id in users}
        expenses = await expenses_in_tx(tx, _numbered(user_nos, keys.expenses))
        moving = [user_nos[each] for each in keys.moving if each in user_nos]
        recurring = await recurring_in_tx(tx, _numbered(user_nos, keys.recurring), moving)
        _name_rows(keys, user_nos, expenses, recurring)
        touched = sums(
            (user_nos[user_id], named)
            for rows in (keys.expenses, keys.recurring)
            for (user_id, _), named in rows.items()
            if user_id in user_nos
        )
        capped = {(user_no, category) for user_no, _, category in touched} | set(_numbered(user_nos, keys.budgets))
        wanted = _wanted(keys, users)
        rate_at = await lock_rates_in_tx(tx, setting=keys.sets_rates) if wanted or keys.sets_rates else None
        return Tracker(
            {
                USER: users,
                EXPENSE: expenses,
                RECURRING: recurring,
                SUMMARY: await summaries_in_tx(tx, touched),
                BUDGET: await budgets_in_tx(tx, capped),
                RATE: await rates_in_tx(tx, wanted, keys.setting),
            },
            numbers=numbers,
            last_changed_at=max((each for each in (user_at, rate_at) if each is not None), default=None),
        )

    async def complete_in_tx(self, tx: Connection, world: Tracker, keys: Keys, instant: datetime) -> None:
        """Add nothing: what is due on which day the rules see by themselves."""

    async def save_in_tx(self, tx: Connection, world: Tracker) -> None:
        """Write what the decisions left behind, and forget at last what is to be forgotten."""
        if world.instant is None:
            return
        await add_kept_in_tx(tx, self.tables, world)
        for shelf in self.shelves:
            await save_shelf_in_tx(tx, shelf, world, world.instant)
        await note_setting_in_tx(tx, world.shelves[RATE], world.instant)
        for erasure in world.erasures:
            await erase_in_tx(tx, erasure)


def _numbered(user_nos: Mapping[str, int], places: Iterable[Place]) -> list[tuple[int, str]]:
    """Return what is named by its user and an id of its own, of users that there are, by user number."""
    return [(user_nos[user_id], own_id) for user_id, own_id in places if user_id in user_nos]


def _name_rows(keys: Keys, user_nos: Mapping[str, int], expenses: ByKey, recurring: ByKey) -> None:
    """Add to what the commands name what the rows have: it holds where a command leaves it out."""
    for (user_id, own_id), named in keys.expenses.items():
        if (row := expenses.get((user_nos.get(user_id), own_id))) is not None:
            expense = row.value
            named.add(day=expense.date.isoformat(), category=expense.category, currency=expense.currency)
    for (user_id, own_id), named in keys.recurring.items():
        if (row := recurring.get((user_nos.get(user_id), own_id))) is not None:
            for rule in row.value.rules:
                named.add(category=rule.category, currency=rule.currency)
    for (user_id, own_id), named in keys.expenses.items():
        if own_id.startswith(RECURRING_PREFIX):  # a recurring entry of this very batch may make it
            for (owner, _), recurs in keys.recurring.items():
                named.join(recurs if owner == user_id else Named())


def _wanted(keys: Keys, users: ByKey) -> set[tuple[str, date]]:
    """Return the currencies, each with a day, whose prices may be needed to convert into a user's own."""
    wanted: set[tuple[str, date]] = set()
    for rows in (keys.expenses, keys.recurring):
        for (user_id, _), named in rows.items():
            known = {users[user_id].value.base_currency} if user_id in users else set()
            wanted |= _priced(named, keys.bases(user_id) | known)
    return wanted


def _priced(named: Named, bases: set[str]) -> set[tuple[str, date]]:
    if named.currencies <= bases and len(bases) < 2:  # noqa: PLR2004 - one currency needs no rate
        return set()
    return {(currency, day) for currency in named.currencies | bases for day in named.days}
