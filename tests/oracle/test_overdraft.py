"""The oracle on overdraft fees and protection: when a fee falls due, what waives and caps it, and who steps in."""

from zoneinfo import ZoneInfo

import pytest

from tests.oracle.attempts import Attempts

OPENED = """
@ 2026-03-01T10:00:00
customer.create customer_id=C name=Ann date_of_birth=1980-02-29 ssn=123456789 address=Here kyc_status=VERIFIED -> yes
account.open account_id=A account_type=CHECKING currency=USD customer_id=C overdraft_limit=1000 -> yes product=standard
account.open account_id=B account_type=CHECKING currency=USD -> yes product=plain
"""
STANDARD = """
transfer.deposit account_id=A amount=5 -> yes
transfer.withdraw account_id=A amount=5 -> yes used=0.00 fee=0.00 waived=false
transfer.withdraw account_id=A amount=10 -> yes used=10.00 fee=0.00 waived=true entries=A:W10.00 house=house:cash:USD:10
transfer.withdraw account_id=A amount=10 -> yes used=55.00 fee=35.00 waived=false entries=A:W10.00,A:F35.00 \
house=house:cash:USD:10,house:fees:USD:35.00
transfer.make source_account_id=A destination_account_id=B amount=10 -> yes used=100.00 fee=35.00 \
entries=A:O10.00,B:I10.00,A:F35.00
settlement.post account_id=A amount=10 destination_account_id=B -> yes used=145.00 fee=35.00 \
entries=A:O10.00,B:I10.00,A:F35.00
transfer.withdraw account_id=A amount=10 -> yes used=155.00 fee=0.00 waived=false
settlement.post account_id=A amount=10 -> yes used=165.00 fee=0.00 waived=false
@ 2026-03-01T23:59:59
transfer.withdraw account_id=A amount=10 -> yes used=175.00 fee=0.00
@ 2026-03-02T00:00:00
transfer.withdraw account_id=A amount=10 -> yes used=220.00 fee=35.00
account.set_overdraft account_id=A overdraft_limit=219.99 -> overdraft_in_use
account.set_overdraft account_id=A overdraft_limit=220 -> yes overdraft_used=220.00 ledger_balance=-220.00
transfer.withdraw account_id=A amount=0.01 -> insufficient_funds
transfer.deposit account_id=A amount=1 -> yes used=219.00 fee=0.00 waived=false protected_by=null fee_refunded=0.00
# the next year has its own first fee; another product does not
@ 2027-01-01T00:00:00
account.set_overdraft account_id=A overdraft_limit=1000 -> yes
transfer.withdraw account_id=A amount=1 -> yes used=220.00 fee=0.00 waived=true
product.set product=p account_type=CHECKING currency=USD overdraft_fee=0.5 -> yes
account.set_product account_id=A product=p -> yes
transfer.withdraw account_id=A amount=1 -> yes used=221.50 fee=0.50 waived=false
"""
STANDING = """
transfer.withdraw account_id=B amount=1 -> insufficient_funds
account.set_product account_id=B product=standard -> yes
account.set_overdraft account_id=B overdraft_limit=1000 -> yes
transfer.withdraw account_id=B amount=1 -> yes waived=true
customer.update customer_id=C good_standing=false -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=35.00 waived=false
customer.update customer_id=C good_standing=true -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=35.00 waived=false
"""
CAPS = """
product.set product=p account_type=CHECKING currency=USD overdraft_fee=1 fees_per_day=0 -> yes
product.set product=q account_type=CHECKING currency=USD overdraft_fee=1 fees_per_day=2 fees_per_month=3 -> yes
account.set_product account_id=A product=p -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=0.00 waived=false used=1.00
account.set_product account_id=A product=q -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=0.00 waived=true
transfer.withdraw account_id=A amount=1 -> yes fee=1.00
transfer.withdraw account_id=A amount=1 -> yes fee=1.00
transfer.withdraw account_id=A amount=1 -> yes fee=0.00 waived=false
@ 2026-03-31T23:59:59
transfer.withdraw account_id=A amount=1 -> yes fee=1.00
transfer.withdraw account_id=A amount=1 -> yes fee=0.00
@ 2026-04-01T00:00:00
transfer.withdraw account_id=A amount=1 -> yes fee=1.00 used=12.00
"""
WITHIN = """
product.set product=w account_type=CHECKING currency=USD overdraft_fee=5 fee_may_exceed_limit=false -> yes
product.set product=x account_type=CHECKING currency=USD overdraft_fee=5 fee_may_exceed_limit=false \
first_fee_waived=false fees_per_day=1 -> yes
product.set product=y account_type=CHECKING currency=USD overdraft_fee=5 first_fee_waived=false -> yes
account.open account_id=W account_type=CHECKING currency=USD product=w overdraft_limit=20 -> yes
account.open account_id=X account_type=CHECKING currency=USD product=x overdraft_limit=20 -> yes
account.open account_id=Y account_type=CHECKING currency=USD product=y overdraft_limit=20 -> yes
transfer.withdraw account_id=W amount=20 -> yes waived=true used=20.00
transfer.deposit account_id=X amount=4 -> yes
transfer.withdraw account_id=X amount=24.01 -> insufficient_funds
transfer.withdraw account_id=X amount=19.01 -> insufficient_funds
transfer.make source_account_id=X destination_account_id=B amount=19.01 -> insufficient_funds
transfer.batch legs=X>B:4;X>B:15.01 -> leg_refused index=1
hold.place hold_id=h account_id=X amount=0.01 reason=LEGAL -> yes
transfer.withdraw account_id=X amount=19 -> insufficient_funds
hold.release hold_id=h account_id=X -> yes
transfer.withdraw account_id=X amount=4 -> yes fee=0.00
transfer.deposit account_id=X amount=4 -> yes
transfer.withdraw account_id=X amount=19 -> yes fee=5.00 used=20.00
# past the cap there is no fee that could exceed
transfer.deposit account_id=X amount=5 -> yes
transfer.withdraw account_id=X amount=5 -> yes fee=0.00 used=20.00
@ 2026-03-02T10:00:00
settlement.post account_id=X amount=1 -> yes fee=5.00 used=26.00
transfer.withdraw account_id=Y amount=20 -> yes fee=5.00 used=25.00
transfer.withdraw account_id=Y amount=0.01 -> insufficient_funds
"""
LEDGER = """
# what is held leaves the ledger balance, by which fees are judged
transfer.deposit account_id=A amount=20 -> yes
hold.place hold_id=h account_id=A amount=50 reason=PENDING_ACH -> yes available_after=-30.00
transfer.withdraw account_id=A amount=20 -> yes fee=0.00 waived=false used=0.00
settlement.capture hold_id=h account_id=A amount=10 final=false -> yes waived=true used=10.00
settlement.capture hold_id=h account_id=A amount=10 -> yes fee=35.00 used=55.00 remaining=0.00
# a batch has a fee for each leg
transfer.batch legs=A>B:1;B>A:1;A>B:1 -> yes amount=3.00 fee=35.00,0.00,35.00 used=91.00,0.00,126.00 \
waived=false,false,false entries=A:O1.00,B:I1.00,A:F35.00,B:O1.00,A:I1.00,A:O1.00,B:I1.00,A:F35.00
"""
REVERSED = """
r: transfer.make source_account_id=A destination_account_id=B amount=1 -> yes waived=true
t: transfer.make source_account_id=A destination_account_id=B amount=1 -> yes used=37.00 fee=35.00
transfer.reverse account_id=A transaction_id=t -> yes entries=B:R1.00,A:R1.00 amount=1.00 used=0.00 fee=0.00
transfer.reverse account_id=A transaction_id=r -> yes entries=B:R1.00,A:R1.00
account.set_overdraft account_id=A overdraft_limit=35 -> yes ledger_balance=-35.00
"""
PROTECTED = """
account.open account_id=P account_type=SAVINGS currency=USD customer_id=C overdraft_limit=100 -> yes
account.open account_id=Q account_type=SAVINGS currency=USD customer_id=C -> yes
account.link_protection account_id=A protection_account_id=P -> yes
account.link_protection account_id=P protection_account_id=Q -> yes
account.set_overdraft account_id=A overdraft_limit=0 -> yes
transfer.deposit account_id=A amount=10 -> yes
transfer.deposit account_id=P amount=50 -> yes
transfer.deposit account_id=Q amount=99 -> yes
# what is held is missing too
hold.place hold_id=g account_id=A amount=4 reason=PENDING_ACH -> yes available_after=6.00
transfer.withdraw account_id=A amount=9 -> yes entries=A:W9.00,P:O3.00,A:I3.00 protected_by=P used=0.00
hold.release hold_id=g account_id=A -> yes available_after=4.00
transfer.deposit account_id=A amount=6 -> yes
transfer.deposit account_id=P amount=3 -> yes
transfer.withdraw account_id=A amount=25 -> yes entries=A:W25.00,P:O15.00,A:I15.00 protected_by=P used=0.00 fee=0.00 \
waived=false house=house:cash:USD:25
transfer.withdraw account_id=A amount=35.01 -> insufficient_funds
hold.place hold_id=h account_id=P amount=5 reason=PENDING_ACH -> yes available_after=30.00
transfer.withdraw account_id=A amount=30.01 -> insufficient_funds
account.freeze account_id=P reason=r -> yes
transfer.withdraw account_id=A amount=1 -> insufficient_funds
account.unfreeze account_id=P reason=r -> yes
# holds do not ask the protector, nor do captures and posts
hold.place hold_id=h account_id=A amount=1 reason=PENDING_ACH -> insufficient_funds
hold.place hold_id=h account_id=A amount=8 reason=LEGAL -> yes available_after=-8.00
settlement.capture hold_id=h account_id=A amount=1 final=false -> yes protected_by=null waived=true used=1.00
settlement.post account_id=A amount=1 -> yes protected_by=null fee=35.00 used=37.00
# it pays the whole amount where nothing is available, and there is no fee though the balance stays negative
transfer.withdraw account_id=A amount=2 -> yes entries=A:W2.00,P:O2.00,A:I2.00 used=37.00 fee=0.00 protected_by=P
account.set_overdraft account_id=A overdraft_limit=1000 -> yes available_balance=-44.00
transfer.withdraw account_id=A amount=28.01 -> yes protected_by=null fee=35.00 used=100.01
transfer.batch legs=A>B:1;A>B:28;A>B:27 -> yes protected_by=P,null,P fee=0.00,35.00,0.00 used=100.01,163.01,163.01
account.link_protection account_id=A protection_account_id=null -> yes
transfer.withdraw account_id=A amount=1 -> yes protected_by=null fee=0.00 used=164.01
"""
ITS_OWN = """
account.open account_id=P account_type=SAVINGS currency=USD customer_id=C -> yes
account.link_protection account_id=A protection_account_id=P -> yes
account.set_overdraft account_id=A overdraft_limit=0 -> yes
transfer.deposit account_id=A amount=10 -> yes
transfer.deposit account_id=P amount=14.99 -> yes
transfer.make source_account_id=A destination_account_id=P amount=25 -> insufficient_funds
transfer.deposit account_id=P amount=0.01 -> yes
t: transfer.make source_account_id=A destination_account_id=P amount=25 -> yes \
entries=A:O25.00,P:I25.00,P:O15.00,A:I15.00 protected_by=P
transfer.reverse account_id=A transaction_id=t -> yes entries=P:R25.00,A:R25.00
account.close account_id=A payout_account_id=P -> yes
"""
RULES = {
    "standard": STANDARD,
    "standing": STANDING,
    "caps": CAPS,
    "within": WITHIN,
    "ledger": LEDGER,
    "reversed": REVERSED,
    "protected": PROTECTED,
    "its_own": ITS_OWN,
}


