"""A movement in the making: what it would leave of each account, before anybody has agreed to it.

Invariant Nothing in the book changes. Each posting sees those before it, so a batch's legs are decided one on another.
"""

from typing import Final

from contracts.envelope import CommonRefusal, Refusal
from contracts.money import BALANCE_MINOR_MAX, exponent_of, minor_units
from processor.engine.decision import Refused
from processor.ledger.book import Book
from processor.ledger.values import Account, EntryType, Leg, Movement, Posting, TransactionKind, credited

CODE_LETTERS: Final = 3


class Draft:
    """Postings on top of a book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._accounts: dict[str, Account] = {}
        self._legs: list[Leg] = []
        self.postings: list[Posting] = []
        self.beyond_limit: str | None = None  # the account whose balance has passed what a balance may be

    def account(self, account_id: str) -> Account | None:
        """Return an account as the draft leaves it, or None where there is none."""
        return self._accounts.get(account_id) or self._book.account(account_id)

    def move(self, leg: Leg, *, debit: EntryType, credit: EntryType) -> None:
        """Post both sides of *leg*, the debit first."""
        self._legs.append(leg)
        self._post(leg.source_id, debit, -leg.amount_minor)
        self._post(leg.destination_id, credit, leg.amount_minor)

    def _post(self, account_id: str | None, entry_type: EntryType, amount_minor: int) -> None:
        account = None
        if account_id is not None:
            before = self._accounts.get(account_id) or self._book.rows[account_id].account
            account = self._accounts[account_id] = credited(before, amount_minor)
            if not -BALANCE_MINOR_MAX <= account.ledger_minor <= BALANCE_MINOR_MAX:
                self.beyond_limit = self.beyond_limit or account_id
        self.postings.append(Posting(account, entry_type, amount_minor))

    def movement(
        self, kind: TransactionKind, currency: str, *, description: str = "", reference: str = "", undoes: str = ""
    ) -> Movement:
        """Return the draft as the change that a rule answers with."""
        return Movement(kind, currency, tuple(self._legs), tuple(self.postings), description, reference, undoes)


def amount_in(currency: str, amount: str) -> Refused | int:
    """Return *amount* in minor units of *currency*, or the refusal that says why it is none."""
    exponent = exponent_of(currency)
    if exponent is None:
        # What is not even shaped like a code may be anything that slipped into the field, a card number for one.
        looks_like_one = len(currency) == CODE_LETTERS and currency.isascii() and currency.isalpha()
        return Refused(CommonRefusal.CURRENCY_UNKNOWN, {"currency": currency} if looks_like_one else {})
    minor = minor_units(amount, exponent)
    if minor is None:
        return Refused(CommonRefusal.AMOUNT_INVALID, {"currency": currency, "decimals": exponent})
    return minor


def refused(refusal: Refusal, account_id: str) -> Refused:
    """Refuse because of one account, and name it."""
    return Refused(refusal, {"account_id": account_id})
