"""The oracle on fees that come back: which credits bring them, until when, and how they go on counting."""

import pytest

from tests.oracle.attempts import Attempts

SET = "product.set product=g account_type=CHECKING currency=USD overdraft_fee=5 first_fee_waived=false fees_per_day=9"
OPENED = f"""
@ 2026-03-01T10:00:00
{SET} grace_hours=24 -> yes
account.open account_id=A account_type=CHECKING currency=USD product=g overdraft_limit=1000 -> yes
account.open account_id=B account_type=CHECKING currency=USD product=g overdraft_limit=1000 -> yes
account.open account_id=P account_type=SAVINGS currency=USD -> yes
transfer.deposit account_id=P amount=100 -> yes
transfer.withdraw account_id=A amount=10 -> yes fee=5.00 used=15.00
"""
IN_TIME = """
transfer.deposit account_id=A amount=14.99 -> yes fee_refunded=0.00 used=0.01 entries=A:D14.99
@ 2026-03-02T10:00:00
transfer.deposit account_id=A amount=0.01 -> yes fee_refunded=5.00 used=0.00 fee=0.00 entries=A:D0.01,A:R5.00 \
house=house:cash:USD:-0.01,house:fees:USD:-5.00
transfer.deposit account_id=A amount=1 -> yes fee_refunded=0.00
account.freeze account_id=A reason=r -> yes ledger_balance=6.00
"""
TOO_LATE = """
@ 2026-03-01T10:00:01
transfer.withdraw account_id=A amount=1 -> yes fee=5.00 used=21.00
@ 2026-03-02T10:00:01
transfer.withdraw account_id=A amount=1 -> yes fee=5.00 used=27.00
transfer.deposit account_id=A amount=27 -> yes fee_refunded=10.00 entries=A:D27.00,A:R5.00,A:R5.00
@ 2026-03-04T10:00:00
transfer.deposit account_id=A amount=1 -> yes fee_refunded=0.00
"""
AS_CHARGED = f"""
{SET} -> yes grace_hours=0
transfer.withdraw account_id=A amount=1 -> yes fee=5.00 used=21.00
{SET} grace_hours=99 -> yes
transfer.deposit account_id=A amount=21 -> yes fee_refunded=5.00
transfer.deposit account_id=A amount=1 -> yes fee_refunded=0.00
transfer.withdraw account_id=A amount=7 -> yes fee=5.00 used=6.00
account.set_product account_id=A product=plain -> yes
@ 2026-03-05T13:00:00
transfer.deposit account_id=A amount=6 -> yes fee_refunded=5.00
"""
STILL_COUNTED = f"""
{SET} fees_per_day=1 fees_per_month=2 grace_hours=1 -> yes
transfer.deposit account_id=A amount=15 -> yes fee_refunded=5.00
transfer.withdraw account_id=A amount=6 -> yes fee=0.00 used=1.00
transfer.deposit account_id=A amount=1 -> yes fee_refunded=0.00
account.set_product account_id=A product=standard -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=35.00 waived=false
"""
TRANSFERS = """
transfer.make source_account_id=P destination_account_id=A amount=15 -> yes used=0.00 fee_refunded=5.00 \
entries=P:O15.00,A:I15.00,A:R5.00
# of another account, and told of the one that pays
w: transfer.make source_account_id=A destination_account_id=P amount=15 -> yes fee=5.00 used=15.00 fee_refunded=0.00
transfer.make source_account_id=B destination_account_id=A amount=15 -> yes fee=5.00 used=20.00 fee_refunded=5.00 \
entries=B:O15.00,A:I15.00,B:F5.00,A:R5.00
transfer.batch legs=A>P:6;P>B:20;B>P:1 -> yes fee=5.00,0.00,0.00 used=6.00,0.00,0.00 fee_refunded=0.00,5.00,0.00 \
entries=A:O6.00,P:I6.00,A:F5.00,P:O20.00,B:I20.00,B:R5.00,B:O1.00,P:I1.00
transfer.batch legs=P>A:6;A>P:6;P>A:10;P>A:1 -> yes fee=0.00,5.00,0.00,0.00 fee_refunded=5.00,0.00,5.00,0.00
"""
BACK = """
transfer.make source_account_id=P destination_account_id=A amount=15 -> yes fee_refunded=5.00
w: transfer.withdraw account_id=A amount=6 -> yes fee=5.00 used=6.00
transfer.deposit account_id=A amount=1 -> yes used=5.00
transfer.reverse account_id=A transaction_id=w -> yes entries=A:R6.00,A:R5.00 fee_refunded=5.00 used=0.00 fee=0.00
s: settlement.post account_id=A amount=7 destination_account_id=P -> yes fee=5.00 used=6.00
transfer.deposit account_id=A amount=1 -> yes used=5.00
settlement.refund account_id=A transaction_id=s amount=5 -> yes entries=P:R5.00,A:R5.00,A:R5.00 fee_refunded=5.00 \
waived=false fee=0.00 protected_by=null
b: transfer.batch legs=A>P:2;A>B:4 -> yes fee=0.00,5.00 used=0.00,6.00 fee_refunded=0.00,0.00
transfer.deposit account_id=A amount=4 -> yes used=2.00
transfer.reverse account_id=A transaction_id=b -> yes fee_refunded=5.00,0.00 used=0.00,0.00 \
entries=B:R4.00,A:R4.00,A:R5.00,P:R2.00,A:R2.00
"""
SWEPT = """
account.open account_id=Z account_type=CHECKING currency=USD -> yes
transfer.deposit account_id=Z amount=15 -> yes
z: account.close account_id=Z payout_account_id=A -> yes ledger_balance=0.00 house=house:fees:USD:-5.00
account.freeze account_id=A reason=r -> yes ledger_balance=5.00
"""
SETTLED = """
settlement.post account_id=P amount=15 destination_account_id=A -> yes fee_refunded=5.00 used=0.00
transfer.withdraw account_id=A amount=10 -> yes fee=5.00 used=10.00
hold.place hold_id=h account_id=B amount=10 reason=PENDING_ACH -> yes
settlement.capture hold_id=h account_id=B amount=10 destination_account_id=A -> yes fee=5.00 fee_refunded=5.00 \
entries=B:O10.00,A:I10.00,B:F5.00,A:R5.00
"""
PROTECTED = """
account.link_protection account_id=A protection_account_id=P -> yes
transfer.withdraw account_id=A amount=1 -> yes entries=A:W1.00,P:O1.00,A:I1.00 used=15.00 fee_refunded=0.00
transfer.withdraw account_id=B amount=1 -> yes fee=5.00 used=6.00
transfer.deposit account_id=A amount=14 -> yes used=1.00
hold.place hold_id=h account_id=A amount=1 reason=LEGAL -> yes available_after=-2.00
hold.release hold_id=h account_id=A -> yes
transfer.deposit account_id=A amount=3 -> yes fee_refunded=5.00 used=0.00
transfer.withdraw account_id=A amount=8 -> yes protected_by=P fee=0.00 fee_refunded=0.00
account.link_protection account_id=A protection_account_id=null -> yes
transfer.withdraw account_id=A amount=1 -> yes fee=5.00 used=6.00
transfer.deposit account_id=A amount=5 -> yes used=1.00
settlement.post account_id=A amount=3 -> yes fee=5.00 used=9.00
account.link_protection account_id=A protection_account_id=P -> yes
transfer.deposit account_id=A amount=9 -> yes fee_refunded=10.00
"""
WAYS = {
    "in_time": IN_TIME,
    "too_late": TOO_LATE,
    "as_charged": AS_CHARGED,
    "still_counted": STILL_COUNTED,
    "transfers": TRANSFERS,
    "back": BACK,
    "swept": SWEPT,
    "settled": SETTLED,
    "protected": PROTECTED,
}


@pytest.mark.parametrize("table", WAYS.values(), ids=WAYS)
def test_a_fee_comes_back_when_the_balance_is_restored_in_time(table: str) -> None:
    told = Attempts()
    told.tell(OPENED)
    told.tell(table)


def test_a_refused_command_charges_and_refunds_nothing() -> None:
    told = Attempts()
    told.tell(OPENED)
    told.tell("""
transfer.batch legs=P>A:15;A>P:25;P>B:999 -> leg_refused index=2
transfer.deposit account_id=A amount=15 -> yes fee_refunded=5.00
""")
