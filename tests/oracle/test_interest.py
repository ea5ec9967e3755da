"""The oracle on interest: what each day earns, who earns nothing, what a month's end pays, and what closing does."""

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from partita.oracle.interest import earned
from partita.oracle.state import Product, Tier
from tests.oracle.attempts import Attempts

Rates = tuple[tuple[str, str], ...]
FLAT: Rates = (("0", "0.025"),)
THIRDS: Rates = (("0", "0.02"), ("50000", "0.03"), ("100000", "0.04"))
HALVES: Rates = (("0", "0.1"), ("100", "0.2"))


def product(rates: Rates, interest: str, tier_mode: str = "whole", day_count: int = 360) -> Product:
    tiers = tuple(Tier(start=Decimal(start), rate=Decimal(rate)) for start, rate in rates)
    return Product(types=(), fee_minor=0, interest=interest, tier_mode=tier_mode, tiers=tiers, day_count=day_count)


def tiny(rate: str) -> Product:
    return product((("0", rate),), "simple")


# the product, the balance, what was earned before -> what the day earns
DAYS = [
    (product(FLAT, "simple", day_count=365), "100000", "0", "6.84931506849315"),
    (product(FLAT, "simple"), "100000", "0", "6.94444444444444"),
    (product(FLAT, "compound"), "0", "100", "0"),
    (product(FLAT, "simple", "marginal"), "-5000", "0", "0"),
    (product(THIRDS, "simple", "marginal"), "30000", "0", "1.66666666666667"),
    (product(THIRDS, "simple", "marginal"), "75000", "0", "4.86111111111111"),
    (product(THIRDS, "simple", "marginal"), "100000", "0", "6.94444444444444"),
    (product(THIRDS, "simple", "marginal"), "150000", "0", "12.5"),
    (product(THIRDS, "simple"), "99999.99", "0", "8.3333325"),
    (product(THIRDS, "simple"), "100000", "0", "11.11111111111111"),
    # compound: the tier is the ledger balance's, whatever has accrued
    (product(HALVES, "compound"), "90", "30", "0.03333333333333"),
    (product(HALVES, "compound", "marginal"), "90", "30", "0.03333333333333"),
    (product(HALVES, "compound", "marginal"), "130", "30", "0.06111111111111"),
    (product(HALVES, "compound", "marginal"), "100", "26", "0.04222222222222"),
    (product(HALVES, "simple", "marginal"), "130", "30", "0.04444444444444"),
    # half up to 10^-12 of a minor unit
    (tiny("0.0000000009"), "0.02", "0", "0.00000000000005"),
    (tiny("0.0000000018"), "0.01", "0", "0.00000000000005"),
    (tiny("0.0000000017"), "0.01", "0", "0.00000000000005"),
    (tiny("0.0000000016"), "0.01", "0", "0.00000000000004"),
    (tiny("0.0000000001"), "0.01", "0", "0"),
]


@pytest.mark.parametrize(("by", "balance", "before", "right"), DAYS)
def test_a_day_earns_by_its_balance(by: Product, balance: str, before: str, right: str) -> None:
    assert earned(by, Decimal(balance), Fraction(before), 2) == Fraction(right)


