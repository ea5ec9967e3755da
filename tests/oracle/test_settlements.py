"""The oracle on settlements: every code in its order, what moves, what the hold has left, and what may come back."""

from decimal import Decimal

from tests.oracle.attempts import Attempts

OPENED = """
@ 2026-03-01T10:00:00
account.open account_id=A account_type=CHECKING currency=USD -> yes
account.open account_id=D account_type=CHECKING currency=USD -> yes
account.open account_id=E account_type=CHECKING currency=EUR -> yes
account.open account_id=Z account_type=CHECKING currency=USD -> yes
account.close account_id=Z -> yes
transfer.deposit account_id=A amount=100 -> yes
"""
CAPTURED = """
hold.place hold_id=h account_id=A amount=40 reason=DEBIT_CARD_AUTH -> yes available_after=60.00
settlement.capture hold_id=n account_id=house:x amount=0.001 currency=XXX -> currency_unknown
settlement.capture hold_id=n account_id=house:x amount=0.001 currency=USD -> amount_invalid
settlement.capture hold_id=n account_id=A amount=0.001 -> amount_invalid
settlement.capture hold_id=n account_id=house:x amount=1 -> account_reserved
settlement.capture hold_id=n account_id=N amount=0.001 destination_account_id=house:cash:USD -> account_reserved
settlement.capture hold_id=n account_id=N amount=0.001 -> account_not_found account_id=N
settlement.capture hold_id=n account_id=A amount=999 currency=EUR -> hold_not_found
settlement.capture hold_id=h account_id=A amount=999 currency=EUR destination_account_id=N -> currency_differs
settlement.capture hold_id=h account_id=A amount=999 destination_account_id=E -> currency_differs
settlement.capture hold_id=h account_id=A amount=40.01 destination_account_id=N -> amount_exceeds_hold remaining=40.00
settlement.capture hold_id=h account_id=A amount=40 destination_account_id=N -> destination_not_found
settlement.capture hold_id=h account_id=A amount=40 destination_account_id=A -> destination_not_found
settlement.capture hold_id=h account_id=A amount=40 destination_account_id=Z -> destination_closed
c: settlement.capture hold_id=h account_id=A amount=10 final=false reference=r -> yes hold_id=h amount=10.00 \
currency=USD captured=10.00 remaining=30.00 hold_status=OPEN entries=A:W10.00 house=house:cash:USD:10 reference=r \
used=0.00 fee=0.00 waived=false protected_by=null fee_refunded=0.00
settlement.capture hold_id=h account_id=A amount=5 destination_account_id=D final=false currency=USD -> yes \
entries=A:O5.00,D:I5.00 captured=15.00 remaining=25.00 hold_status=OPEN reference=null house=
account.freeze account_id=A reason=r -> yes ledger_balance=85.00 available_balance=60.00
account.freeze account_id=D reason=r -> yes ledger_balance=5.00
f: settlement.capture hold_id=h account_id=A amount=7 destination_account_id=D -> yes captured=22.00 remaining=0.00 \
hold_status=CAPTURED entries=A:O7.00,D:I7.00
settlement.capture hold_id=h account_id=A amount=1 -> hold_ended
hold.release hold_id=h account_id=A -> hold_ended
account.unfreeze account_id=A reason=r -> yes available_balance=78.00
hold.place hold_id=k account_id=A amount=78 reason=PENDING_ACH -> yes available_after=0.00
settlement.capture hold_id=k account_id=A amount=78 final=false -> yes captured=78.00 remaining=0.00 \
hold_status=CAPTURED
# a capture asks for no funds
hold.place hold_id=l account_id=A amount=9 reason=LEGAL -> yes available_after=-9.00
settlement.capture hold_id=l account_id=A amount=4 -> yes used=4.00 captured=4.00 hold_status=CAPTURED
"""
POSTED = """
settlement.post account_id=house:x amount=0.001 currency=XXX -> currency_unknown
settlement.post account_id=A amount=0.001 destination_account_id=house:cash:USD -> amount_invalid
settlement.post account_id=N amount=1 destination_account_id=house:cash:USD -> account_reserved
settlement.post account_id=N amount=1 destination_account_id=N -> account_not_found account_id=N
settlement.post account_id=Z amount=1 currency=EUR destination_account_id=N -> account_closed account_id=Z
account.freeze account_id=A reason=r -> yes
settlement.post account_id=A amount=1 currency=EUR destination_account_id=N -> account_frozen
account.unfreeze account_id=A reason=r -> yes
settlement.post account_id=A amount=1 currency=EUR destination_account_id=N -> currency_differs
settlement.post account_id=A amount=1 destination_account_id=E -> currency_differs
settlement.post account_id=A amount=1 destination_account_id=N -> destination_not_found
settlement.post account_id=A amount=1 destination_account_id=A -> destination_not_found
settlement.post account_id=A amount=1 destination_account_id=Z -> destination_closed
settlement.post account_id=A amount=130 reference=r -> yes entries=A:W130.00 used=30.00 fee=0.00 hold_id=null \
captured=null remaining=null hold_status=null amount=130.00 currency=USD reference=r house=house:cash:USD:130
settlement.post account_id=A amount=1 destination_account_id=D currency=USD -> yes entries=A:O1.00,D:I1.00 used=31.00
"""
REFUNDED = """
h: hold.place hold_id=h account_id=A amount=40 reason=DEBIT_CARD_AUTH -> yes
t: transfer.deposit account_id=A amount=1 -> yes
x: settlement.post account_id=A amount=1 destination_account_id=N -> destination_not_found
s: settlement.capture hold_id=h account_id=A amount=40 destination_account_id=D -> yes
p: settlement.post account_id=A amount=8 -> yes
settlement.refund account_id=house:x transaction_id=s amount=0.001 -> amount_invalid
settlement.refund account_id=A transaction_id=t amount=0.001 -> amount_invalid
settlement.refund account_id=house:x transaction_id=none amount=0.001 -> account_reserved
settlement.refund account_id=A transaction_id=none amount=0.001 -> transaction_not_found
settlement.refund account_id=A transaction_id=h -> transaction_not_found
settlement.refund account_id=D transaction_id=t amount=99 -> account_differs
settlement.refund account_id=D transaction_id=s amount=99 -> account_differs
settlement.refund account_id=A transaction_id=t amount=99 -> not_refundable
settlement.refund account_id=D transaction_id=x amount=0.001 -> not_refundable
settlement.refund account_id=A transaction_id=s amount=40.01 -> amount_exceeds_settlement left=40.00
transfer.withdraw account_id=D amount=40 -> yes
account.freeze account_id=A reason=r -> yes
account.freeze account_id=D reason=r -> yes
r: settlement.refund account_id=A transaction_id=s amount=15 -> yes entries=D:R15.00,A:R15.00 amount=15.00 \
currency=USD used=0.00 fee=0.00 waived=false protected_by=null fee_refunded=0.00 house=
settlement.refund account_id=A transaction_id=s amount=25.01 -> amount_exceeds_settlement left=25.00
settlement.refund account_id=A transaction_id=s -> yes amount=25.00 entries=D:R25.00,A:R25.00
settlement.refund account_id=A transaction_id=s -> amount_exceeds_settlement left=0.00
settlement.refund account_id=A transaction_id=s amount=0.01 -> amount_exceeds_settlement left=0.00
account.unfreeze account_id=D reason=r -> yes ledger_balance=-40.00 overdraft_used=40.00
account.unfreeze account_id=A reason=r -> yes ledger_balance=93.00
settlement.refund account_id=A transaction_id=p -> yes entries=A:R8.00 house=house:cash:USD:-8
# neither settlements nor refunds can be reversed, and no refund refunded
transfer.reverse account_id=A transaction_id=s -> not_reversible
transfer.reverse account_id=D transaction_id=s -> account_differs
transfer.reverse account_id=A transaction_id=x -> not_reversible
transfer.reverse account_id=D transaction_id=r -> not_reversible
settlement.refund account_id=D transaction_id=r -> not_refundable
settlement.refund account_id=A transaction_id=r -> account_differs
u: settlement.refund account_id=A transaction_id=p -> amount_exceeds_settlement
transfer.reverse account_id=D transaction_id=u -> not_reversible
settlement.refund account_id=D transaction_id=u -> not_refundable
"""
AFTER_CLOSING = """
s: settlement.post account_id=A amount=5 destination_account_id=D -> yes
p: settlement.post account_id=A amount=5 destination_account_id=D -> yes
account.close account_id=D payout_account_id=A -> yes
settlement.refund account_id=A transaction_id=s amount=6 -> amount_exceeds_settlement
settlement.refund account_id=A transaction_id=s -> account_closed account_id=D
transfer.withdraw account_id=A amount=100 -> yes
account.close account_id=A -> yes
settlement.refund account_id=A transaction_id=p amount=6 -> amount_exceeds_settlement
settlement.refund account_id=A transaction_id=p -> account_closed account_id=A
"""


