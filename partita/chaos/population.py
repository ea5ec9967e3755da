"""Who is there before a run begins: customers, products, accounts with their money, and who protects whom.

Four tight accounts are a customer's: the first is protected by the second, the second by the third, the last by the
second. Their products charge fees that come back, fees that may not exceed the limit, the bank's own, or none; some of
them bear interest.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from partita.chaos.items import CURRENCY, Item, Json, Writer, text

FIRST_DAY: Final = date(2040, 1, 29)  # of every run; days come of their own, and a month ends soon
ACCOUNTS: Final = 500  # of each kind
FAMILY: Final = 4  # tight accounts of one customer
STEADY_MINOR: Final = 10**9
TIGHT_MINOR: Final = 2_000
LENT_TO: Final = 50  # tight accounts, so that what is said of them meets
TIGHT_LIMITS: Final = ("0.00", "5.00", "10.00")
LINKS: Final = ((0, 1), (1, 2), (3, 1))
# The caps are out of reach but for the last one; those and every waiver are for the oracle to judge.
PRODUCTS: Final[dict[str, Json]] = {
    "fee-plain": {"overdraft_fee": "0.25", "fees_per_day": 1000, "fees_per_month": 1000},
    "fee-grace": {"overdraft_fee": "0.40", "fees_per_day": 1000, "fees_per_month": 1000, "grace_hours": 72,
        "first_fee_waived": False},
    "fee-within": {"overdraft_fee": "0.30", "fees_per_day": 1000, "fees_per_month": 1000,
        "fee_may_exceed_limit": False},
    "fee-capped": {"overdraft_fee": "1.50", "grace_hours": 30},
    "earns-simple": {"overdraft_fee": "0.25", "interest": "simple", "tier_mode": "marginal",
        "tiers": [{"from": "0", "rate": "3.65"}, {"from": "10.00", "rate": "7.3"}]},
    "earns-compound": {"overdraft_fee": "0.25", "interest": "compound", "day_count": 360,
        "tiers": [{"from": "0", "rate": "3.6"}, {"from": "5.00", "rate": "1.2345678901"}]},
}  # fmt: skip
EARNING: Final = ("earns-simple", "earns-compound")
RATES: Final = ("0", "1.2", "3.65", "9.99")
CHOICES: Final = (*PRODUCTS, *PRODUCTS, "plain", "standard")


def steady_accounts() -> list[str]:
    """Return the names of all steady accounts."""
    return [f"S-{number}" for number in range(ACCOUNTS)]


def customer_of(number: int) -> str:
    """Return whose the tight account with this number is."""
    return f"C-{number // FAMILY}"


def customer(writer: Writer, customer_id: str) -> Item:
    """Create a customer."""
    said = {"name": f"Customer {customer_id}", "date_of_birth": "1980-02-29", "address": "1 Main Street"}
    ssn = f"{writer.dice.randrange(10**9):09d}"
    fields = {"customer_id": customer_id, **said, "ssn": ssn, "kyc_status": "VERIFIED"}
    return writer.say("customer.create", customer_id, fields)


def product(writer: Writer, name: str, **changed: object) -> Item:
    """Define a product, or change it."""
    fields = {"product": name, "account_type": "CHECKING", "currency": CURRENCY, **PRODUCTS[name], **changed}
    return writer.say("product.set", name, fields)


def opened(writer: Writer, account_id: str, limit: str = "0.00", **said: str) -> Item:
    """Open an account."""
    fields = {"account_id": account_id, "account_type": "CHECKING", "currency": CURRENCY, "overdraft_limit": limit}
    return writer.say("account.open", account_id, fields | said)


def deposit(writer: Writer, account_id: str, minor: int) -> Item:
    """Pay into an account."""
    fields = {"account_id": account_id, "amount": text(minor)}
    return writer.say("transfer.deposit", account_id, fields, [("", account_id, minor)])


def link(writer: Writer, family: int, protected: int, by: int | None) -> Item:
    """Link two accounts of a family, or unlink the one."""
    name, protector = (None if one is None else f"T-{family * FAMILY + one}" for one in (protected, by))
    assert name is not None, "somebody is protected"
    fields = {"account_id": name, "protection_account_id": protector}
    return writer.say("account.link_protection", name, fields)


def customers_and_products(writer: Writer) -> Iterator[Item]:
    """Yield what accounts need before they are opened."""
    for family in range(ACCOUNTS // FAMILY):
        yield customer(writer, f"C-{family}")
    for name in PRODUCTS:
        yield product(writer, name)


def accounts(writer: Writer) -> Iterator[Item]:
    """Yield what opens and funds all accounts."""
    for number in range(ACCOUNTS):
        yield opened(writer, f"S-{number}")
        products = EARNING if number < LENT_TO else CHOICES
        chosen = {"customer_id": customer_of(number), "product": writer.dice.choice(products)}
        yield opened(writer, f"T-{number}", writer.dice.choice(TIGHT_LIMITS), **chosen)
    for number in range(ACCOUNTS):
        yield deposit(writer, f"S-{number}", STEADY_MINOR)
        yield deposit(writer, f"T-{number}", TIGHT_MINOR)


def links(writer: Writer) -> Iterator[Item]:
    """Yield what links the accounts of each customer."""
    for family in range(ACCOUNTS // FAMILY):
        for protected, by in LINKS:
            yield link(writer, family, protected, by)
