"""The family ``product``. Codes are tried in the order of precedence in which the wire lists them."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

from partita.oracle import fields
from partita.oracle.books import DECIMALS, Books, No, Rule, money
from partita.oracle.history import Json
from partita.oracle.state import Product, Tier, at_the_end, ended_with

_FEE_MINOR = 3500
_TYPES = ("CHECKING", "SAVINGS", "MONEY_MARKET")
_THE_BANKS = {
    "plain": Product(types=_TYPES, fee_minor=0),
    "standard": Product(types=_TYPES, fee_minor=_FEE_MINOR),
    "savings": Product(
        types=_TYPES[1:],
        fee_minor=_FEE_MINOR,
        interest="simple",
        tiers=(
            Tier(start=Decimal(0), rate=Decimal("0.01")),
            Tier(start=Decimal(1_000), rate=Decimal("0.02")),
            Tier(start=Decimal(10_000), rate=Decimal("0.025")),
        ),
    ),
}
_TIER = ("from", "rate")
_TIERS_MAX = 20
_LEFT_OUT: Json = {
    "interest": "none", "tier_mode": "whole", "tiers": [], "day_count": 365, "fees_per_day": 3, "fees_per_month": 10,
    "first_fee_waived": True, "fee_may_exceed_limit": True, "grace_hours": 0,
}  # fmt: skip


def of(books: Books, name: str) -> Product:
    """Return the product that an account has, as it is now."""
    return _THE_BANKS.get(name) or books.products[name]


def at(books: Books, name: str, day: date) -> Product:
    """Return a product as *day* ended with it."""
    return _THE_BANKS.get(name) or at_the_end(books.product_days[name], day, books.products[name])


def suits(books: Books, name: str, account_type: str, currency: str) -> None:
    """Refuse a product that an account of this type and currency cannot have."""
    if name not in _THE_BANKS and (books.is_unseen("product", name) or name not in books.products):
        raise No("product_not_found")
    if account_type not in of(books, name).types:
        raise No("product_type_differs")
    if of(books, name).currency not in ("", currency):
        raise No("product_currency_differs")


def _set(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    currency, name = command["currency"], command["product"]
    fee = money(currency, command.get("overdraft_fee", "0"))  # it is there where the currency is known
    starts = [money(currency, tier["from"]) for tier in command["tiers"]]
    if name in _THE_BANKS:
        raise No("product_reserved")
    if (command["interest"] == "none") == bool(starts) or (starts and starts[0]):
        raise No("tiers_invalid")
    if any(one >= other for one, other in pairwise(starts)):
        raise No("tiers_invalid")
    decimals = DECIMALS[currency]
    books.products[name] = product = Product(
        types=(command["account_type"],),
        currency=currency,
        version=books.products[name].version + 1 if name in books.products else 1,
        fee_minor=int(fee.scaleb(decimals)),
        per_day=command["fees_per_day"],
        per_month=command["fees_per_month"],
        first_waived=command["first_fee_waived"],
        may_exceed_limit=command["fee_may_exceed_limit"],
        grace_hours=command["grace_hours"],
        interest=command["interest"],
        tier_mode=command["tier_mode"],
        tiers=tuple(
            Tier(start=start.scaleb(decimals), rate=Decimal(tier["rate"]))
            for start, tier in zip(starts, command["tiers"], strict=True)
        ),
        day_count=command["day_count"],
    )
    books.product_days[name] = ended_with(books.product_days.get(name, ()), books.today, product)
    tiers = [
        {"from": f"{start:.{decimals}f}", "rate": tier["rate"]}
        for start, tier in zip(starts, command["tiers"], strict=True)
    ]
    told = {name: command[name] for name in ("product", "account_type", "currency", *_LEFT_OUT)}
    told |= {"version": product.version, "tiers": tiers, "overdraft_fee": f"{fee:.{decimals}f}"}
    return "product.defined", told


def _in_full(command: Json) -> Json:
    """Say what was left out: a fee as of ``standard``, in minor units of whatever currency it is."""
    currency = command["currency"]
    if "overdraft_fee" not in command and currency in DECIMALS:
        command = command | {"overdraft_fee": f"{Decimal(_FEE_MINOR).scaleb(-DECIMALS[currency]):f}"}
    return _LEFT_OUT | command


def _has_tiers(said: Json) -> bool:
    tiers = said.get("tiers", [])
    return len(tiers) <= _TIERS_MAX and all(isinstance(tier, dict) and fields.fit(tier, _TIER, ()) for tier in tiers)


RULES = {
    "product.set": Rule(
        decide=_set,
        needed=("product", "account_type", "currency"),
        may=("overdraft_fee", *_LEFT_OUT),
        well_formed=_has_tiers,
        canonical=_in_full,
    )
}