def told(table: str) -> Attempts:
    attempts = Attempts()
    attempts.tell(OPENED)
    attempts.tell(table)
    return attempts


def test_a_capture_moves_what_is_held_and_no_more() -> None:
    answers = told(CAPTURED).answers
    left = [answers[name].fields["entries"][0] for name in ("c", "f")]
    assert [(one["balance_after"], one["available_after"]) for one in left] == [("90.00", "60.00"), ("78.00", "78.00")]


def test_a_post_needs_neither_hold_nor_funds() -> None:
    told(POSTED)


def test_a_settlement_comes_back_once_in_whatever_parts() -> None:
    told(REFUNDED)


def test_nothing_comes_back_to_or_from_a_closed_account() -> None:
    told(AFTER_CLOSING)


def test_a_settlement_that_is_refused_at_last_leaves_its_hold_as_it_was() -> None:
    attempts = told("hold.place hold_id=h account_id=A amount=40 reason=LEGAL -> yes")
    attempts.bank.accounts["D"].balance = Decimal(9 * 10**15)
    attempts.tell(
        "settlement.capture hold_id=h account_id=A amount=1 destination_account_id=D -> balance_limit_exceeded"
    )
    attempts.tell("settlement.post account_id=A amount=1 destination_account_id=D -> balance_limit_exceeded")
    attempts.tell("s: settlement.capture hold_id=h account_id=A amount=1 -> yes remaining=0.00")
    attempts.bank.accounts["A"].balance = Decimal(9 * 10**15)
    attempts.tell("settlement.refund account_id=A transaction_id=s -> balance_limit_exceeded")
    attempts.bank.accounts["A"].balance -= 1
    attempts.tell("settlement.refund account_id=A transaction_id=s -> yes")
