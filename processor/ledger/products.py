"""Products as values: those that are always there, in every currency, and what tables hold of the others."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.accounts import PLAIN
from contracts.products import STANDARD_FEE_MINOR, STANDARD_FEES_PER_DAY, STANDARD_FEES_PER_MONTH
from processor.ledger.values import AccountType, Product, Tier

STANDARD: Final = "standard"
SAVINGS: Final = "savings"
BEARING_NOTHING: Final = (PLAIN, STANDARD)  # and that for ever; what others bear may change
_EVERY_TYPE: Final = (AccountType.CHECKING, AccountType.SAVINGS, AccountType.MONEY_MARKET)


# By the whole units of whichever currency the account has.
_SAVINGS_TIERS: Final = (Tier(0, "0.01"), Tier(1_000, "0.02"), Tier(10_000, "0.025"))


def _built_in(name: str, account_types: tuple[int, ...], fee_minor: int, **interest: Any) -> Product:
    return Product(
        product=name,
        version=1,
        account_types=account_types,
        currency="",
        fee_minor=fee_minor,
        fees_per_day=STANDARD_FEES_PER_DAY,
        fees_per_month=STANDARD_FEES_PER_MONTH,
        first_fee_waived=True,
        fee_may_exceed_limit=True,
        grace_hours=0,
        **interest,
    )


BUILT_IN: Final[Mapping[str, Product]] = {
    PLAIN: _built_in(PLAIN, _EVERY_TYPE, 0),
    STANDARD: _built_in(STANDARD, _EVERY_TYPE, STANDARD_FEE_MINOR),
    SAVINGS: _built_in(
        SAVINGS,
        (AccountType.SAVINGS, AccountType.MONEY_MARKET),
        STANDARD_FEE_MINOR,
        interest="simple",
        tiers=_SAVINGS_TIERS,
    ),
}


def columns(product: Product) -> tuple[int | str | bool, ...]:
    """Return a product as the columns of its tables hold it, those of fixed length first."""
    fees = (product.fee_minor, product.fees_per_day, product.fees_per_month, product.first_fee_waived)
    more = (product.fee_may_exceed_limit, product.grace_hours, product.day_count)
    tiers = ";".join(f"{tier.from_minor}:{tier.rate}" for tier in product.tiers)
    texts = (product.product, product.currency, product.interest, product.tier_mode, tiers)
    return (product.version, product.account_types[0], *fees, *more, *texts)
