"""The oracle on advances: who is granted one, how it comes back, where a failed payment goes, and how it ends."""

from decimal import Decimal

import pytest

from tests.oracle.attempts import Attempts

OPENED = """
@ 2026-03-02T10:00:00
customer.create customer_id=C name=Ann date_of_birth=1980-02-29 ssn=123456789 address=Here kyc_status=VERIFIED -> yes
account.open account_id=A account_type=CHECKING currency=USD customer_id=C overdraft_limit=500 product=plain -> yes
account.open account_id=B account_type=CHECKING currency=USD -> yes
"""
GRANTED = """
advance.request advance_id=a account_id=house:x amount=1.001 currency=XXX first_due=2026-02-30 -> currency_unknown
advance.request advance_id=a account_id=house:x amount=1.001 currency=USD first_due=2026-02-30 -> amount_invalid
advance.request advance_id=a account_id=house:x amount=1 currency=USD first_due=2026-02-30 -> account_reserved
advance.request advance_id=a account_id=X amount=1 first_due=2026-02-30 -> date_invalid
advance.request advance_id=a account_id=X amount=1 first_due=1899-12-31 -> date_invalid
advance.request advance_id=a account_id=X amount=1 payments=2 interval_days=1 first_due=9998-12-31 -> date_invalid
advance.request advance_id=a account_id=X amount=1 payments=1 first_due=9998-12-31 -> account_not_found
account.freeze account_id=A reason=r -> yes
advance.request advance_id=a account_id=A amount=0.11 currency=EUR -> account_frozen
account.unfreeze account_id=A reason=r -> yes
customer.update customer_id=C good_standing=false -> yes
advance.request advance_id=a account_id=A amount=0.11 currency=EUR -> currency_differs
advance.request advance_id=a account_id=A amount=0.11 -> amount_too_small
advance.request advance_id=a account_id=A amount=0.12 -> customer_not_in_good_standing
customer.update customer_id=C good_standing=true -> yes
g: advance.request advance_id=a account_id=A amount=1000 currency=USD -> yes amount=1000.00 outstanding=1000.00 \
entries=A:D1000.00 house=house:advances:USD:-1000 schedule=2026-03-09:83.33,2026-03-16:83.33,2026-03-23:83.33,\
2026-03-30:83.33,2026-04-06:83.33,2026-04-13:83.33,2026-04-20:83.33,2026-04-27:83.33,2026-05-04:83.33,\
2026-05-11:83.33,2026-05-18:83.33,2026-05-25:83.37
account.freeze account_id=A reason=r -> yes ledger_balance=1000.00
advance.request advance_id=a account_id=A amount=0.11 currency=EUR -> advance_exists
account.unfreeze account_id=A reason=r -> yes
advance.request advance_id=b account_id=A amount=100 -> advance_open
transfer.reverse account_id=A transaction_id=g -> not_reversible
transfer.reverse account_id=B transaction_id=g -> account_differs
advance.audit advance_id=a account_id=A -> yes amount=1000.00 outstanding=1000.00
advance.audit advance_id=b account_id=A -> advance_not_found
advance.audit advance_id=b account_id=X -> account_not_found
advance.audit advance_id=b account_id=house:x -> account_reserved
# nobody's account is in good standing, and the ids are the account's own
advance.request advance_id=a account_id=B amount=0.05 payments=3 interval_days=2 first_due=2026-01-01 -> yes \
schedule=2026-01-01:0.01,2026-01-03:0.01,2026-01-05:0.03
account.open account_id=Z account_type=CHECKING currency=USD -> yes
account.close account_id=Z -> yes
advance.request advance_id=a account_id=Z amount=0.11 currency=EUR -> account_closed
"""
COLLECTED = """
advance.request advance_id=a account_id=A amount=30 payments=3 first_due=2026-03-02 -> yes
advance.collect advance_id=b account_id=house:x payment_no=9 -> account_reserved
advance.collect advance_id=b account_id=X payment_no=9 -> account_not_found
advance.collect advance_id=b account_id=A payment_no=9 -> advance_not_found
advance.collect advance_id=a account_id=A payment_no=4 -> payment_not_found
advance.collect advance_id=a account_id=A payment_no=2 -> payment_not_due
c: advance.collect advance_id=a account_id=A payment_no=1 -> yes amount=10.00 outstanding=20.00 entries=A:W10.00 \
house=house:advances:USD:10.00
advance.collect advance_id=a account_id=A payment_no=1 -> payment_settled
transfer.reverse account_id=A transaction_id=c -> not_reversible
settlement.refund account_id=A transaction_id=c -> not_refundable
@ 2026-03-16T00:00:00
advance.collect advance_id=a account_id=A payment_no=3 -> yes outstanding=10.00
account.close account_id=A payout_account_id=X -> advance_open
advance.collect advance_id=a account_id=A payment_no=2 -> yes outstanding=0.00
advance.collect advance_id=a account_id=A payment_no=2 -> payment_settled
advance.repay advance_id=a account_id=A amount=99 -> advance_closed
advance.write_off advance_id=a account_id=A reason=r -> advance_closed
advance.audit advance_id=a account_id=A -> yes amount=30.00 outstanding=0.00
advance.request advance_id=a account_id=A amount=30 -> advance_exists
advance.request advance_id=b account_id=A amount=30 -> yes
"""
# neither the limit nor whoever protects steps in, held money is not there, and a frozen account pays nothing
FAILED = """
account.open account_id=P account_type=SAVINGS currency=USD customer_id=C -> yes
transfer.deposit account_id=P amount=500 -> yes
account.link_protection account_id=A protection_account_id=P -> yes
advance.request advance_id=a account_id=A amount=31 payments=3 first_due=2026-02-02 -> yes \
schedule=2026-02-02:10.33,2026-02-09:10.33,2026-02-16:10.34
hold.place hold_id=h account_id=A amount=20.68 reason=LEGAL -> yes available_after=10.32
advance.collect advance_id=a account_id=A payment_no=1 -> yes moved_to=2 amount=10.33 outstanding=31.00
advance.collect advance_id=a account_id=A payment_no=1 -> payment_settled
hold.adjust hold_id=h account_id=A amount=10.34 -> yes available_after=20.66
account.freeze account_id=A reason=r -> yes
advance.collect advance_id=a account_id=A payment_no=2 -> yes moved_to=3 amount=20.66
account.unfreeze account_id=A reason=r -> yes
advance.collect advance_id=a account_id=A payment_no=3 -> yes moved_to=4 amount=31.00
# a week after today, for that is later
advance.collect advance_id=a account_id=A payment_no=4 -> payment_not_due
@ 2026-03-08T23:59:59
advance.collect advance_id=a account_id=A payment_no=4 -> payment_not_due
@ 2026-03-09T00:00:00
advance.collect advance_id=a account_id=A payment_no=4 -> yes moved_to=5 amount=31.00
advance.audit advance_id=a account_id=A -> yes outstanding=31.00
hold.release hold_id=h account_id=A -> yes
@ 2026-03-16T00:00:00
advance.collect advance_id=a account_id=A payment_no=5 -> yes amount=31.00 outstanding=0.00 entries=A:W31.00
"""
# what fails after the last that is open makes a new one, though earlier ones are open
PASSED_OVER = """
advance.request advance_id=a account_id=A amount=30 payments=3 first_due=2026-02-02 -> yes
transfer.withdraw account_id=A amount=25 -> yes
advance.collect advance_id=a account_id=A payment_no=3 -> yes moved_to=4
advance.collect advance_id=a account_id=A payment_no=2 -> yes moved_to=4
transfer.deposit account_id=A amount=5 -> yes
advance.collect advance_id=a account_id=A payment_no=1 -> yes amount=10.00 outstanding=20.00
@ 2026-03-09T00:00:00
advance.collect advance_id=a account_id=A payment_no=4 -> yes moved_to=5 amount=20.00
"""
REPAID = """
account.open account_id=Y account_type=CHECKING currency=JPY -> yes
advance.request advance_id=a account_id=Y amount=100 payments=3 -> yes
advance.repay advance_id=b account_id=house:x amount=1 -> account_reserved
advance.repay advance_id=a account_id=Y amount=1.5 -> amount_invalid
advance.repay advance_id=b account_id=X amount=1.5 -> account_not_found
advance.repay advance_id=b account_id=Y amount=999 -> advance_not_found
account.freeze account_id=Y reason=r -> yes
advance.repay advance_id=a account_id=Y amount=101 -> account_frozen
account.unfreeze account_id=Y reason=r -> yes
transfer.withdraw account_id=Y amount=1 -> yes
advance.repay advance_id=a account_id=Y amount=101 -> amount_exceeds_advance outstanding=100
advance.repay advance_id=a account_id=Y -> insufficient_funds
r: advance.repay advance_id=a account_id=Y amount=40 -> yes outstanding=60 entries=Y:W40 house=house:advances:JPY:40
transfer.reverse account_id=Y transaction_id=r -> not_reversible
@ 2026-04-02T10:00:00
advance.collect advance_id=a account_id=Y payment_no=1 -> payment_settled
# 7 of it were repaid
transfer.withdraw account_id=Y amount=34 -> yes
advance.collect advance_id=a account_id=Y payment_no=2 -> yes amount=26 moved_to=3 outstanding=60
transfer.deposit account_id=Y amount=35 -> yes
advance.repay advance_id=a account_id=Y -> yes amount=60 outstanding=0
advance.audit advance_id=a account_id=Y -> yes amount=100 outstanding=0
account.close account_id=Y -> yes
advance.repay advance_id=a account_id=Y amount=1 -> advance_closed
advance.audit advance_id=a account_id=Y -> yes
"""
WRITTEN_OFF = """
advance.request advance_id=a account_id=A amount=30 payments=3 first_due=2026-02-02 -> yes
advance.collect advance_id=a account_id=A payment_no=1 -> yes
advance.repay advance_id=a account_id=A amount=3 -> yes outstanding=17.00
account.freeze account_id=A reason=r -> yes
advance.write_off advance_id=b account_id=house:x reason=r -> account_reserved
advance.write_off advance_id=b account_id=X reason=r -> account_not_found
advance.write_off advance_id=b account_id=A reason=r -> advance_not_found
w: advance.write_off advance_id=a account_id=A reason=gone -> yes amount=17.00 outstanding=0.00 purpose=gone \
house=house:advances:USD:17.00,house:losses:USD:-17.00
transfer.reverse account_id=B transaction_id=w -> not_reversible
settlement.refund account_id=B transaction_id=w -> not_refundable
advance.write_off advance_id=a account_id=A reason=r -> advance_closed
advance.repay advance_id=a account_id=A amount=1 -> advance_closed
advance.collect advance_id=a account_id=A payment_no=2 -> payment_settled
advance.audit advance_id=a account_id=A -> yes amount=30.00 outstanding=0.00
account.unfreeze account_id=A reason=r -> yes ledger_balance=17.00
advance.request advance_id=b account_id=A amount=30 -> yes
"""
CREDITED = """
product.set product=g account_type=CHECKING currency=USD overdraft_fee=5 first_fee_waived=false grace_hours=24 -> yes
account.open account_id=G account_type=CHECKING currency=USD product=g overdraft_limit=100 -> yes
transfer.withdraw account_id=G amount=10 -> yes fee=5.00
advance.request advance_id=a account_id=G amount=15 payments=1 -> yes entries=G:D15.00,G:R5.00 \
house=house:advances:USD:-15,house:fees:USD:-5.00
@ 2026-03-09T10:00:00
advance.collect advance_id=a account_id=G payment_no=1 -> yes moved_to=2
"""
TABLES = {
    "granted": GRANTED,
    "collected": COLLECTED,
    "failed": FAILED,
    "passed_over": PASSED_OVER,
    "repaid": REPAID,
    "written_off": WRITTEN_OFF,
    "credited": CREDITED,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_advance_is_granted_once_and_comes_back_payment_by_payment(table: str) -> None:
    told = Attempts()
    told.tell(OPENED)
    told.tell(table)


def test_what_fails_may_gather_behind_all_that_was_planned() -> None:
    told = Attempts(carried_extra=True)
    told.tell(OPENED)
    told.tell("""
advance.request advance_id=a account_id=A amount=30 payments=3 first_due=2026-02-23 -> yes
transfer.withdraw account_id=A amount=25 -> yes
advance.collect advance_id=a account_id=A payment_no=1 -> yes moved_to=4 amount=10.00
advance.collect advance_id=a account_id=A payment_no=2 -> yes moved_to=4 amount=10.00
@ 2026-03-15T10:00:00
advance.collect advance_id=a account_id=A payment_no=4 -> payment_not_due
@ 2026-03-16T10:00:00
# a week after the third, and a week after itself
advance.collect advance_id=a account_id=A payment_no=4 -> yes moved_to=5 amount=20.00
advance.collect advance_id=a account_id=A payment_no=3 -> yes moved_to=5 amount=10.00
transfer.deposit account_id=A amount=25 -> yes
advance.collect advance_id=a account_id=A payment_no=5 -> payment_not_due
@ 2026-03-23T10:00:00
advance.collect advance_id=a account_id=A payment_no=5 -> yes amount=30.00 outstanding=0.00
""")


def test_no_advance_is_larger_than_the_limit_of_its_currency() -> None:
    told = Attempts(advance_limits={"USD": Decimal(100)})
    told.tell(OPENED)
    told.tell("""
account.open account_id=Y account_type=CHECKING currency=JPY -> yes
advance.request advance_id=a account_id=A amount=100.01 -> advance_limit_exceeded
advance.request advance_id=a account_id=Y amount=101 -> yes
advance.request advance_id=a account_id=A amount=100 -> yes
advance.request advance_id=b account_id=A amount=100.01 -> advance_open
""")


def test_a_grant_that_no_balance_has_room_for_is_refused() -> None:
    told = Attempts()
    told.tell(OPENED)
    told.bank.accounts["A"].balance = Decimal(9 * 10**15)
    told.tell("advance.request advance_id=a account_id=A amount=0.12 -> balance_limit_exceeded")
    told.tell("account.close account_id=A payout_account_id=B -> yes")
