"""A movement in the making: what it would leave of each account, before anybody has agreed to it.

Invariant Nothing in the book changes. Each posting sees those before it, so a batch's legs are decided one on another.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from contracts.envelope import Refusal
from contracts.money import BALANCE_MINOR_MAX
from processor.engine.amounts import amount_in
from processor.engine.decision import Refused
from processor.ledger.book import Book
from processor.ledger.changes import AccountState, FeeBack, FeeDue, Movement, Posting, SideLeg, house_of
from processor.ledger.values import CASH, Account, EntryType, Leg, OpenFee, SideKind, TransactionKind, credited

IN_CASH: Final = (CASH, CASH)
_SIDE_TYPES: Final = {
    SideKind.PROTECTION: (EntryType.TRANSFER_OUT, EntryType.TRANSFER_IN),
    SideKind.FEE: (EntryType.FEE, EntryType.FEE),
    SideKind.FEE_REFUND: (EntryType.REVERSAL, EntryType.REVERSAL),
    SideKind.INTEREST: (EntryType.INTEREST, EntryType.INTEREST),
}

Change = Movement | AccountState | FeeDue | FeeBack


class Draft:
    """Postings on top of a book, at the instant of its decisions."""

    # Most drafts have none of these, and a list of one's own is dear.
    houses: tuple[str, str] = IN_CASH
    sides: Sequence[SideLeg] = ()
    _restated: Sequence[str] = ()  # accounts that change in more than their balance
    _fees: Sequence[FeeDue | FeeBack] = ()

    def __init__(self, book: Book, instant: datetime) -> None:
        self.book = book
        self.instant = instant
        self.legs: list[Leg] = []
        self.postings: list[Posting] = []
        self.beyond_limit: str | None = None  # the account whose balance has passed what a balance may be
        self._accounts: dict[str, Account] = {}

    def account(self, account_id: str) -> Account | None:
        """Return an account as the draft leaves it, or None where there is none."""
        return self._accounts.get(account_id) or self.book.account(account_id)

    def existing(self, account_id: str) -> Account:
        """Return an account, which is there, as the draft leaves it."""
        account = self.account(account_id)
        assert account is not None, "an account that money moves on is there"
        return account

    def move(self, leg: Leg, *, debit: EntryType, credit: EntryType) -> None:
        """Post both sides of *leg*, the debit first; ``houses`` says what stands where a side is the house's."""
        self.legs.append(leg)
        self._post(leg.source_id, debit, -leg.amount_minor, self.houses[0])
        self._post(leg.destination_id, credit, leg.amount_minor, self.houses[1])

    def move_beside(self, side: SideLeg) -> None:
        """Post both sides of a leg that is not the command's own."""
        debit, credit = _SIDE_TYPES[SideKind(side.kind)]
        self.sides = (*self.sides, side)
        house = house_of(side)
        self._post(side.source_id, debit, -side.amount_minor, house)
        self._post(side.destination_id, credit, side.amount_minor, house)

    def restate(self, account: Account) -> None:
        """Let *account* be as it is here, in what no posting changes."""
        self._accounts[account.account_id] = account
        if account.account_id not in self._restated:
            self._restated = (*self._restated, account.account_id)

    @property
    def fees_due(self) -> Sequence[FeeDue]:
        """Return the fees that fell due in this draft."""
        return [change for change in self._fees if isinstance(change, FeeDue)]

    def open_fees(self, account_no: int) -> Sequence[OpenFee]:
        """Return the fees of an account that may come back and have not yet."""
        own = [
            OpenFee(0, 0, fee.fee_no, fee.amount_minor, fee.until)
            for fee in self.fees_due
            if fee.account_no == account_no and fee.until is not None
        ]
        back = [change.fee for change in self._fees if isinstance(change, FeeBack)]
        return [fee for fee in (*self.book.open_fees.get(account_no, ()), *own) if fee not in back]

    def remember(self, fee: FeeDue | FeeBack) -> None:
        """Remember that a fee fell due, or has come back."""
        self._fees = (*self._fees, fee)

    def _post(self, account_id: str | None, entry_type: EntryType, amount_minor: int, house: str) -> None:
        account = None
        if account_id is not None:
            before = self._accounts.get(account_id) or self.book.rows[account_id].account
            account = self._accounts[account_id] = credited(before, amount_minor)
            if not -BALANCE_MINOR_MAX <= account.ledger_minor <= BALANCE_MINOR_MAX:
                self.beyond_limit = self.beyond_limit or account_id
        self.postings.append(Posting(account, entry_type, amount_minor, house))

    def changes(
        self, kind: TransactionKind, currency: str, *, description: str = "", reference: str = "", undoes: str = ""
    ) -> tuple[Change, ...]:
        """Return the draft as the changes that a rule answers with; *kind* is that of what has moved, if anything."""
        legs, sides, postings = tuple(self.legs), tuple(self.sides), tuple(self.postings)
        said = (description, reference, undoes)
        moved = (Movement(kind, currency, legs, postings, *said, sides, self.houses),) if legs else ()
        if not self._restated and not self._fees:
            return moved
        states = [AccountState(self._accounts[account_id]) for account_id in self._restated]
        return (*moved, *states, *self._fees)


def amount_of(account: Account | None, amount: str, currency: str) -> Refused | int:
    """Return *amount* in minor units; *account* fixes the currency where the command names none."""
    if account is None and not currency:
        return 0  # nothing to measure it by, and the account is missed next
    return amount_in(currency or (account.currency if account else ""), amount)


def refused(refusal: Refusal, account_id: str) -> Refused:
    """Refuse because of one account, and name it."""
    return Refused(refusal, {"account_id": account_id})
