"""Commands that tests ask for again and again, each under an id of its own."""

from typing import Any

import msgspec

from contracts.accounts import AccountClose, AccountLinkProtection, AccountOpen
from contracts.advances import AdvanceAudit, AdvanceCollect, AdvanceRepay, AdvanceRequest, AdvanceWriteOff
from contracts.customers import CustomerCreate, CustomerUpdate
from contracts.envelope import Command
from contracts.holds import HoldExpire, HoldPlace, HoldRelease
from contracts.products import ProductSet
from contracts.settlements import SettlementCapture, SettlementPost, SettlementRefund
from contracts.transfers import TransferReverse, TransferWithdraw
from producers.command_ids import new_command_id
from tests.engine.desk import opening

Key = tuple[str, str]  # account, and hold or advance


def customer(name: str) -> CustomerCreate:
    known: dict[str, Any] = {"name": "C", "date_of_birth": "1990-01-01", "ssn": "123456789", "address": ""}
    return CustomerCreate(command_id=new_command_id(), customer_id=name, kyc_status="VERIFIED", **known)


def standing(name: str, *, good: bool) -> CustomerUpdate:
    return CustomerUpdate(command_id=new_command_id(), customer_id=name, good_standing=good)


def product(name: str, fee: str, **more: Any) -> ProductSet:
    known: dict[str, Any] = {"account_type": "CHECKING", "currency": "EUR", **more}
    return ProductSet(command_id=new_command_id(), product=name, overdraft_fee=fee, **known)


def overdrawable(account: str, name: str, **more: Any) -> AccountOpen:
    """Return the opening of an account under the product *name* that may go far into the red."""
    return msgspec.structs.replace(opening(account, overdraft="1000"), product=name, **more)


def link(account: str, protector: str | None) -> AccountLinkProtection:
    return AccountLinkProtection(command_id=new_command_id(), account_id=account, protection_account_id=protector)


def close(account: str) -> AccountClose:
    return AccountClose(command_id=new_command_id(), account_id=account)


def spend(account: str, amount: str = "10") -> TransferWithdraw:
    return TransferWithdraw(command_id=new_command_id(), account_id=account, amount=amount)


def reverse(account: str, transfer: Command) -> TransferReverse:
    return TransferReverse(command_id=new_command_id(), account_id=account, transaction_id=transfer.command_id)


def settle(account: str, amount: str = "10", **more: Any) -> SettlementPost:
    return SettlementPost(command_id=new_command_id(), account_id=account, amount=amount, **more)


def refund(account: str, settlement: Command, amount: str = "") -> SettlementRefund:
    undone = settlement.command_id
    return SettlementRefund(command_id=new_command_id(), account_id=account, transaction_id=undone, amount=amount)


def place(key: Key, amount: str = "1", **more: Any) -> HoldPlace:
    known: dict[str, Any] = {"reason": "DEBIT_CARD_AUTH", **more}
    return HoldPlace(command_id=new_command_id(), account_id=key[0], hold_id=key[1], amount=amount, **known)


def capture(key: Key, amount: str = "1") -> SettlementCapture:
    return SettlementCapture(command_id=new_command_id(), account_id=key[0], hold_id=key[1], amount=amount)


def release(key: Key) -> HoldRelease:
    return HoldRelease(command_id=new_command_id(), account_id=key[0], hold_id=key[1])


def expire(key: Key) -> HoldExpire:
    return HoldExpire(command_id=new_command_id(), account_id=key[0], hold_id=key[1])


def grant(key: Key, amount: str = "30", payments: int = 3, **more: Any) -> AdvanceRequest:
    """Return the request of an advance whose payments are all due, unless it says when the first is."""
    known: dict[str, Any] = {"account_id": key[0], "advance_id": key[1], "first_due": "2020-01-06", **more}
    return AdvanceRequest(command_id=new_command_id(), amount=amount, payments=payments, **known)


def collect(key: Key, number: int = 1) -> AdvanceCollect:
    return AdvanceCollect(command_id=new_command_id(), account_id=key[0], advance_id=key[1], payment_no=number)


def pay_back(key: Key, amount: str = "") -> AdvanceRepay:
    return AdvanceRepay(command_id=new_command_id(), account_id=key[0], advance_id=key[1], amount=amount)


def give_up(key: Key) -> AdvanceWriteOff:
    return AdvanceWriteOff(command_id=new_command_id(), account_id=key[0], advance_id=key[1], reason="a test says so")


def examine(key: Key) -> AdvanceAudit:
    return AdvanceAudit(command_id=new_command_id(), account_id=key[0], advance_id=key[1])
