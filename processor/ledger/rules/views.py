"""How results show what was decided: amounts as texts, entries, what became of an overdraft.

Cost      A text is made once where two figures are equal, which they mostly are; each is 0.3 us.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, get_args

from contracts.advances import PaymentStatus as PaymentName
from contracts.advances import PaymentView
from contracts.entries import EntryType as EntryName
from contracts.entries import EntryView, OverdraftView
from contracts.envelope import moment_text
from contracts.money import decimal_text, exponent_of
from processor.ledger.changes import Posting
from processor.ledger.lending import Advance, Payment
from processor.ledger.values import Account, AccountType, Hold, HoldReason, HoldStatus, Status

_ENTRY_NAMES: Final[dict[int, EntryName]] = dict(enumerate(get_args(EntryName), start=1))
_PAYMENT_NAMES: Final[dict[int, PaymentName]] = dict(enumerate(get_args(PaymentName), start=1))


def amount_text(minor: int, currency: str) -> str:
    """Return *minor* units of *currency* as results write them."""
    return decimal_text(minor, _decimals(currency))


def entry_views(postings: Iterable[Posting], currency: str) -> list[EntryView]:
    """Return the entries on customers' accounts; the house's are shown to nobody."""
    decimals = _decimals(currency)
    return [_entry(posting, posting.account, decimals) for posting in postings if posting.account is not None]


@cache
def untouched_overdraft(currency: str) -> OverdraftView:
    """Return what is said where no overdraft was, is or becomes used."""
    zero = amount_text(0, currency)
    return OverdraftView(used=zero, fee=zero, waived=False, protected_by=None, fee_refunded=zero)


def overdraft_view(
    account: Account,
    *,
    fee_minor: int = 0,
    waived: bool = False,
    protected_by: str | None = None,
    refunded_minor: int = 0,
) -> OverdraftView:
    """Return what became of the overdraft of *account*, which is as everything has left it."""
    currency = account.currency
    return OverdraftView(
        used=amount_text(max(0, -account.ledger_minor), currency),
        fee=amount_text(fee_minor, currency),
        waived=waived,
        protected_by=protected_by,
        fee_refunded=amount_text(refunded_minor, currency),
    )


def account_fields(account: Account) -> dict[str, Any]:
    """Return *account* as every account event shows it."""
    exponent = _decimals(account.currency)
    return {
        "account_id": account.account_id,
        "account_type": AccountType(account.account_type).name,
        "currency": account.currency,
        "status": Status(account.status).name,
        "product": account.product,
        "customer_id": account.customer_id,
        "ledger_balance": decimal_text(account.ledger_minor, exponent),
        "available_balance": decimal_text(account.available_minor, exponent),
        "overdraft_limit": decimal_text(account.overdraft_limit_minor, exponent),
        "overdraft_used": decimal_text(max(0, -account.ledger_minor), exponent),
        "protection_account_id": account.protection_id,
        "opened_at": moment_text(account.opened_at),
        "closed_at": account.closed_at and moment_text(account.closed_at),
    }


def hold_fields(hold: Hold, account: Account) -> dict[str, Any]:
    """Return *hold* as every hold event shows it; *account* is as the command leaves it."""
    currency = account.currency
    return {
        "hold_id": hold.hold_id,
        "account_id": account.account_id,
        "status": HoldStatus(hold.status).name,
        "reason": HoldReason(hold.reason).name,
        "currency": currency,
        "amount": amount_text(hold.amount_minor, currency),
        "captured": amount_text(hold.captured_minor, currency),
        "remaining": amount_text(hold.remaining_minor, currency),
        "expires_at": hold.expires_at and moment_text(hold.expires_at),
        "available_after": amount_text(account.available_minor, currency),
    }


def advance_fields(advance: Advance, account: Account, amount_minor: int) -> dict[str, Any]:
    """Return which advance a command was about, and so much of it; *advance* is as the command leaves it."""
    return {
        "advance_id": advance.advance_id,
        "account_id": account.account_id,
        "amount": amount_text(amount_minor, account.currency),
        "currency": account.currency,
        "outstanding": amount_text(advance.outstanding_minor, account.currency),
    }


def payment_views(payments: Iterable[Payment], currency: str) -> list[PaymentView]:
    """Return the payments of an advance as its grant shows them."""
    return [
        PaymentView(
            payment_no=payment.payment_no,
            due=payment.due.isoformat(),
            amount=amount_text(payment.amount_minor, currency),
            status=_PAYMENT_NAMES[payment.status],
        )
        for payment in payments
    ]


def _entry(posting: Posting, account: Account, decimals: int) -> EntryView:
    ledger_minor, amount_minor = account.ledger_minor, posting.amount_minor
    balance = decimal_text(ledger_minor, decimals)
    nothing_held = account.available_minor == ledger_minor
    return EntryView(
        account_id=account.account_id,
        entry_no=account.last_entry_no,
        entry_type=_ENTRY_NAMES[posting.entry_type],
        direction="DEBIT" if amount_minor < 0 else "CREDIT",
        amount=decimal_text(abs(amount_minor), decimals),
        balance_after=balance,
        available_after=balance if nothing_held else decimal_text(account.available_minor, decimals),
    )


def _decimals(currency: str) -> int:
    exponent = exponent_of(currency)
    assert exponent is not None, "accounts only have currencies that ISO 4217 lists"
    return exponent
