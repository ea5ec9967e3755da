"""The family ``account``: opening, freezing, limiting and closing accounts."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from contracts.envelope import Command, Event, Refusal, Rejected, Text
from contracts.ids import BusinessId
from contracts.money import ZERO, Amount, CurrencyCode
from contracts.shown import ShownAmount, ShownBalance, ShownCurrency, ShownId, ShownInstant, ShownText

AccountType = Literal["CHECKING", "SAVINGS", "MONEY_MARKET"]
AccountStatus = Literal["ACTIVE", "FROZEN", "CLOSED"]
PLAIN: Final = "plain"  # the product without interest or fees


class AccountRefusal(Refusal):
    """Why an ``account`` command is refused."""

    ACCOUNT_EXISTS = "account_exists", "An account with this id was opened before; choose another account_id."
    CUSTOMER_NOT_FOUND = "customer_not_found", "No customer has this id; create the customer first, or correct the id."
    CUSTOMER_NOT_VERIFIED = (
        "customer_not_verified",
        "The customer's identity is not verified; update the customer first.",
    )
    ACCOUNT_NOT_FOUND = "account_not_found", "No account has this id; open it first, or correct the id."
    ACCOUNT_CLOSED = "account_closed", "The account is closed and takes no further commands; use another account."
    ACCOUNT_ALREADY_FROZEN = "account_already_frozen", "The account is frozen already; nothing is left to do."
    ACCOUNT_NOT_FROZEN = "account_not_frozen", "The account is not frozen; nothing is left to do."
    OVERDRAFT_IN_USE = "overdraft_in_use", "More of the overdraft is in use than the new limit allows; pay in first."
    HOLDS_OPEN = "holds_open", "Money of the account is still held; capture or release the holds first."
    ADVANCE_OPEN = "advance_open", "The account has an advance that is not repaid; repay it or write it off first."
    PRODUCT_NOT_FOUND = "product_not_found", "No product has this name; use plain, or define the product first."
    PRODUCT_TYPE_DIFFERS = (
        "product_type_differs",
        "The product is for accounts of another type; choose another product.",
    )
    PRODUCT_CURRENCY_DIFFERS = (
        "product_currency_differs",
        "The product is for accounts in another currency; choose another product.",
    )
    PAYOUT_ACCOUNT_NOT_FOUND = "payout_account_not_found", "No account has the payout account's id; correct the id."
    PROTECTION_ACCOUNT_NOT_FOUND = (
        "protection_account_not_found",
        "No account has the protecting account's id; correct the id.",
    )
    ACCOUNTS_MUST_DIFFER = (
        "accounts_must_differ",
        "An account cannot pay out to or protect itself; name another account.",
    )
    PAYOUT_ACCOUNT_CLOSED = "payout_account_closed", "The payout account is closed; name another account."
    PROTECTION_ACCOUNT_CLOSED = "protection_account_closed", "The protecting account is closed; name another account."
    CUSTOMER_DIFFERS = "customer_differs", "The protecting account is not the same customer's; name one that is."
    CURRENCY_DIFFERS = "currency_differs", "The other account has another currency; name one in the same currency."
    PROTECTION_CYCLE = (
        "protection_cycle",
        "The protecting account is itself protected by this one, directly or through others; name another.",
    )
    BALANCE_NOT_ZERO = (
        "balance_not_zero",
        "The account has a balance that cannot be paid out; settle it, unfreeze it or name a payout account.",
    )
    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded", "A balance would pass its limit; use another payout account."


class AccountOpen(Command, tag="account.open", frozen=True, kw_only=True):
    """Open an account under the sender's own id.

    Attributes:
        account_id: The new account. Ids that begin with house: are the bank's.
        account_type: What kind of account it is.
        currency: The one currency of the account.
        customer_id: Whose account it is; left out, nobody's.
        overdraft_limit: How far below zero debits may take the account.
        product: The rules of interest and fees; left out, ``plain`` without a customer, otherwise ``standard`` for
            CHECKING and ``savings`` for the others.
    """

    account_id: BusinessId
    account_type: AccountType
    currency: CurrencyCode
    customer_id: BusinessId = ""
    overdraft_limit: Amount = ZERO
    product: BusinessId = ""

    amounts = ("overdraft_limit",)
    accounts = ("account_id",)

    def canonical(self) -> "AccountOpen":
        """Return the same opening with its product named, as it is where the sender names none."""
        if self.product:
            return self
        with_customer = "standard" if self.account_type == "CHECKING" else "savings"
        return msgspec.structs.replace(self, product=with_customer if self.customer_id else PLAIN)


class AccountFreeze(Command, tag="account.freeze", frozen=True, kw_only=True):
    """Stop debits of an account, new holds on it, and what is posted without a hold.

    Credits go on, and so do captures, releases and LEGAL holds.

    Attributes:
        account_id: The account to freeze.
        reason: Why; it comes back as ``purpose``.
    """

    account_id: BusinessId
    reason: Text

    free_texts = ("reason",)
    accounts = ("account_id",)


class AccountUnfreeze(Command, tag="account.unfreeze", frozen=True, kw_only=True):
    """Allow debits of a frozen account again.

    Attributes:
        account_id: The frozen account.
        reason: Why; it comes back as ``purpose``.
    """

    account_id: BusinessId
    reason: Text

    free_texts = ("reason",)
    accounts = ("account_id",)


class AccountClose(Command, tag="account.close", frozen=True, kw_only=True):
    """Close an account for ever, after paying out what is on it; it steps in for no other any more.

    Attributes:
        account_id: The account to close.
        payout_account_id: The account that takes what is left; left out, the balance must be zero.
    """

    account_id: BusinessId
    payout_account_id: BusinessId = ""

    accounts = ("account_id", "payout_account_id")


class AccountSetOverdraft(Command, tag="account.set_overdraft", frozen=True, kw_only=True):
    """Set how far an account may be overdrawn.

    Attributes:
        account_id: The account.
        overdraft_limit: How far below zero it may go from now on.
    """

    account_id: BusinessId
    overdraft_limit: Amount

    amounts = ("overdraft_limit",)
    accounts = ("account_id",)


class AccountSetProduct(Command, tag="account.set_product", frozen=True, kw_only=True):
    """Give an account another product, for what falls due from now on.

    Attributes:
        account_id: The account.
        product: The rules of interest and fees.
    """

    account_id: BusinessId
    product: BusinessId

    accounts = ("account_id",)


class AccountLinkProtection(Command, tag="account.link_protection", frozen=True, kw_only=True):
    """Let another account of the same customer step in before this one is overdrawn.

    Attributes:
        account_id: The account to protect.
        protection_account_id: The account that steps in; null for none any more.
    """

    account_id: BusinessId
    protection_account_id: BusinessId | None

    accounts = ("account_id", "protection_account_id")


class AccountFields(Struct, frozen=True, kw_only=True):
    """The account as it is after the command. Amounts are decimal strings of its currency.

    Attributes:
        account_id: The account.
        account_type: What kind of account it is.
        currency: The currency of the account and of the amounts here.
        status: FROZEN stops debits, CLOSED everything.
        product: The rules of interest and fees.
        customer_id: Whose account it is, or null.
        ledger_balance: The sum of all entries.
        available_balance: What may be spent besides the overdraft.
        overdraft_limit: How far below zero the account may go.
        overdraft_used: How far below zero it is.
        protection_account_id: The account that steps in before the overdraft, or null.
        opened_at: When it was opened.
        closed_at: When it was closed, or null.
    """

    account_id: ShownId
    account_type: AccountType
    currency: ShownCurrency
    status: AccountStatus
    product: ShownId
    customer_id: ShownId | None
    ledger_balance: ShownBalance
    available_balance: ShownBalance
    overdraft_limit: ShownAmount
    overdraft_used: ShownAmount
    protection_account_id: ShownId | None
    opened_at: ShownInstant
    closed_at: ShownInstant | None


class AccountOpened(Event, AccountFields, tag="account.opened", frozen=True, kw_only=True):
    """The account exists from now on."""


class AccountFrozen(Event, AccountFields, tag="account.frozen", frozen=True, kw_only=True):
    """Debits are stopped.

    Attributes:
        purpose: The command's ``reason``.
    """

    purpose: ShownText


class AccountUnfrozen(Event, AccountFields, tag="account.unfrozen", frozen=True, kw_only=True):
    """Debits are allowed again.

    Attributes:
        purpose: The command's ``reason``.
    """

    purpose: ShownText


class AccountClosed(Event, AccountFields, tag="account.closed", frozen=True, kw_only=True):
    """The account is closed; its balance is zero."""


class AccountOverdraftSet(Event, AccountFields, tag="account.overdraft_set", frozen=True, kw_only=True):
    """The overdraft limit is what was asked for."""


class AccountProductSet(Event, AccountFields, tag="account.product_set", frozen=True, kw_only=True):
    """The account has the product that was asked for."""


class AccountProtectionLinked(Event, AccountFields, tag="account.protection_linked", frozen=True, kw_only=True):
    """The account is protected as asked for."""


class AccountRejected(Rejected, tag="account.rejected", frozen=True, kw_only=True):
    """The ``account`` command was refused."""
