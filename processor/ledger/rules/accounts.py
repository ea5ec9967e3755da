"""The rules of the family ``account``.

Every rule is one column of guards in the order of ``AccountRefusal``; below the last one it must succeed.
"""

from datetime import datetime
from typing import Final

import msgspec

from contracts.accounts import (
    AccountClose,
    AccountClosed,
    AccountFreeze,
    AccountFrozen,
    AccountOpen,
    AccountOpened,
    AccountOverdraftSet,
    AccountProductSet,
    AccountRefusal,
    AccountSetOverdraft,
    AccountSetProduct,
    AccountUnfreeze,
    AccountUnfrozen,
)
from contracts.envelope import CommonRefusal
from contracts.ids import is_reserved
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.changes import AccountState, SideLeg
from processor.ledger.rules.draft import Draft, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.interest import begun, ended
from processor.ledger.rules.overdraft import given_back
from processor.ledger.rules.views import account_fields
from processor.ledger.values import Account, AccountType, EntryType, KycStatus, Leg, SideKind, Status, TransactionKind


def open_account(book: Book, command: AccountOpen, instant: datetime) -> Decision:
    """Open an account with nothing on it."""
    limit_minor = amount_in(command.currency, command.overdraft_limit)
    if isinstance(limit_minor, Refused):
        return limit_minor
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    if book.account(command.account_id) is not None:
        return refused(AccountRefusal.ACCOUNT_EXISTS, command.account_id)
    customer = book.customer(command.customer_id) if command.customer_id else None
    if command.customer_id and customer is None:
        return Refused(AccountRefusal.CUSTOMER_NOT_FOUND, {"customer_id": command.customer_id})
    if customer is not None and customer.kyc_status != KycStatus.VERIFIED:
        return Refused(AccountRefusal.CUSTOMER_NOT_VERIFIED, {"customer_id": command.customer_id})
    account_type = AccountType[command.account_type]
    if refusal := _product_refusal(book, command.product, account_type, command.currency):
        return refusal
    account = Account(
        account_no=book.fresh_no,
        account_id=command.account_id,
        account_type=account_type,
        currency=command.currency,
        product=command.product,
        status=Status.ACTIVE,
        ledger_minor=0,
        available_minor=0,
        overdraft_limit_minor=limit_minor,
        last_entry_no=0,
        opened_at=instant,
        closed_at=None,
        customer_id=command.customer_id or None,
        good_standing=customer is None or customer.good_standing,
    )
    return Applied(AccountOpened(**account_fields(account)), (AccountState(account), *begun(book, account)))


def freeze(book: Book, command: AccountFreeze, instant: datetime) -> Decision:
    """Stop debits."""
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.status == Status.FROZEN:
        return refused(AccountRefusal.ACCOUNT_ALREADY_FROZEN, command.account_id)
    frozen = msgspec.structs.replace(account, status=Status.FROZEN)
    return Applied(AccountFrozen(**account_fields(frozen), purpose=command.reason), (AccountState(frozen),))


def unfreeze(book: Book, command: AccountUnfreeze, instant: datetime) -> Decision:
    """Allow debits again."""
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.status != Status.FROZEN:
        return refused(AccountRefusal.ACCOUNT_NOT_FROZEN, command.account_id)
    active = msgspec.structs.replace(account, status=Status.ACTIVE)
    return Applied(AccountUnfrozen(**account_fields(active), purpose=command.reason), (AccountState(active),))


def set_overdraft(book: Book, command: AccountSetOverdraft, instant: datetime) -> Decision:
    """Set the overdraft limit, but not below what is in use."""
    known = book.account(command.account_id)
    limit_minor = 0 if known is None else amount_in(known.currency, command.overdraft_limit)
    if isinstance(limit_minor, Refused):
        return limit_minor
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.ledger_minor + limit_minor < 0:
        return refused(AccountRefusal.OVERDRAFT_IN_USE, command.account_id)
    limited = msgspec.structs.replace(account, overdraft_limit_minor=limit_minor)
    return Applied(AccountOverdraftSet(**account_fields(limited)), (AccountState(limited),))


