"""The ledger's store: every statement that a batch of the ledger issues, and none elsewhere.

Cost      Whatever the batch's size: find none (1 with reversals), load 1 (2 where cash moves, one more where something
          is opened), save 3: transactions, entries, balances (and one each for what was opened, otherwise changed,
          batch legs, reversals, and for each table of a family that rows are kept in).
Invariant Locks are taken in one order: lanes (the engine's), then accounts by number. The house's rows need none.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import starmap
from operator import attrgetter
from typing import Any, ClassVar, Final

import asyncpg
from msgspec import Struct

from contracts.accounts import AccountOpen
from contracts.envelope import Command
from contracts.ids import is_reserved, uuid_bytes, uuid_text
from contracts.money import exponent_of
from contracts.transfers import TransferDeposit, TransferReverse, TransferWithdraw
from processor.database import Connection, affected, named_queries
from processor.engine.copy import Table, microseconds
from processor.ledger import families
from processor.ledger.book import Book, Row
from processor.ledger.values import Account, AccountType, Leg, Posted, Status, house_cash

_SQL = named_queries("processor.ledger", "store.sql")

_ENTRY = Table(
    "entry",
    account_no="int8",
    entry_no="int8",
    lane_no="int4",
    seq="int8",
    entry_type="int2",
    amount_minor="int8",
    balance_after_minor="int8",
    posted_at="timestamptz",
    hash="hash",
)
_TRANSACTION = Table(
    "transaction",
    lane_no="int4",
    seq="int8",
    kind="int2",
    initiated_at="timestamptz",
    posted_at="timestamptz",
    source_no="int8?",
    destination_no="int8?",
    amount_minor="int8?",
    currency="text?",
    refusal="text?",
    description="text",
    reference="text",
)
_BATCH_LEG = Table(
    "batch_leg",
    lane_no="int4",
    seq="int8",
    leg_no="int2",
    source_no="int8",
    destination_no="int8",
    amount_minor="int8",
)
_REVERSAL = Table("reversal", original_lane_no="int4", original_seq="int8", lane_no="int4", seq="int8")
_ACCOUNT = Table(
    "account",
    account_no="int8",
    lane_no="int4",
    account_type="int2",
    status="int2",
    ledger_minor="int8",
    available_minor="int8",
    overdraft_limit_minor="int8",
    last_entry_no="int8",
    chain="hash",
    decided_at="timestamptz",
    opened_at="timestamptz",
    closed_at="timestamptz?",
    account_id="text",
    currency="text",
    product="text",
)


# What an update writes of a row, in the order of its query's arrays.
_BALANCES: Final = (
    *("account.account_no", "version", "account.ledger_minor", "account.available_minor"),
    *("account.last_entry_no", "chain"),
)
_BALANCE: Final = attrgetter(*_BALANCES)
_STATE: Final = attrgetter(*_BALANCES, "account.status", "account.overdraft_limit_minor", "account.closed_at")


# Commands that money may enter or leave the house's cash by.
_MOVES_CASH: Final[frozenset[type[Command]]] = frozenset({TransferDeposit, TransferWithdraw, TransferReverse})


class Keys(Struct, frozen=True):
    """What a batch speaks of: accounts, whether they exist or not, the originals of reversals, what it may open."""

    account_ids: frozenset[str]
    originals: Mapping[str, Posted]
    opening: int
    opened_currencies: frozenset[str]
    moves_cash: bool


class LedgerStore:
    """Moves rows between the ledger's tables and the book; *tables* are the families' own."""

    tables: ClassVar[Mapping[str, Table]] = families.tables_in(families)

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:
        """Return the ids of all accounts that deciding *commands* may touch."""
        ids = {account_id for command in commands for account_id in command.account_ids()}
        reversals = [uuid_bytes(each.transaction_id) for each in commands if type(each) is TransferReverse]
        rows = await tx.fetch(_SQL["find_originals"], reversals) if reversals else []
        for row in rows:
            ids |= {row["source_id"], row["destination_id"]}
        return Keys(
            frozenset(ids - {None}),
            _originals(rows),
            len(opening := [command for command in commands if type(command) is AccountOpen]),
            frozenset(command.currency for command in opening if exponent_of(command.currency) is not None),
            not _MOVES_CASH.isdisjoint(map(type, commands)),
        )

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Book:
        """Lock the accounts and return them, with the house's rows of these lanes."""
        records = await tx.fetch(_SQL["lock_accounts"], list(keys.account_ids))
        rows = [_row(record) for record in records]
        currencies = {row.account.currency for row in rows} | keys.opened_currencies
        house, missing = await _house_in_tx(tx, currencies if keys.moves_cash else (), lane_nos)
        count = len(missing) + keys.opening
        reserved = await tx.fetch(_SQL["reserve_numbers"], count) if count else []
        fresh = zip(missing, reserved, strict=False)
        house += [_new_house_row(currency, lane_no, *numbered) for (currency, lane_no), numbered in fresh]
        return Book(
            rows=rows,
            house=house,
            transactions=keys.originals,
            numbers=[number for number, _ in reserved[len(missing) :]],
            last_changed_at=max((record["decided_at"] for record in records), default=None),
        )

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        """Write what the decisions left behind."""
        await _TRANSACTION.copy_in_tx(tx, starmap(_TRANSACTION.pack, world.attempts))
        await _ENTRY.copy_in_tx(tx, starmap(_ENTRY.pack, world.entries))
        await _BATCH_LEG.copy_in_tx(tx, starmap(_BATCH_LEG.pack, world.batch_legs))
        await _REVERSAL.copy_in_tx(tx, starmap(_REVERSAL.pack, world.reversals))
        for name, rows in sorted(world.kept.items()):
            await self.tables[name].copy_in_tx(tx, starmap(self.tables[name].pack, rows))
        if world.instant is not None and (changed := world.changed_rows()):
            decided_us = microseconds(world.instant)
            # Sorted, so that two batches that open the same accounts wait for one another and do not deadlock.
            opened = sorted((row for row in changed if row.version == 0), key=lambda row: row.account.account_id)
            await _ACCOUNT.copy_in_tx(tx, [_opened(row, decided_us) for row in opened])
            known = [row for row in changed if row.version > 0]
            moved, restated = [row for row in known if not row.restated], [row for row in known if row.restated]
            await _update_in_tx(tx, "update_balances", _BALANCE, moved, world.instant)
            await _update_in_tx(tx, "update_accounts", _STATE, restated, world.instant)


