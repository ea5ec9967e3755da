"""What can be exported of the ledger: transactions, entries, statements, accounts; their columns and filters.

Columns are part of the contract. What is of a bank is its days: with them dates of filters begin, and entries count.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from contracts.specs import LEDGER
from processor.engine.export_filters import SINCE, UNTIL, ends_first, is_id, is_instant, is_month
from processor.engine.exporting import Cell, Column, ExportKind, Filter, Filters
from processor.ledger.bank import Bank
from processor.ledger.exports_slices import accounts, entries, statements, transactions

_TRANSACTION: Final = (
    Column(name="transaction_id", cell=Cell.UUID, about="The id of the command that made it, or placed the hold."),
    Column(name="status", cell=Cell.WORD, about="POSTED, REVERSED, FAILED, or PENDING: a hold that was open."),
    Column(name="reason", cell=Cell.WORD, about="The code of a refusal, or what a hold is for."),
    Column(name="type", cell=Cell.WORD, about="The type of the command."),
    Column(
        name="source_account_id", cell=Cell.ID, about="The account that is debited or held of; empty for the house."
    ),
    Column(name="destination_account_id", cell=Cell.ID, about="The account that is credited; empty for the house."),
    Column(name="amount", cell=Cell.AMOUNT, about="The amount, of a hold what is left; empty where it was not known."),
    Column(name="currency", cell=Cell.CURRENCY, about="The amount's currency."),
    Column(name="initiated_at", cell=Cell.INSTANT, about="When it was asked for."),
    Column(name="posted_at", cell=Cell.INSTANT, about="When it was posted; empty where it was not."),
    Column(name="decided_at", cell=Cell.INSTANT, about="When it was decided, whatever came of it."),
    Column(name="description", cell=Cell.TEXT, about="What the sender said of it."),
    Column(name="reference", cell=Cell.TEXT, about="What the sender refers to."),
)
_ENTRY: Final = (
    Column(name="account_id", cell=Cell.ID, about="The account."),
    Column(name="entry_no", cell=Cell.NUMBER, about="Its number on the account, from 1 without gaps."),
    Column(name="entry_type", cell=Cell.WORD, about="What it is, in the words of statements."),
    Column(name="amount", cell=Cell.AMOUNT, about="What it adds to the balance; a debit is below zero."),
    Column(name="currency", cell=Cell.CURRENCY, about="The account's currency."),
    Column(name="balance_after", cell=Cell.AMOUNT, about="The ledger balance behind it."),
    Column(name="value_date", cell=Cell.DATE, about="The bank's day that it counts for."),
    Column(name="posted_at", cell=Cell.INSTANT, about="When it was posted."),
    Column(name="transaction_id", cell=Cell.UUID, about="The transaction that made it."),
    Column(name="description", cell=Cell.TEXT, about="What the sender said of the transaction."),
    Column(name="reference", cell=Cell.TEXT, about="What the sender refers to."),
)
_LINE: Final = (
    Column(name="account_id", cell=Cell.ID, about="The account."),
    Column(name="value_date", cell=Cell.DATE, about="The bank's day that the entry counts for."),
    Column(name="posted_at", cell=Cell.INSTANT, about="When it was posted."),
    Column(name="entry_no", cell=Cell.NUMBER, about="Its number on the account."),
    Column(name="entry_type", cell=Cell.WORD, about="What it is."),
    Column(name="amount", cell=Cell.AMOUNT, about="What it adds to the balance; a debit is below zero."),
    Column(name="balance", cell=Cell.AMOUNT, about="The balance that it leaves, by value dates."),
    Column(name="currency", cell=Cell.CURRENCY, about="The account's currency."),
    Column(name="transaction_id", cell=Cell.UUID, about="The transaction that made it."),
    Column(name="description", cell=Cell.TEXT, about="What the sender said of the transaction."),
    Column(name="reference", cell=Cell.TEXT, about="What the sender refers to."),
)
_ACCOUNT: Final = (
    Column(name="account_id", cell=Cell.ID, about="The account."),
    Column(name="account_type", cell=Cell.WORD, about="CHECKING, SAVINGS or MONEY_MARKET."),
    Column(name="currency", cell=Cell.CURRENCY, about="Its currency."),
    Column(name="status", cell=Cell.WORD, about="ACTIVE, FROZEN or CLOSED."),
    Column(name="product", cell=Cell.ID, about="Its product."),
    Column(name="customer_id", cell=Cell.ID, about="Whose it is; empty where that was not said."),
    Column(name="ledger_balance", cell=Cell.AMOUNT, about="What was posted on it."),
    Column(name="available_balance", cell=Cell.AMOUNT, about="The same without what is held."),
    Column(name="overdraft_limit", cell=Cell.AMOUNT, about="How far it may go below zero."),
    Column(name="overdraft_used", cell=Cell.AMOUNT, about="How far it is below zero."),
    Column(name="protection_account_id", cell=Cell.ID, about="The account that steps in; empty for none."),
    Column(name="opened_at", cell=Cell.INSTANT, about="When it was opened."),
    Column(name="closed_at", cell=Cell.INSTANT, about="When it was closed; empty while it is open."),
)

_INSTANT: Final = "an RFC 3339 instant with its zone, or a day YYYY-MM-DD: when it begins at the bank"
_STRETCH: Final = {
    "account_id": Filter(about="a customer's account; all of them where it is left out", fits=is_id),
    SINCE: Filter(about=f"{_INSTANT}; what was decided then is in", fits=is_instant, is_required=True),
    UNTIL: Filter(about=f"{_INSTANT}; what was decided then is out", fits=is_instant, is_required=True),
}
_MONTH: Final = {
    "account_id": Filter(about="a customer's account", fits=is_id, is_required=True),
    "month": Filter(about="a month of the bank, written YYYY-MM", fits=is_month, is_required=True),
}


def kinds_of(bank: Bank) -> Sequence[ExportKind]:
    """Return what can be exported of the ledger of *bank*."""

    def in_order(filters: Filters) -> str | None:
        return ends_first(filters, bank.zone)

    return (
        ExportKind(
            name="transactions",
            context=LEDGER,
            about="What was posted, reversed and refused, and what was held, as the report of transactions shows it; a "
            "hold is left out from its expiry on, as of the last decision below the cut. Rows follow each other by "
            "partition and number; those of one account in the order of decisions.",
            columns=_TRANSACTION,
            filters=_STRETCH,
            slices=partial(transactions, bank),
            check=in_order,
        ),
        ExportKind(
            name="entries",
            context=LEDGER,
            about="Entries of customers' accounts, each with the balance that it left. Rows follow each other by "
            "partition, number, and account in the order of opening; those of one account by their numbers.",
            columns=_ENTRY,
            filters=_STRETCH,
            slices=partial(entries, bank),
            check=in_order,
        ),
        ExportKind(
            name="statements",
            context=LEDGER,
            about="The lines of an account's month, as `partita statement` shows them. Interest stands at the end of "
            "the day that it counts for.",
            columns=_LINE,
            filters=_MONTH,
            slices=partial(statements, bank),
        ),
        ExportKind(
            name="accounts",
            context=LEDGER,
            about="Customers' accounts as they are while the export is written, all of one moment: a cut that is given "
            "changes nothing. Sums are those of ledger balances. Rows follow each other by id.",
            columns=_ACCOUNT,
            filters={},
            slices=accounts,
            shows_now=True,
        ),
    )


KINDS: Final = kinds_of(Bank())
