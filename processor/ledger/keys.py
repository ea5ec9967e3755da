"""What a batch speaks of: which rows deciding its commands may need, found before anything is locked.

Invariant What is read here unlocked, links between accounts and what is to be undone, is compared once everything is
          locked; where it has changed, the batch is run again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg
from msgspec import Struct

from contracts.accounts import AccountClose, AccountLinkProtection, AccountOpen, AccountSetProduct
from contracts.advances import AdvanceAudit, AdvanceCollect, AdvanceRepay, AdvanceRequest, AdvanceWriteOff
from contracts.customers import CustomerCreate, CustomerUpdate
from contracts.envelope import Command
from contracts.holds import HoldAdjust, HoldExpire, HoldExtend, HoldPlace, HoldRelease
from contracts.ids import is_reserved, uuid_bytes, uuid_text
from contracts.interest import InterestAccrue, InterestPost
from contracts.money import exponent_of
from contracts.products import ProductSet
from contracts.settlements import SettlementCapture, SettlementPost, SettlementRefund
from contracts.transfers import TransferBatch, TransferDeposit, TransferMake, TransferReverse, TransferWithdraw
from processor.database import Connection, named_queries
from processor.ledger.values import ADVANCES, CASH, INTEREST, LOSSES, Leg, Posted

_SQL = named_queries("processor.ledger", "store.sql")

# The house's accounts that commands move money into or out of; fees and what comes back of them apart.
_ROLES: Final[Mapping[type[Command], Sequence[str]]] = {
    **dict.fromkeys((TransferDeposit, TransferWithdraw, TransferReverse), (CASH,)),
    **dict.fromkeys((SettlementCapture, SettlementPost, SettlementRefund), (CASH,)),
    **dict.fromkeys((InterestPost, AccountClose), (INTEREST,)),
    **dict.fromkeys((AdvanceRequest, AdvanceCollect, AdvanceRepay), (ADVANCES,)),
    AdvanceWriteOff: (ADVANCES, LOSSES),
}
_EARNING: Final = (InterestAccrue, InterestPost, AccountClose, AccountSetProduct)
_OF_ADVANCES: Final = (AdvanceRequest, AdvanceCollect, AdvanceRepay, AdvanceWriteOff, AdvanceAudit)
_UNDOING: Final = (TransferReverse, SettlementRefund)
_OF_HOLDS: Final = (HoldPlace, HoldAdjust, HoldExtend, HoldRelease, HoldExpire, SettlementCapture)


Said = dict[type[Command], list[Any]]
"""Commands by their types."""


class Keys(Struct, frozen=True):
    """Accounts, whether they exist or not; the originals of what is undone; and what else rows are found by."""

    account_ids: frozenset[str]
    undoing: Sequence[bytes]  # the ids of transactions
    originals: Mapping[str, Posted]
    opening: int
    opened_currencies: frozenset[str]
    roles: frozenset[str]  # of the house
    guarded: Sequence[str]  # accounts whose protectors have to be there, and theirs
    closing: Sequence[str]
    holds: Sequence[tuple[str, str]]  # (account id, hold id)
    advances: Sequence[tuple[str, str]]  # (account id, advance id)
    earning: frozenset[str]  # accounts whose interest may change
    customer_ids: frozenset[str]
    restanding: frozenset[str]  # customers whose accounts may change with them
    products: frozenset[str]
    sets_products: bool


async def find_in_tx(tx: Connection, commands: Sequence[Command]) -> Keys:
    """Return what deciding *commands* may need."""
    ids = {account_id for command in commands for account_id in command.account_ids()}
    said = _by_type(commands)
    undoing = [uuid_bytes(each.transaction_id) for each in _those(said, *_UNDOING)]
    originals = await originals_in_tx(tx, undoing)
    for posted in originals.values():
        ids |= {side for leg in posted.legs for side in (leg.source_id, leg.destination_id) if side is not None}
    guarded = _guarded(said)
    if guarded:
        ids.update(await tx.fetchval(_SQL["find_protectors"], guarded))
    closing = [each.account_id for each in _those(said, AccountClose)]
    ids |= await protected_in_tx(tx, closing)
    opening = _those(said, AccountOpen)
    customers = _those(said, CustomerCreate, CustomerUpdate, AccountOpen)
    return Keys(
        account_ids=frozenset(ids - {None}),
        undoing=undoing,
        originals=originals,
        opening=len(opening),
        opened_currencies=frozenset(each.currency for each in opening if exponent_of(each.currency) is not None),
        roles=frozenset(role for kind in said for role in _ROLES.get(kind, ())),
        guarded=guarded,
        closing=closing,
        holds=[(each.account_id, each.hold_id) for each in _those(said, *_OF_HOLDS)],
        advances=[(each.account_id, each.advance_id) for each in _those(said, *_OF_ADVANCES)],
        earning=frozenset(each.account_id for each in _those(said, *_EARNING)),
        customer_ids=frozenset(each.customer_id for each in customers if each.customer_id),
        restanding=frozenset(each.customer_id for each in _those(said, CustomerUpdate)),
        products=frozenset(each.product for each in _those(said, AccountSetProduct, ProductSet, AccountOpen)),
        sets_products=ProductSet in said,
    )


async def protected_in_tx(tx: Connection, account_ids: Sequence[str]) -> set[str]:
    """Return the accounts that any of *account_ids* steps in for."""
    return set(await tx.fetchval(_SQL["find_protected"], account_ids)) if account_ids else set()


def _by_type(commands: Iterable[Command]) -> Said:
    said: Said = {}
    for command in commands:
        said.setdefault(type(command), []).append(command)
    return said


def _those(said: Said, *kinds: type[Command]) -> list[Any]:
    return [command for kind in kinds for command in said.get(kind, ())]


def _guarded(said: Said) -> list[str]:
    """Return the accounts that others may step in for, and those that may come to step in."""
    guarded = [each.source_account_id for each in _those(said, TransferMake)]
    guarded += [each.account_id for each in _those(said, TransferWithdraw)]
    guarded += {leg.source_account_id for each in _those(said, TransferBatch) for leg in each.legs}
    return guarded + [
        each.protection_account_id for each in _those(said, AccountLinkProtection) if each.protection_account_id
    ]


async def originals_in_tx(tx: Connection, transaction_ids: Sequence[bytes]) -> dict[str, Posted]:
    """Return those of these transactions that there are, by their ids as texts."""
    originals: dict[str, Posted] = {}
    for record in await tx.fetch(_SQL["find_originals"], transaction_ids) if transaction_ids else ():
        _gather(record, originals)  # the rows of one transaction are its legs
    return originals


def _gather(record: asyncpg.Record, originals: dict[str, Any]) -> None:
    transaction_id = uuid_text(record["command_id"])
    refused = record["refusal"] is not None
    earlier = originals.get(transaction_id)
    legs = () if earlier is None else earlier.legs
    if not refused:
        legs += (_leg(record),)
    place = (record["lane_no"], record["seq"], record["kind"])
    currency = "" if refused else record["currency"]  # as it is in the transaction that refused it
    originals[transaction_id] = Posted(*place, currency, legs, refused=refused, reversed=record["reversed"])


def _leg(record: asyncpg.Record) -> Leg:
    return Leg(_customer(record["source_id"]), _customer(record["destination_id"]), record["amount_minor"])


def _customer(account_id: str | None) -> str | None:
    return None if account_id is None or is_reserved(account_id) else account_id
