"""What results show of the books: entries, and what became of an overdraft. All families that move money share it."""

from typing import Literal

from msgspec import Struct

from contracts.shown import ShownAmount, ShownBalance, ShownId, ShownNumber

EntryType = Literal["DEPOSIT", "WITHDRAWAL", "TRANSFER_IN", "TRANSFER_OUT", "FEE", "INTEREST", "REVERSAL"]


class EntryView(Struct, frozen=True, kw_only=True, gc=False):
    """One entry as results show it.

    Attributes:
        account_id: The account it stands on.
        entry_no: Its number on the account, without gaps.
        entry_type: What kind of movement made it.
        direction: DEBIT takes from the account, CREDIT gives to it.
        amount: How much moved.
        balance_after: The account's ledger balance after the entry.
        available_after: What may be spent after the entry, besides the overdraft.
    """

    account_id: ShownId
    entry_no: ShownNumber
    entry_type: EntryType
    direction: Literal["DEBIT", "CREDIT"]
    amount: ShownAmount
    balance_after: ShownBalance
    available_after: ShownBalance


class OverdraftView(Struct, frozen=True, kw_only=True, gc=False):
    """What became of the overdraft of the debited account; of the credited one where no customer's account was debited.

    A refund shows that of the account it gives back to.

    Attributes:
        used: How far below zero the ledger balance is afterwards.
        fee: The fee that was charged; 0 where none was.
        waived: Whether a fee fell due and was waived.
        protected_by: The account that stepped in, or null.
        fee_refunded: The fees that came back, on any of the accounts, because their balances were restored in time.
    """

    used: ShownAmount
    fee: ShownAmount
    waived: bool
    protected_by: ShownId | None
    fee_refunded: ShownAmount
