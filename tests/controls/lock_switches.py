"""More switches: what the ledger's store locks, compares, and reads behind its locks, each taken away."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from contracts.envelope import Command
from processor.database import Connection
from processor.engine import persist
from processor.engine.failures import Remedy, remedy_for
from processor.engine.shelves import Shelf
from processor.ledger import store
from processor.ledger.families import customers, products
from processor.ledger.families.advances import SHELVES as ADVANCES
from processor.ledger.families.advances import advances_in_tx
from processor.ledger.families.holds import HOLDS, holds_in_tx
from processor.ledger.families.settlements import refunded_in_tx
from processor.ledger.keys import Keys, find_in_tx
from tests.controls.switches import rewrite

STEPPING_IN = (
    "SELECT protection_account_id FROM account WHERE protection_account_id > '' AND account_id = ANY($1::text[])"
)


async def sorted_union(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Accounts are locked before those that may step in for them, whatever their numbers."""
    later = f"ORDER BY account_id IN ({STEPPING_IN}), account_no"
    rewrite(patch, store._SQL, "lock_accounts", "ORDER BY account_no + 0", later)


async def comparing_what_was_found(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """What was read before the locks is taken to be so behind them."""

    async def nothing(tx: Connection, keys: Keys, rows: object) -> None:
        pass

    patch.setattr(store, "_require_as_found_in_tx", nothing)


async def holds_behind_locks(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Holds are as they were before their accounts were locked."""

    async def read(tx: Connection, keys: Keys) -> Any:
        numbers = dict(map(tuple, await tx.fetch("SELECT account_id, account_no FROM account")))
        return await holds_in_tx(tx, [(numbers[each], hold_id) for each, hold_id in keys.holds if each in numbers])

    _read_early(patch, "holds_in_tx", read)


async def advances_behind_locks(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Advances and their payments are as they were before their accounts were locked."""

    async def read(tx: Connection, keys: Keys) -> Any:
        numbers = dict(map(tuple, await tx.fetch("SELECT account_id, account_no FROM account")))
        return await advances_in_tx(tx, [(numbers[each], own_id) for each, own_id in keys.advances if each in numbers])

    _read_early(patch, "advances_in_tx", read)


async def refunds_behind_locks(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """What has come back of a settlement is read before its accounts are locked."""

    async def read(tx: Connection, keys: Keys) -> Any:
        return await refunded_in_tx(tx, keys.originals)

    _read_early(patch, "refunded_in_tx", read)


async def hold_version(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Holds are written whatever has become of the row since it was read."""
    _unchecked(patch, HOLDS, "hold")


async def advance_versions(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Advances and payments are written whatever has become of their rows since they were read."""
    for shelf, name in zip(ADVANCES, ("advance", "payment"), strict=True):
        _unchecked(patch, shelf, name)


def _unchecked(patch: pytest.MonkeyPatch, own: Shelf, name: str) -> None:
    clause = f"AND {name}.version = u.version"
    assert clause in own.update
    unchecked = replace(own, update=own.update.replace(clause, ""))
    shelves = [unchecked if shelf is own else shelf for shelf in store.LedgerStore.shelves]
    patch.setattr(store.LedgerStore, "shelves", shelves)


async def customer_lock(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Customers are read, and others may read them meanwhile."""
    rewrite(patch, customers._SQL, "lock_customers", " FOR UPDATE")


async def product_lock(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """A product is read, and others may be changing it meanwhile."""
    rewrite(patch, products._SQL, "share_products", " FOR SHARE")


async def races_known(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """A violated key is a fault of a command, whichever key it is."""

    def judged(error: Exception, *, races: object) -> Remedy:
        return remedy_for(error)

    patch.setattr(persist, "remedy_for", judged)


def _read_early(patch: pytest.MonkeyPatch, name: str, read: Callable[[Connection, Keys], Awaitable[Any]]) -> None:
    """Have *read* done where a batch looks for its keys, and what it says told where the store reads by *name*."""
    early: dict[Connection, Any] = {}

    async def find(tx: Connection, commands: Sequence[Command]) -> Keys:
        keys = await find_in_tx(tx, commands)
        early[tx] = await read(tx, keys)
        return keys

    async def as_it_was(tx: Connection, _: object) -> Any:
        return early[tx]

    patch.setattr(store, "find_in_tx", find)
    patch.setattr(store, name, as_it_was)
