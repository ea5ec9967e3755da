"""The family ``product``: the rules of interest and of overdraft fees that accounts share."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from contracts.accounts import AccountType
from contracts.envelope import Command, Event, Refusal, Rejected, TextHash
from contracts.ids import BusinessId
from contracts.money import END, Amount, CurrencyCode, decimal_text, exponent_of, trimmed
from contracts.shown import ShownAmount, ShownCount, ShownCurrency, ShownId, ShownNumber, ShownRate

Interest = Literal["none", "simple", "compound"]
TierMode = Literal["whole", "marginal"]
DayCount = Literal[365, 360]
Rate = Annotated[
    str,
    Meta(
        pattern=rf"^(0|[1-9][0-9]?)(\.[0-9]{{1,10}})?{END}",
        description='a yearly rate such as "0.025" for 2.5 %, a decimal string below 100 of up to 10 decimals',
    ),
]
FeeCount = Annotated[int, Meta(ge=0, le=1000, description="a whole number from 0 to 1000")]
Hours = Annotated[int, Meta(ge=0, le=8784, description="a whole number of hours from 0 to 8784")]
TIERS_MAX: Final = 20
STANDARD_FEE_MINOR: Final = 3500
STANDARD_FEES_PER_DAY: Final = 3
STANDARD_FEES_PER_MONTH: Final = 10


class ProductRefusal(Refusal):
    """Why a ``product`` command is refused."""

    PRODUCT_RESERVED = (
        "product_reserved",
        "The products plain, standard and savings are the bank's and stay as they are; choose another name.",
    )
    TIERS_INVALID = (
        "tiers_invalid",
        "Tiers must begin at 0 and ascend, and be there exactly where there is interest; correct them.",
    )


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rate, and the balance from which on it holds.

    Attributes:
        start: The balance from which on the rate holds.
        rate: The rate a year.
    """

    start: Amount = msgspec.field(name="from")
    rate: Rate


class ProductSet(Command, tag="product.set", frozen=True, kw_only=True):
    """Define a product, or replace it from now on, for the accounts that have it too.

    What is left out is as in ``standard``, without interest.

    Attributes:
        product: The product.
        account_type: What kind of account may be given it.
        currency: The currency of the accounts that may be given it, and of the amounts here.
        interest: Whether interest accrues, and whether on what has accrued too (compound).
        tier_mode: Whether the rate of a tier holds for the whole balance or for what lies above its start.
        tiers: The rates by balance, ascending from 0.
        day_count: How many days a year of interest has.
        overdraft_fee: What a debit that leaves the ledger balance below zero costs; left out, 3500 minor units, such as
            35.00 EUR.
        fees_per_day: How many such fees an account is charged on one day at most.
        fees_per_month: How many in one calendar month at most.
        first_fee_waived: Whether the first of a calendar year is waived; not for a customer out of good standing.
        fee_may_exceed_limit: Whether the fee may take the account beyond its overdraft limit; where it may not, a debit
            whose fee would is refused.
        grace_hours: Within how many hours a fee comes back if the ledger balance is restored; 0 for never.
    """

    product: BusinessId
    account_type: AccountType
    currency: CurrencyCode
    interest: Interest = "none"
    tier_mode: TierMode = "whole"
    tiers: Annotated[list[Tier], Meta(max_length=TIERS_MAX)] = msgspec.field(default_factory=list)
    day_count: DayCount = 365
    overdraft_fee: Amount = ""
    fees_per_day: FeeCount = STANDARD_FEES_PER_DAY
    fees_per_month: FeeCount = STANDARD_FEES_PER_MONTH
    first_fee_waived: bool = True
    fee_may_exceed_limit: bool = True
    grace_hours: Hours = 0

    amounts = ("overdraft_fee",)

    def canonical(self) -> "ProductSet":
        """Return the same product with its fee named, as it is where the sender names none."""
        exponent = exponent_of(self.currency)
        if self.overdraft_fee or exponent is None:
            return self
        return msgspec.structs.replace(self, overdraft_fee=decimal_text(STANDARD_FEE_MINOR, exponent))

    def comparable(self, hashed: TextHash) -> dict[str, Any]:
        """Compare the tiers one by one."""
        tiers = [Tier(start=trimmed(tier.start), rate=trimmed(tier.rate)) for tier in self.tiers]
        return super().comparable(hashed) | {"tiers": tiers}


class TierView(Struct, frozen=True, kw_only=True):
    """A rate, and the balance from which on it holds.

    Attributes:
        start: The balance from which on the rate holds.
        rate: The rate a year.
    """

    start: ShownAmount = msgspec.field(name="from")
    rate: ShownRate


class ProductDefined(Event, tag="product.defined", frozen=True, kw_only=True):
    """The product is as asked for from now on, for the accounts that have it too.

    Attributes:
        product: The product.
        version: How often it was set, this time included; a fee keeps to the version it was charged under.
        account_type: What kind of account may be given it.
        currency: The currency of the accounts that may be given it, and of the amounts here.
        interest: Whether interest accrues, and whether on what has accrued too (compound).
        tier_mode: Whether the rate of a tier holds for the whole balance or for what lies above its start.
        tiers: The rates by balance.
        day_count: How many days a year of interest has.
        overdraft_fee: What a debit that leaves the ledger balance below zero costs.
        fees_per_day: How many such fees an account is charged on one day at most.
        fees_per_month: How many in one calendar month at most.
        first_fee_waived: Whether the first of a calendar year is waived; not for a customer out of good standing.
        fee_may_exceed_limit: Whether the fee may take the account beyond its overdraft limit; where it may not, a debit
            whose fee would is refused.
        grace_hours: Within how many hours a fee comes back if the ledger balance is restored; 0 for never.
    """

    product: ShownId
    version: ShownNumber
    account_type: AccountType
    currency: ShownCurrency
    interest: Interest
    tier_mode: TierMode
    tiers: list[TierView]
    day_count: DayCount
    overdraft_fee: ShownAmount
    fees_per_day: ShownCount
    fees_per_month: ShownCount
    first_fee_waived: bool
    fee_may_exceed_limit: bool
    grace_hours: ShownCount


class ProductRejected(Rejected, tag="product.rejected", frozen=True, kw_only=True):
    """The ``product`` command was refused."""