OPENED = """
@ 2026-01-15T10:00:00
product.set product=s account_type=CHECKING currency=USD interest=simple tiers=0:0.365 first_fee_waived=false \
grace_hours=8784 overdraft_fee=1 -> yes
product.set product=c account_type=CHECKING currency=USD interest=compound tiers=0:0.36 day_count=360 -> yes
account.open account_id=A account_type=CHECKING currency=USD product=s overdraft_limit=100 -> yes
account.open account_id=N account_type=CHECKING currency=USD -> yes product=plain
transfer.deposit account_id=A amount=1000 -> yes
"""
DAILY = """
interest.accrue account_id=house:interest:USD date=2026-02-30 -> account_reserved
interest.accrue account_id=X date=2026-02-30 -> date_invalid
interest.accrue account_id=X date=2026-01-15 -> account_not_found
interest.accrue account_id=A date=2026-01-14 -> already_accrued
interest.accrue account_id=A date=2026-01-15 -> date_not_ended
@ 2026-01-16T00:00:00
interest.accrue account_id=A date=2026-01-15 -> yes days=1 accrued=1.000000 accumulated=1.000000
interest.accrue account_id=A date=2026-01-15 -> already_accrued
interest.accrue account_id=A date=2026-01-16 -> date_not_ended
transfer.withdraw account_id=A amount=500 -> yes
@ 2026-01-18T23:59:59
transfer.deposit account_id=A amount=500.01 -> yes
@ 2026-01-20T12:00:00
account.freeze account_id=A reason=r -> yes
# 0.5 + 0.5 + 1.00001 + 1.00001, whatever it is now
interest.accrue account_id=A date=2026-01-19 -> yes days=4 accrued=3.000020 accumulated=4.000020
# a day is accrued in whole: the 16th to the 19th are over
interest.accrue account_id=A date=2026-01-18 -> already_accrued
"""
NOTHING = """
transfer.withdraw account_id=A amount=1000 -> yes
@ 2026-01-17T10:00:00
transfer.withdraw account_id=A amount=50 -> yes used=51.00
@ 2026-01-18T10:00:00
transfer.deposit account_id=A amount=151 -> yes fee_refunded=1.00
@ 2026-01-20T10:00:00
# nothing for zero and for a debt
interest.accrue account_id=A date=2026-01-19 -> yes days=5 accrued=0.202000 accumulated=0.202000
interest.accrue account_id=N date=2026-01-19 -> yes days=5 accrued=0.000000 accumulated=0.000000
"""
VERSIONS = """
@ 2026-01-17T10:00:00
product.set product=s account_type=CHECKING currency=USD interest=simple tiers=0:0.73 -> yes
@ 2026-01-18T10:00:00
account.set_product account_id=A product=c -> yes
product.set product=s account_type=CHECKING currency=USD interest=simple tiers=0:99 -> yes
@ 2026-01-19T10:00:00
product.set product=c account_type=CHECKING currency=USD -> yes interest=none
@ 2026-01-20T10:00:00
account.set_product account_id=A product=plain -> yes
@ 2026-01-25T10:00:00
# 1 on the 15th and 16th, 2 on the 17th, 1.004 on the 18th, then nothing
interest.accrue account_id=A date=2026-01-16 -> yes days=2 accrued=2.000000
interest.accrue account_id=A date=2026-01-24 -> yes days=8 accrued=3.004000 accumulated=5.004000
"""
BEGUN = """
@ 2026-03-10T10:00:00
transfer.deposit account_id=N amount=1000 -> yes
@ 2026-03-12T10:00:00
account.set_product account_id=N product=s -> yes
@ 2026-03-14T10:00:00
# the days before count, and have earned nothing
interest.accrue account_id=N date=2026-03-13 -> yes days=58 accrued=2.000000
interest.post account_id=N month=2026-01 -> yes days=0 amount=0.00
"""
MONTHLY = """
interest.post account_id=house:x month=2026-13 -> account_reserved
interest.post account_id=X month=2026-13 -> date_invalid
interest.post account_id=X month=2026-01 -> account_not_found
interest.post account_id=A month=2025-12 -> already_posted
interest.post account_id=A month=2026-01 -> month_not_ended
@ 2026-01-31T23:59:59
interest.post account_id=A month=2026-01 -> month_not_ended
transfer.withdraw account_id=A amount=0.01 -> yes
@ 2026-02-03T10:00:00
account.freeze account_id=A reason=r -> yes
interest.accrue account_id=A date=2026-02-02 -> yes days=19 accrued=18.999970 accumulated=18.999970
# 16 days and one of 0.99999: what is below a cent stays, and so do the days since
interest.post account_id=A month=2026-01 -> yes days=0 value_date=2026-01-31 amount=16.99 accumulated=2.009970 \
currency=USD entries=A:T16.99 house=house:interest:USD:-16.99
interest.post account_id=A month=2026-01 -> already_posted
interest.post account_id=A month=2026-02 -> month_not_ended
@ 2026-04-01T00:00:00
# missing days first: two at 999.99, 26 and 31 at 1016.98; a month that was passed over is posted with the next
interest.post account_id=A month=2026-03 -> yes days=57 value_date=2026-03-31 amount=59.97 accumulated=0.007830
interest.post account_id=A month=2026-02 -> already_posted
interest.accrue account_id=A date=2026-03-31 -> already_accrued
p: interest.post account_id=N month=2026-03 -> yes days=76 amount=0.00 transaction_id=null entries= accumulated=0.000000
transfer.reverse account_id=N transaction_id=p -> transaction_not_found
"""
AS_MONEY = """
@ 2026-01-31T10:00:00
transfer.withdraw account_id=A amount=1010 -> yes used=11.00 fee=1.00
@ 2026-02-01T10:00:00
# 16 days of 1; a credit like any other
p: interest.post account_id=A month=2026-01 -> yes days=17 amount=16.00 entries=A:T16.00,A:R1.00 \
house=house:fees:USD:-1.00,house:interest:USD:-16.00
transfer.reverse account_id=N transaction_id=p -> account_differs
transfer.reverse account_id=A transaction_id=p -> not_reversible
settlement.refund account_id=A transaction_id=p -> not_refundable
# by the day it came, not by its value date
@ 2026-02-03T10:00:00
interest.accrue account_id=A date=2026-02-02 -> yes days=2 accrued=0.012000
"""
COMPOUND = """
account.open account_id=C account_type=CHECKING currency=USD product=c -> yes
transfer.deposit account_id=C amount=1000 -> yes
@ 2026-01-18T10:00:00
# 1, 1.001, 1.002001
interest.accrue account_id=C date=2026-01-17 -> yes days=3 accrued=3.003001
@ 2026-02-01T10:00:00
interest.post account_id=C month=2026-01 -> yes days=14 amount=17.13 accumulated=0.006682
@ 2026-02-02T10:00:00
interest.accrue account_id=C date=2026-02-01 -> yes days=1 accrued=1.017137 accumulated=1.023819
"""
CLOSED = """
@ 2026-02-10T23:59:59
account.close account_id=A payout_account_id=N -> yes house=house:interest:USD:-26.00 ledger_balance=0.00
interest.accrue account_id=A date=2026-02-09 -> account_closed
interest.accrue account_id=A date=2026-02-30 -> date_invalid
interest.post account_id=A month=2026-02 -> already_posted
interest.post account_id=A month=2026-03 -> already_posted
account.freeze account_id=N reason=r -> yes ledger_balance=1026.00
@ 2026-04-10T00:00:00
interest.post account_id=A month=2026-03 -> already_posted
"""
CLOSING = """
@ 2026-01-16T10:00:00
transfer.withdraw account_id=A amount=1000 -> yes
# a unit was earned, and has to go somewhere
account.close account_id=A -> balance_not_zero
account.freeze account_id=A reason=r -> yes
account.close account_id=A payout_account_id=N -> balance_not_zero
account.unfreeze account_id=A reason=r -> yes
transfer.withdraw account_id=A amount=0.01 -> yes used=1.01
account.close account_id=A payout_account_id=N -> balance_not_zero
transfer.deposit account_id=A amount=1.01 -> yes used=0.00 fee_refunded=1.00
# what is refused has accrued nothing
interest.accrue account_id=A date=2026-01-15 -> yes days=1
c: account.close account_id=A payout_account_id=N -> yes house=house:interest:USD:-1.00
transfer.reverse account_id=A transaction_id=c -> not_reversible
account.freeze account_id=N reason=r -> yes ledger_balance=2.00
"""
LOST = """
transfer.withdraw account_id=A amount=999.99 -> yes
@ 2026-01-16T10:00:00
transfer.withdraw account_id=A amount=0.01 -> yes
# less than a cent was earned
account.close account_id=A -> yes house=
interest.post account_id=A month=2026-01 -> already_posted
"""
SAVINGS = """
account.open account_id=S account_type=SAVINGS currency=JPY product=savings -> yes
account.open account_id=T account_type=MONEY_MARKET currency=USD product=savings -> yes
transfer.deposit account_id=S amount=3650000 -> yes
transfer.deposit account_id=T amount=9999.99 -> yes
@ 2026-02-01T10:00:00
interest.post account_id=S month=2026-01 -> yes days=17 amount=4250 accumulated=0.000000
interest.accrue account_id=T date=2026-01-15 -> yes accrued=0.547945
interest.accrue account_id=T date=2026-01-17 -> yes days=2 accrued=1.095889 accumulated=1.643834
"""
TABLES = {
    "daily": DAILY,
    "nothing": NOTHING,
    "versions": VERSIONS,
    "begun": BEGUN,
    "monthly": MONTHLY,
    "as_money": AS_MONEY,
    "compound": COMPOUND,
    "closed": CLOSED,
    "closing": CLOSING,
    "lost": LOST,
    "savings": SAVINGS,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_interest_accrues_day_by_day_and_is_paid_month_by_month(table: str) -> None:
    told = Attempts()
    told.tell(OPENED)
    told.tell(table)


def test_a_posting_that_no_balance_has_room_for_is_refused_and_has_accrued_nothing() -> None:
    told = Attempts()
    told.tell(OPENED)
    told.bank.accounts["A"].balance = Decimal(9 * 10**15)
    told.tell("""
@ 2026-02-01T10:00:00
interest.post account_id=A month=2026-01 -> balance_limit_exceeded
interest.accrue account_id=A date=2026-01-31 -> yes days=17 accrued=17.000000
""")


@pytest.mark.parametrize(
    ("zone", "last", "days"),
    [("UTC", "2026-01-15", 1), ("Pacific/Kiritimati", "2026-01-16", 2), ("America/New_York", "2026-01-15", 1)],
)
def test_days_are_the_banks(zone: str, last: str, days: int) -> None:
    told = Attempts(ZoneInfo(zone))
    told.tell(f"""
@ 2026-01-15T09:00:00
account.open account_id=A account_type=SAVINGS currency=USD product=savings -> yes
@ 2026-01-16T10:30:00
interest.accrue account_id=A date={last} -> yes days={days}
interest.accrue account_id=A date={last} -> already_accrued
""")
