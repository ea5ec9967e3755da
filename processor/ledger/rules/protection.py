"""The rule of ``account.link_protection``: which account steps in before another is overdrawn."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.accounts import AccountLinkProtection, AccountProtectionLinked, AccountRefusal
from contracts.envelope import CommonRefusal
from contracts.ids import is_reserved
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.changes import AccountState
from processor.ledger.rules.draft import refused
from processor.ledger.rules.views import account_fields
from processor.ledger.values import Account, Status


def link_protection(book: Book, command: AccountLinkProtection, instant: datetime) -> Decision:
    """Let another account step in, or none any more."""
    protector_id = command.protection_account_id
    for account_id in (command.account_id, protector_id):
        if account_id is not None and is_reserved(account_id):
            return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    account = book.account(command.account_id)
    if account is None:
        return refused(AccountRefusal.ACCOUNT_NOT_FOUND, command.account_id)
    if protector_id is not None and (refusal := _protector_refusal(book, account, protector_id)):
        return refusal
    linked = msgspec.structs.replace(account, protection_id=protector_id)
    return Applied(AccountProtectionLinked(**account_fields(linked)), (AccountState(linked),))


def _protector_refusal(book: Book, account: Account, protector_id: str) -> Refused | None:
    protector = book.account(protector_id)
    if protector is None:
        return refused(AccountRefusal.PROTECTION_ACCOUNT_NOT_FOUND, protector_id)
    if protector_id == account.account_id:
        return refused(AccountRefusal.ACCOUNTS_MUST_DIFFER, protector_id)
    if protector.status == Status.CLOSED:
        return refused(AccountRefusal.PROTECTION_ACCOUNT_CLOSED, protector_id)
    if protector.customer_id != account.customer_id:
        return refused(AccountRefusal.CUSTOMER_DIFFERS, protector_id)
    if protector.currency != account.currency:
        return refused(AccountRefusal.CURRENCY_DIFFERS, protector_id)
    return refused(AccountRefusal.PROTECTION_CYCLE, protector_id) if _leads_back(book, protector, account) else None


def _leads_back(book: Book, protector: Account, account: Account) -> bool:
    """Say whether *account* steps in for *protector*, directly or through others."""
    at: Account | None = protector
    while at is not None and at.protection_id is not None:
        if at.protection_id == account.account_id:
            return True
        at = book.account(at.protection_id)
    return False


RULES: Final = {AccountLinkProtection: link_protection}
