"""The rules of the family ``account``.

Every rule is one column of guards in the order of ``AccountRefusal``; below the last one it must succeed.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.accounts import (
    PLAIN,
    AccountClose,
    AccountClosed,
    AccountFreeze,
    AccountFrozen,
    AccountOpen,
    AccountOpened,
    AccountOverdraftSet,
    AccountRefusal,
    AccountSetOverdraft,
    AccountUnfreeze,
    AccountUnfrozen,
)
from contracts.envelope import CommonRefusal, moment_text
from contracts.ids import is_reserved
from contracts.money import decimal_text, exponent_of
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.rules.draft import Draft, amount_in, refused
from processor.ledger.rules.guards import opened
from processor.ledger.values import (
    Account,
    AccountState,
    AccountType,
    EntryType,
    Leg,
    Movement,
    Status,
    TransactionKind,
)


def open_account(book: Book, command: AccountOpen, instant: datetime) -> Decision:
    """Open an account with nothing on it."""
    limit_minor = amount_in(command.currency, command.overdraft_limit)
    if isinstance(limit_minor, Refused):
        return limit_minor
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    if book.account(command.account_id) is not None:
        return refused(AccountRefusal.ACCOUNT_EXISTS, command.account_id)
    if command.customer_id:
        return Refused(AccountRefusal.CUSTOMER_NOT_FOUND, {"customer_id": command.customer_id})
    if command.product != PLAIN:
        return Refused(AccountRefusal.PRODUCT_NOT_FOUND, {"product": command.product})
    account = Account(
        account_no=0,  # the book gives it one
        account_id=command.account_id,
        account_type=AccountType[command.account_type],
        currency=command.currency,
        product=PLAIN,
        status=Status.ACTIVE,
        ledger_minor=0,
        available_minor=0,
        overdraft_limit_minor=limit_minor,
        last_entry_no=0,
        opened_at=instant,
        closed_at=None,
    )
    return Applied(AccountOpened(**fields(account)), (AccountState(account),))


def freeze(book: Book, command: AccountFreeze, instant: datetime) -> Decision:
    """Stop debits."""
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.status == Status.FROZEN:
        return refused(AccountRefusal.ACCOUNT_ALREADY_FROZEN, command.account_id)
    frozen = msgspec.structs.replace(account, status=Status.FROZEN)
    return Applied(AccountFrozen(**fields(frozen), purpose=command.reason), (AccountState(frozen),))


def unfreeze(book: Book, command: AccountUnfreeze, instant: datetime) -> Decision:
    """Allow debits again."""
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.status != Status.FROZEN:
        return refused(AccountRefusal.ACCOUNT_NOT_FROZEN, command.account_id)
    active = msgspec.structs.replace(account, status=Status.ACTIVE)
    return Applied(AccountUnfrozen(**fields(active), purpose=command.reason), (AccountState(active),))


def set_overdraft(book: Book, command: AccountSetOverdraft, instant: datetime) -> Decision:
    """Set the overdraft limit, but not below what is in use."""
    known = book.account(command.account_id)
    limit_minor = 0 if known is None else amount_in(known.currency, command.overdraft_limit)
    if isinstance(limit_minor, Refused):
        return limit_minor
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if account.available_minor + limit_minor < 0:
        return refused(AccountRefusal.OVERDRAFT_IN_USE, command.account_id)
    limited = msgspec.structs.replace(account, overdraft_limit_minor=limit_minor)
    return Applied(AccountOverdraftSet(**fields(limited)), (AccountState(limited),))


def close(book: Book, command: AccountClose, instant: datetime) -> Decision:
    """Close an account, paying out what is on it first."""
    for account_id in (command.account_id, command.payout_account_id):
        if is_reserved(account_id):
            return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    account = _open_account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    if command.payout_account_id and (refusal := _payout_refusal(book, account, command.payout_account_id)):
        return refusal
    if account.ledger_minor and not _can_be_swept(account, command.payout_account_id):
        return refused(AccountRefusal.BALANCE_NOT_ZERO, command.account_id)
    changes: list[Movement | AccountState] = []
    if account.ledger_minor:
        draft = Draft(book)
        leg = Leg(account.account_id, command.payout_account_id, account.ledger_minor)
        draft.move(leg, debit=EntryType.TRANSFER_OUT, credit=EntryType.TRANSFER_IN)
        if draft.beyond_limit:
            return refused(AccountRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
        changes.append(draft.movement(TransactionKind.CLOSE, account.currency))
        account = draft.account(account.account_id) or account
    closed = msgspec.structs.replace(account, status=Status.CLOSED, closed_at=instant)
    changes.append(AccountState(closed))
    return Applied(AccountClosed(**fields(closed)), tuple(changes))


def _can_be_swept(account: Account, payout_account_id: str) -> bool:
    return bool(payout_account_id) and account.ledger_minor > 0 and account.status != Status.FROZEN


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


def fields(account: Account) -> dict[str, Any]:
    """Return *account* as every account event shows it."""
    exponent = exponent_of(account.currency)
    assert exponent is not None, "the currency was looked up when the account was opened"
    return {
        "account_id": account.account_id,
        "account_type": AccountType(account.account_type).name,
        "currency": account.currency,
        "status": Status(account.status).name,
        "product": account.product,
        "customer_id": None,
        "ledger_balance": decimal_text(account.ledger_minor, exponent),
        "available_balance": decimal_text(account.available_minor, exponent),
        "overdraft_limit": decimal_text(account.overdraft_limit_minor, exponent),
        "overdraft_used": decimal_text(max(0, -account.ledger_minor), exponent),
        "protection_account_id": None,
        "opened_at": moment_text(account.opened_at),
        "closed_at": account.closed_at and moment_text(account.closed_at),
    }


RULES: Final = {
    AccountOpen: open_account,
    AccountFreeze: freeze,
    AccountUnfreeze: unfreeze,
    AccountClose: close,
    AccountSetOverdraft: set_overdraft,
}
