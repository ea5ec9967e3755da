"""How results show what was decided: amounts as texts, entries, what became of an overdraft.

Cost      A text is made once where two figures are equal, which they mostly are; each is 0.3 us.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final, get_args

import msgspec

from contracts.entries import EntryType as EntryName
from contracts.entries import EntryView, OverdraftView
from contracts.money import decimal_text, exponent_of
from processor.ledger.values import Account, Posting

_ENTRY_NAMES: Final[dict[int, EntryName]] = dict(enumerate(get_args(EntryName), start=1))


def amount_text(minor: int, currency: str) -> str:
    """Return *minor* units of *currency* as results write them."""
    return decimal_text(minor, _decimals(currency))


def entry_views(postings: Iterable[Posting], currency: str) -> list[EntryView]:
    """Return the entries on customers' accounts; the house's are shown to nobody."""
    decimals = _decimals(currency)
    return [_entry(posting, posting.account, decimals) for posting in postings if posting.account is not None]


def overdraft_view(account: Account | None, currency: str) -> OverdraftView:
    """Return how far *account* is overdrawn; the house's side, None, never is."""
    unused = _unused(currency)
    if account is None or account.ledger_minor >= 0:
        return unused
    return msgspec.structs.replace(unused, used=amount_text(-account.ledger_minor, currency))


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


@cache
def _unused(currency: str) -> OverdraftView:
    zero = amount_text(0, currency)
    return OverdraftView(used=zero, fee=zero, waived=False, protected_by=None, fee_refunded=zero)


def _decimals(currency: str) -> int:
    exponent = exponent_of(currency)
    assert exponent is not None, "accounts only have currencies that ISO 4217 lists"
    return exponent