def set_product(book: Book, command: AccountSetProduct, instant: datetime) -> Decision:
    """Give an account another product."""
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if refusal := _product_refusal(book, command.product, account.account_type, account.currency):
        return refusal
    changed = msgspec.structs.replace(account, product=command.product)
    return Applied(AccountProductSet(**account_fields(changed)), (AccountState(changed), *begun(book, changed)))


def close(book: Book, command: AccountClose, instant: datetime) -> Decision:
    """Close an account, paying out what is on it and what it has earned; it steps in for nobody from then on."""
    for account_id in (command.account_id, command.payout_account_id):
        if is_reserved(account_id):
            return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.available_minor != account.ledger_minor:
        return refused(AccountRefusal.HOLDS_OPEN, command.account_id)
    if account.advance_id is not None:
        return refused(AccountRefusal.ADVANCE_OPEN, command.account_id)
    if command.payout_account_id and (refusal := _payout_refusal(book, account, command.payout_account_id)):
        return refusal
    interest_minor, earned = ended(book, account, instant)
    if (account.ledger_minor or interest_minor) and not _can_be_swept(account, command.payout_account_id):
        return refused(AccountRefusal.BALANCE_NOT_ZERO, command.account_id)
    draft = Draft(book, instant)
    _sweep(draft, account, interest_minor, command.payout_account_id)
    if draft.beyond_limit:
        return refused(AccountRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    for each in book.protected_by(account.account_id):
        draft.restate(msgspec.structs.replace(draft.existing(each.account_id), protection_id=None))
    swept = draft.existing(account.account_id)
    closed = msgspec.structs.replace(swept, status=Status.CLOSED, closed_at=instant)
    draft.restate(closed)
    changes = (*draft.changes(TransactionKind.CLOSE, account.currency), *earned)
    return Applied(AccountClosed(**account_fields(closed)), changes)


def _can_be_swept(account: Account, payout_account_id: str) -> bool:
    return bool(payout_account_id) and account.ledger_minor >= 0 and account.status != Status.FROZEN


def _sweep(draft: Draft, account: Account, interest_minor: int, payout_account_id: str) -> None:
    """Draft the interest of an account that is closed, and the transfer of all that is on it then."""
    if interest_minor:
        draft.move_beside(SideLeg(SideKind.INTEREST, None, account.account_id, interest_minor))
    swept_minor = account.ledger_minor + interest_minor
    if swept_minor:
        leg = Leg(account.account_id, payout_account_id, swept_minor)
        draft.move(leg, debit=EntryType.TRANSFER_OUT, credit=EntryType.TRANSFER_IN)
        given_back(draft, payout_account_id)


def _product_refusal(book: Book, name: str, account_type: int, currency: str) -> Refused | None:
    """Say why an account of this type and currency cannot have a product."""
    product = book.product(name)
    if product is None:
        return Refused(AccountRefusal.PRODUCT_NOT_FOUND, {"product": name})
    if account_type not in product.account_types:
        return Refused(AccountRefusal.PRODUCT_TYPE_DIFFERS, {"product": name})
    if product.currency not in ("", currency):
        return Refused(AccountRefusal.PRODUCT_CURRENCY_DIFFERS, {"product": name, "currency": product.currency})
    return None


def _payout_refusal(book: Book, account: Account, payout_account_id: str) -> Refused | None:
    payout = book.account(payout_account_id)
    if payout is None:
        return refused(AccountRefusal.PAYOUT_ACCOUNT_NOT_FOUND, payout_account_id)
    if payout_account_id == account.account_id:
        return refused(AccountRefusal.ACCOUNTS_MUST_DIFFER, payout_account_id)
    if payout.status == Status.CLOSED:
        return refused(AccountRefusal.PAYOUT_ACCOUNT_CLOSED, payout_account_id)
    if payout.currency != account.currency:
        return refused(AccountRefusal.CURRENCY_DIFFERS, payout_account_id)
    return None


def _open_account_of(book: Book, account_id: str) -> Account | Refused:
    return opened(
        book.account(account_id),
        account_id,
        not_found=AccountRefusal.ACCOUNT_NOT_FOUND,
        closed=AccountRefusal.ACCOUNT_CLOSED,
    )


RULES: Final = {
    AccountOpen: open_account,
    AccountFreeze: freeze,
    AccountUnfreeze: unfreeze,
    AccountClose: close,
    AccountSetOverdraft: set_overdraft,
    AccountSetProduct: set_product,
}