async def _house_in_tx(
    tx: Connection, currencies: Collection[str], lane_nos: Sequence[int]
) -> tuple[list[Row], list[tuple[str, int]]]:
    """Return the house's rows of these lanes, and which (currency, lane_no) have none yet."""
    if not currencies:
        return [], []
    wanted = [(currency, lane_no) for currency in sorted(currencies) for lane_no in lane_nos]
    records = await tx.fetch(_SQL["house_cash"], [house_cash(currency) for currency in currencies], lane_nos)
    rows = [_row(record) for record in records]
    known = {(row.account.currency, row.lane_no) for row in rows}
    return rows, [each for each in wanted if each not in known]


def _new_house_row(currency: str, lane_no: int, number: int, opened_at: datetime) -> Row:
    account_id = house_cash(currency)
    kind, status = AccountType.HOUSE, Status.ACTIVE
    account = Account(number, account_id, kind, currency, "house", status, 0, 0, 0, 0, opened_at, None)
    return Row(account, lane_no, changed=True)


def _row(record: asyncpg.Record) -> Row:
    """Return the account of a record: its first columns are the account's, in order, then lane, chain and version."""
    values = tuple(record)
    size = len(Account.__struct_fields__)
    lane_no, chain, version = values[size : size + 3]
    return Row(Account(*values[:size]), lane_no, chain, version)


def _originals(records: Iterable[asyncpg.Record]) -> dict[str, Posted]:
    """Return what reversals speak of, the rows of one transaction's legs gathered."""
    originals: dict[str, Posted] = {}
    for record in records:
        transaction_id = uuid_text(record["command_id"])
        refused = record["refusal"] is not None
        earlier = originals.get(transaction_id)
        legs = () if earlier is None else earlier.legs
        if not refused:
            legs += (_leg(record),)
        place = (record["lane_no"], record["seq"], record["kind"])
        currency = record["currency"] or ""
        originals[transaction_id] = Posted(*place, currency, legs, refused=refused, reversed=record["reversed"])
    return originals


def _leg(record: asyncpg.Record) -> Leg:
    return Leg(_customer(record["source_id"]), _customer(record["destination_id"]), record["amount_minor"])


def _customer(account_id: str | None) -> str | None:
    return None if account_id is None or is_reserved(account_id) else account_id


def _opened(row: Row, decided_us: int) -> bytes:
    account = row.account
    closed_us = None if account.closed_at is None else microseconds(account.closed_at)
    return _ACCOUNT.pack(
        account.account_no,
        row.lane_no,
        account.account_type,
        account.status,
        account.ledger_minor,
        account.available_minor,
        account.overdraft_limit_minor,
        account.last_entry_no,
        row.chain,
        decided_us,
        microseconds(account.opened_at),
        closed_us,
        account.account_id,
        account.currency,
        account.product,
    )


async def _update_in_tx(
    tx: Connection, query: str, columns: Callable[[Row], tuple[Any, ...]], rows: Sequence[Row], instant: datetime
) -> None:
    """Write *columns* of *rows* by the named *query*, which takes them as arrays in their order."""
    if rows:
        arrays = [list(column) for column in zip(*map(columns, rows), strict=True)]
        status = await tx.execute(_SQL[query], *arrays, instant)
        assert affected(status) == len(rows), "rows that were locked are still as they were read"
