"""The rule of the family ``product``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from contracts.products import ProductDefined, ProductRefusal, ProductSet, TierView
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.ledger.book import Book
from processor.ledger.products import BUILT_IN, columns
from processor.ledger.rules.views import amount_text
from processor.ledger.values import AccountType, Product, Tier


def set_product(book: Book, command: ProductSet, instant: datetime) -> Decision:
    """Define a product, or its next version."""
    fee_minor = amount_in(command.currency, command.overdraft_fee)
    if not isinstance(fee_minor, int):
        return fee_minor
    tiers: list[Tier] = []
    for tier in command.tiers:
        from_minor = amount_in(command.currency, tier.start)
        if not isinstance(from_minor, int):
            return from_minor
        tiers.append(Tier(from_minor, tier.rate))
    if command.product in BUILT_IN:
        return Refused(ProductRefusal.PRODUCT_RESERVED, {"product": command.product})
    if not _ascend(tiers) or (command.interest == "none") != (not tiers):
        return Refused(ProductRefusal.TIERS_INVALID, {"product": command.product})
    before = book.product(command.product)
    product = Product(
        product=command.product,
        version=1 if before is None else before.version + 1,
        account_types=(AccountType[command.account_type],),
        currency=command.currency,
        fee_minor=fee_minor,
        fees_per_day=command.fees_per_day,
        fees_per_month=command.fees_per_month,
        first_fee_waived=command.first_fee_waived,
        fee_may_exceed_limit=command.fee_may_exceed_limit,
        grace_hours=command.grace_hours,
        interest=command.interest,
        tier_mode=command.tier_mode,
        tiers=tuple(tiers),
        day_count=command.day_count,
    )
    changes = (Put("product", product.product, product), Kept("product_version", columns(product)))
    return Applied(_defined(product, command), changes)


def _ascend(tiers: Sequence[Tier]) -> bool:
    starts = [tier.from_minor for tier in tiers]
    return starts[:1] in ([], [0]) and starts == sorted(set(starts))


def _defined(product: Product, command: ProductSet) -> ProductDefined:
    currency = product.currency
    tiers = [TierView(start=amount_text(tier.from_minor, currency), rate=tier.rate) for tier in product.tiers]
    return ProductDefined(
        product=product.product,
        version=product.version,
        account_type=command.account_type,
        currency=currency,
        interest=command.interest,
        tier_mode=command.tier_mode,
        tiers=tiers,
        day_count=command.day_count,
        overdraft_fee=amount_text(product.fee_minor, currency),
        fees_per_day=product.fees_per_day,
        fees_per_month=product.fees_per_month,
        first_fee_waived=product.first_fee_waived,
        fee_may_exceed_limit=product.fee_may_exceed_limit,
        grace_hours=product.grace_hours,
    )


RULES: Final = {ProductSet: set_product}
