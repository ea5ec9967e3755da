"""The ledger's store: the phases of a batch as statements, whose number does not depend on its size.

Cost      Find 1 where accounts are debited, load 1 (2 where cash moves or fees may fall due, one more where something
          is opened); one more in each with reversals or refunds, and with closings. Save 3: transactions, entries,
          balances (and one each for what was opened, otherwise changed, batch legs, reversals, and for each table of a
          family). Customers, products, interest, holds and fees take statements of their own where a batch speaks of
          them.
Invariant Locks are taken in one order: lanes (the engine's), customers by id, accounts by number, products by name. The
          house's rows need none, nor do holds, advances, fees and interest: their account's row is their lock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import starmap
from typing import ClassVar, Final

import msgspec

from contracts.accounts import PLAIN
from contracts.envelope import Command
from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.families import shelves_in, tables_in
from processor.engine.shelves import Shelf, add_kept_in_tx, save_shelf_in_tx
from processor.errors import Overtaken
from processor.ledger import families
from processor.ledger.bank import Bank
from processor.ledger.book import Book
from processor.ledger.bookkeeping import Row
from processor.ledger.families.advances import advances_in_tx
from processor.ledger.families.customers import accounts_of_in_tx, lock_customers_in_tx
from processor.ledger.families.day_ends import day_ends_in_tx
from processor.ledger.families.holds import due_in_tx, holds_in_tx
from processor.ledger.families.interest import earned_in_tx
from processor.ledger.families.overdrafts import open_fees_in_tx
from processor.ledger.families.products import lock_products_in_tx
from processor.ledger.families.settlements import refunded_in_tx
from processor.ledger.keys import Keys, find_in_tx, originals_in_tx, protected_in_tx
from processor.ledger.products import BUILT_IN
from processor.ledger.rows import BATCH_LEG, ENTRY, REVERSAL, TRANSACTION, row_of, save_accounts_in_tx
from processor.ledger.values import FEES, Account, AccountType, Hold, Status, TransactionKind, house_account

_SQL = named_queries("processor.ledger", "store.sql")
_SETTLEMENTS: Final = (TransactionKind.CAPTURE, TransactionKind.SETTLE)


class LedgerStore:
    """Moves rows between the ledger's tables and the book of *bank*; *tables* and *shelves* are the families' own."""

    tables: ClassVar[Mapping[str, Table]] = tables_in(families)
    shelves: ClassVar[Sequence[Shelf]] = shelves_in(families)
    bank: Bank = Bank()  # unless another is given

    def __init__(self, bank: Bank | None = None) -> None:
        if bank is not None:
            self.bank = bank

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:
        """Return what deciding *commands* may need; see ``keys``."""
        return await find_in_tx(tx, commands)

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Book:
        """Lock customers, accounts and products, in this order, and return them with the house's rows of these lanes.

        Raises:
            Overtaken: What had been found without locks changed while they were waited for.
        """
        customers, customer_at = await lock_customers_in_tx(tx, keys.customer_ids)
        ids = keys.account_ids | await accounts_of_in_tx(tx, keys.restanding)
        records = await tx.fetch(_SQL["lock_accounts"], list(ids))
        rows = {record["account_id"]: row_of(record) for record in records}
        await _require_as_found_in_tx(tx, keys, rows)
        earned = await earned_in_tx(tx, [rows[each].account.account_no for each in keys.earning & rows.keys()])
        names = keys.products | earned.products | {row.account.product for row in rows.values()}
        products, product_at = await lock_products_in_tx(tx, names - BUILT_IN.keys(), changing=keys.sets_products)
        currencies = {row.account.currency for row in rows.values()} | keys.opened_currencies
        graced = any(row.account.grace_until is not None for row in rows.values())
        roles = sorted(keys.roles | ({FEES} if graced or not names <= {PLAIN} else set()))
        house, numbers = await _house_in_tx(tx, roles, currencies, lane_nos, opening=keys.opening)
        instants = [customer_at, product_at, earned.changed_at, *(record["decided_at"] for record in records)]
        return Book(
            rows=rows.values(),
            house=house,
            transactions=keys.originals,
            numbers=numbers,
            shelves={"customer": customers, "product": products, "interest": earned.rows},
            last_changed_at=max((each for each in instants if each is not None), default=None),
            bank=self.bank,
        )

    async def complete_in_tx(self, tx: Connection, world: Book, keys: Keys, instant: datetime) -> None:
        """Read what the locked accounts guard: past days, holds, advances, fees, refunds; leave expired holds out."""
        accounts = [row.account for row in world.rows.values()]
        earned = world.shelves["interest"]
        earning = [(each, earned[each.account_no].value) for each in accounts if each.account_no in earned]
        world.day_ends.update(await day_ends_in_tx(tx, earning, bank=self.bank, instant=instant))
        world.shelves["hold"] = await holds_in_tx(tx, _numbered(world, keys.holds))
        world.shelves.update(await advances_in_tx(tx, _numbered(world, keys.advances)))
        due = [each.account_no for each in accounts if each.hold_expiry is not None and each.hold_expiry <= instant]
        if due:
            await _lapse_in_tx(tx, world, due, instant)
        graced = [each.account_no for each in accounts if each.grace_until is not None and each.grace_until >= instant]
        if graced:
            world.open_fees.update(await open_fees_in_tx(tx, graced, instant))
        settled = {name: posted for name, posted in keys.originals.items() if posted.kind in _SETTLEMENTS}
        world.refunded.update(await refunded_in_tx(tx, settled))

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        """Write what the decisions left behind."""
        if world.instant is None:
            return
        await TRANSACTION.copy_in_tx(tx, starmap(TRANSACTION.pack, world.attempts))
        await ENTRY.copy_in_tx(tx, starmap(ENTRY.pack, world.entries))
        await BATCH_LEG.copy_in_tx(tx, starmap(BATCH_LEG.pack, world.batch_legs))
        await REVERSAL.copy_in_tx(tx, starmap(REVERSAL.pack, world.reversals))
        await add_kept_in_tx(tx, self.tables, world)
        await save_accounts_in_tx(tx, world, world.instant)
        for shelf in self.shelves:
            await save_shelf_in_tx(tx, shelf, world, world.instant)


def _numbered(world: Book, keys: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """Return what is named by its account and an id of its own, on accounts that there are, by account number."""
    known = {(account_id, own_id) for account_id, own_id in keys if account_id in world.rows}
    return [(world.rows[account_id].account.account_no, own_id) for account_id, own_id in known]


async def _require_as_found_in_tx(tx: Connection, keys: Keys, rows: Mapping[str, Row]) -> None:
    """Make sure that what was read before the locks is still so: nobody can change it now.

    Whoever may have to step in is locked: a link takes the locks of both accounts. So is whoever loses a protector by a
    closing. And what is to be undone takes the locks of its accounts, by whomever it is undone.
    """
    for account_id in keys.guarded:
        at: str | None = account_id
        while at is not None and at in rows:
            at = rows[at].account.protection_id
        if at is not None and at != account_id:
            raise Overtaken(f"{at} came to protect an account of this batch")
    if not await protected_in_tx(tx, keys.closing) <= rows.keys():
        raise Overtaken("an account that is to be closed came to protect another")
    if await originals_in_tx(tx, keys.undoing) != keys.originals:
        raise Overtaken("what is to be undone was made or undone meanwhile")


async def _house_in_tx(
    tx: Connection, roles: Collection[str], currencies: Collection[str], lane_nos: Sequence[int], *, opening: int
) -> tuple[list[Row], list[int]]:
    """Return the house's rows of these lanes, new ones where there are none yet, and numbers for *opening* more."""
    ids = {house_account(role, currency): currency for currency in sorted(currencies) for role in roles}
    records = await tx.fetch(_SQL["house_rows"], list(ids), lane_nos) if ids else []
    rows = [row_of(record) for record in records]
    known = {(row.account.account_id, row.lane_no) for row in rows}
    missing = [place for account_id in ids for lane_no in lane_nos if (place := (account_id, lane_no)) not in known]
    count = len(missing) + opening
    reserved = await tx.fetch(_SQL["reserve_numbers"], count) if count else []
    for (account_id, lane_no), (number, opened_at) in zip(missing, reserved, strict=False):
        rows.append(_new_house_row(account_id, ids[account_id], lane_no, number, opened_at))
    return rows, [number for number, _ in reserved[len(missing) :]]


def _new_house_row(account_id: str, currency: str, lane_no: int, number: int, opened_at: datetime) -> Row:
    """Return a row that is written once something has been posted to it."""
    kind, status = AccountType.HOUSE, Status.ACTIVE
    account = Account(number, account_id, kind, currency, "house", status, 0, 0, 0, 0, opened_at, None)
    return Row(account, lane_no)


async def _lapse_in_tx(tx: Connection, world: Book, account_nos: Sequence[int], instant: datetime) -> None:
    """Make available again what has expired on these accounts; it stays open until it is tidied up."""
    due, following = await due_in_tx(tx, account_nos, instant)
    back: dict[int, int] = dict.fromkeys(account_nos, 0)
    for place, read in due.items():
        shelved = world.shelves["hold"].setdefault(place, read)
        hold: Hold = shelved.value
        back[hold.account_no] += hold.remaining_minor
        shelved.value, shelved.changed = msgspec.structs.replace(hold, lapsed=True), True
    for row in world.rows.values():
        account = row.account
        if account.account_no in back:
            available_minor = account.available_minor + back[account.account_no]
            expiry = following.get(account.account_no)
            row.account = msgspec.structs.replace(account, available_minor=available_minor, hold_expiry=expiry)
            row.changed = row.restated = True