@pytest.mark.parametrize("table", RULES.values(), ids=RULES)
def test_what_a_debit_costs_and_who_steps_in(table: str) -> None:
    told = Attempts()
    told.tell(OPENED)
    told.tell(table)


def test_days_and_years_are_those_of_the_bank() -> None:
    told = Attempts(ZoneInfo("Europe/Berlin"))
    told.tell(OPENED)
    told.tell("""
product.set product=p account_type=CHECKING currency=USD overdraft_fee=1 fees_per_day=1 fees_per_month=1 -> yes
account.set_product account_id=A product=p -> yes
@ 2026-12-30T23:00:00
transfer.withdraw account_id=A amount=1 -> yes waived=true
transfer.withdraw account_id=A amount=1 -> yes fee=1.00
@ 2026-12-31T22:59:59
transfer.withdraw account_id=A amount=1 -> yes fee=0.00 waived=false
@ 2026-12-31T23:00:00
transfer.withdraw account_id=A amount=1 -> yes waived=true
transfer.withdraw account_id=A amount=1 -> yes fee=1.00
""")


def test_a_fee_is_in_minor_units_of_the_account_whatever_its_product_has_become() -> None:
    Attempts().tell("""
@ 2026-03-01T10:00:00
product.set product=p account_type=CHECKING currency=USD overdraft_fee=2 first_fee_waived=false -> yes
account.open account_id=A account_type=CHECKING currency=USD product=p overdraft_limit=10 -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=2.00
product.set product=p account_type=SAVINGS currency=JPY overdraft_fee=50 first_fee_waived=false -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=0.50 used=4.50
account.open account_id=J account_type=CHECKING currency=JPY product=standard overdraft_limit=9 -> yes
account.open account_id=K account_type=CHECKING currency=KWD product=standard overdraft_limit=9 -> yes
transfer.withdraw account_id=J amount=1 -> yes waived=true
transfer.withdraw account_id=J amount=1 -> yes fee=3500 used=3502
transfer.withdraw account_id=K amount=1 -> yes waived=true
transfer.withdraw account_id=K amount=1 -> yes fee=3.500 used=5.500
""")
