"""The store of revenue: the phases of a batch as statements, whose number does not depend on its size.

Cost      Load 1 for the accounts, 1 for fresh numbers, 1 for the records that a batch speaks of. Save one for each
          table that has changed.
Invariant Locks are taken in one order: lanes (the engine's), then accounts by id. What is below an account needs none:
          the account's row is its lock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct, field

from contracts.envelope import Command
from contracts.revenue import RevenueChangeRecord, RevenueCreateAccount, RevenueDeleteRecord, RevenueRecord
from processor.database import Connection
from processor.engine.copy import Table
from processor.engine.families import shelves_in, tables_in
from processor.engine.shelves import Shelf, add_kept_in_tx, save_shelf_in_tx
from processor.revenue import families
from processor.revenue.families.accounts import account_numbers_in_tx, lock_accounts_in_tx
from processor.revenue.families.records import records_in_tx
from processor.revenue.register import ACCOUNT, RECORD, Register


class Keys(Struct):
    """What a batch speaks of: accounts by id, whether they exist or not, and records by account and id."""

    account_ids: set[str] = field(default_factory=set)
    records: set[tuple[str, str]] = field(default_factory=set)
    creating: int = 0  # commands that create an account


class RevenueStore:
    """Moves rows between the tables of revenue and the register."""

    tables: ClassVar[Mapping[str, Table]] = tables_in(families)
    shelves: ClassVar[Sequence[Shelf]] = shelves_in(families)

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:  # noqa: ARG002 - a store's signature
        """Return what deciding *commands* may need; nothing of it has to be looked up."""
        keys = Keys()
        for command in commands:
            _add(keys, command)
        return keys

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Register:  # noqa: ARG002
        """Lock accounts, then read the records that are spoken of."""
        accounts, changed_at = await lock_accounts_in_tx(tx, keys.account_ids)
        numbers = await account_numbers_in_tx(tx, keys.creating)
        places = [
            (accounts[account_id].value.account_no, record_id)
            for account_id, record_id in keys.records
            if account_id in accounts
        ]
        shelves = {ACCOUNT: accounts, RECORD: await records_in_tx(tx, places)}
        return Register(shelves, numbers=numbers, last_changed_at=changed_at)

    async def complete_in_tx(self, tx: Connection, world: Register, keys: Keys, instant: datetime) -> None:
        """Add nothing: no rule of revenue asks what the time is."""

    async def save_in_tx(self, tx: Connection, world: Register) -> None:
        """Write what the decisions left behind."""
        if world.instant is None:
            return
        await add_kept_in_tx(tx, self.tables, world)
        for shelf in self.shelves:
            await save_shelf_in_tx(tx, shelf, world, world.instant)


def _add(keys: Keys, command: Any) -> None:
    account_id: str = command.account_id
    keys.account_ids.add(account_id)
    if isinstance(command, RevenueRecord | RevenueChangeRecord | RevenueDeleteRecord):
        keys.records.add((account_id, command.record_id))
    elif isinstance(command, RevenueCreateAccount):
        keys.creating += 1
