"""The oracle on holds: every code in its order, what is available, and how a hold ends."""

from tests.oracle.attempts import Attempts

PLACED = """
@ 2026-03-01T10:00:00
account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=20 -> yes
account.open account_id=B account_type=CHECKING currency=USD -> yes
account.open account_id=Z account_type=CHECKING currency=USD -> yes
account.close account_id=Z -> yes
transfer.deposit account_id=A amount=100 -> yes
hold.place hold_id=h account_id=house:x amount=1 currency=XXX reason=LEGAL -> currency_unknown
hold.place hold_id=h account_id=house:x amount=0.001 currency=USD reason=LEGAL -> amount_invalid
hold.place hold_id=h account_id=A amount=0.001 reason=LEGAL -> amount_invalid
hold.place hold_id=h account_id=house:x amount=0.001 reason=LEGAL -> account_reserved
hold.place hold_id=h account_id=N amount=0.001 reason=LEGAL -> account_not_found
hold.place hold_id=h account_id=Z amount=9 currency=EUR reason=LEGAL expires_at=2026-03-01T09:00:00Z -> account_closed
account.freeze account_id=A reason=r -> yes
hold.place hold_id=h account_id=A amount=9 currency=EUR reason=PENDING_ACH -> account_frozen
hold.place hold_id=h account_id=A amount=9 currency=EUR reason=LEGAL expires_at=2026-03-01T09:00:00Z -> currency_differs
account.unfreeze account_id=A reason=r -> yes
hold.place hold_id=h account_id=A amount=999 reason=PENDING_ACH expires_at=2026-03-01T10:00:00Z -> expiry_in_past
hold.place hold_id=h account_id=A amount=9 reason=LEGAL expires_at=2026-03-01T10:59:59+01:00 -> expiry_in_past
hold.place hold_id=h account_id=A amount=120.01 reason=PENDING_ACH -> insufficient_funds
hold.place hold_id=h account_id=A amount=60 reason=DEBIT_CARD_AUTH -> yes hold_id=h account_id=A status=OPEN \
reason=DEBIT_CARD_AUTH currency=USD amount=60.00 captured=0.00 remaining=60.00 expires_at=null available_after=40.00
hold.place hold_id=h account_id=A amount=999 reason=PENDING_ACH currency=EUR -> hold_exists
h: hold.place hold_id=h account_id=B amount=0.01 reason=PENDING_ACH -> insufficient_funds
hold.place hold_id=i account_id=A amount=60.01 reason=PENDING_ACH -> insufficient_funds
hold.place hold_id=i account_id=A amount=60 currency=USD reason=PENDING_ACH -> yes available_after=-20.00
transfer.withdraw account_id=A amount=0.01 -> insufficient_funds
hold.place hold_id=l account_id=A amount=500 reason=LEGAL -> yes available_after=-520.00
hold.place hold_id=h account_id=B amount=1 reason=LEGAL -> yes available_after=-1.00
account.freeze account_id=A reason=r -> yes ledger_balance=100.00 available_balance=-520.00 overdraft_used=0.00
hold.place hold_id=m account_id=A amount=1 reason=LEGAL -> yes available_after=-521.00
hold.release hold_id=i account_id=A -> yes status=RELEASED remaining=0.00 available_after=-461.00
hold.place hold_id=i account_id=A amount=1 reason=PENDING_ACH -> hold_exists
account.set_overdraft account_id=A overdraft_limit=0 -> yes available_balance=-461.00
"""
CHANGED = """
@ 2026-03-01T10:00:00
account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=20 -> yes
transfer.deposit account_id=A amount=100 -> yes
hold.place hold_id=h account_id=A amount=50 reason=PENDING_ACH expires_at=2026-03-02T10:00:00Z -> yes \
expires_at=2026-03-02T10:00:00.000000Z
hold.adjust hold_id=h account_id=house:x amount=0.001 -> account_reserved
hold.adjust hold_id=h account_id=A amount=0.001 -> amount_invalid
hold.adjust hold_id=h account_id=N amount=0.001 -> account_not_found
hold.adjust hold_id=n account_id=A amount=999 -> hold_not_found
hold.adjust hold_id=h account_id=A amount=120.01 -> insufficient_funds
hold.adjust hold_id=h account_id=A amount=120 -> yes amount=120.00 remaining=120.00 available_after=-20.00
settlement.capture hold_id=h account_id=A amount=30 final=false -> yes captured=30.00 remaining=90.00
hold.adjust hold_id=h account_id=A amount=29.99 -> amount_below_captured
hold.adjust hold_id=h account_id=A amount=100 -> yes amount=100.00 captured=30.00 remaining=70.00 available_after=0.00
account.freeze account_id=A reason=r -> yes
hold.adjust hold_id=n account_id=A amount=999 -> hold_not_found
hold.adjust hold_id=h account_id=A amount=100.01 -> account_frozen
hold.adjust hold_id=h account_id=A amount=100 -> yes amount=100.00
hold.adjust hold_id=h account_id=A amount=99 -> yes amount=99.00 available_after=1.00
hold.place hold_id=l account_id=A amount=1 reason=LEGAL -> yes
hold.adjust hold_id=l account_id=A amount=900 -> yes remaining=900.00 available_after=-899.00
hold.adjust hold_id=l account_id=A amount=1 -> yes available_after=0.00
account.unfreeze account_id=A reason=r -> yes
# extended: later, earlier, never into the past
hold.extend hold_id=h account_id=house:x expires_at=2026-03-01T10:00:00Z -> account_reserved
hold.extend hold_id=h account_id=N expires_at=2026-03-01T10:00:00Z -> account_not_found
hold.extend hold_id=n account_id=A expires_at=2026-03-01T10:00:00Z -> hold_not_found
hold.extend hold_id=h account_id=A expires_at=2026-03-01T10:00:00Z -> expiry_in_past
hold.extend hold_id=h account_id=A expires_at=2026-03-01t11:00:00.0000014+01:00 -> yes \
expires_at=2026-03-01T10:00:00.000001Z
hold.extend hold_id=h account_id=A expires_at=2026-03-03T10:00:00Z -> yes expires_at=2026-03-03T10:00:00.000000Z \
remaining=69.00 available_after=0.00
hold.extend hold_id=l account_id=A expires_at=9998-12-31T23:59:59Z -> yes expires_at=9998-12-31T23:59:59.000000Z
# down to what was captured, it ends
hold.adjust hold_id=h account_id=A amount=30 -> yes status=CAPTURED amount=30.00 captured=30.00 remaining=0.00 \
available_after=69.00
hold.adjust hold_id=h account_id=A amount=29 -> hold_ended
hold.extend hold_id=h account_id=A expires_at=2026-03-01T10:00:00Z -> hold_ended
hold.release hold_id=h account_id=A -> hold_ended
hold.expire hold_id=h account_id=A -> hold_ended
account.freeze account_id=A reason=r -> yes
hold.adjust hold_id=h account_id=A amount=31 -> account_frozen
hold.adjust hold_id=h account_id=A amount=30 -> hold_ended
hold.release hold_id=l account_id=house:x -> account_reserved
hold.release hold_id=l account_id=N -> account_not_found
hold.release hold_id=n account_id=A -> hold_not_found
hold.release hold_id=l account_id=A -> yes status=RELEASED amount=1.00 captured=0.00 remaining=0.00 \
available_after=70.00
"""
EXPIRED = """
@ 2026-03-01T10:00:00
account.open account_id=A account_type=CHECKING currency=USD -> yes
account.open account_id=B account_type=CHECKING currency=USD -> yes
transfer.deposit account_id=A amount=100 -> yes
hold.place hold_id=h account_id=A amount=70 reason=PENDING_ACH expires_at=2026-03-01T12:00:00Z -> yes
hold.place hold_id=i account_id=A amount=10 reason=PENDING_ACH expires_at=2026-03-01T12:00:01Z -> yes
hold.place hold_id=j account_id=A amount=5 reason=PENDING_ACH -> yes available_after=15.00
@ 2026-03-01T11:59:59
hold.expire hold_id=h account_id=house:x -> account_reserved
hold.expire hold_id=h account_id=N -> account_not_found
hold.expire hold_id=n account_id=A -> hold_not_found
hold.expire hold_id=h account_id=A -> hold_not_due
hold.expire hold_id=j account_id=A -> hold_not_due
transfer.withdraw account_id=A amount=15.01 -> insufficient_funds
account.close account_id=A payout_account_id=N -> holds_open
# from its instant on it holds nothing, tidied up or not
@ 2026-03-01T12:00:00
hold.adjust hold_id=h account_id=A amount=1 -> hold_expired
hold.adjust hold_id=h account_id=A amount=999 -> hold_expired
hold.extend hold_id=h account_id=A expires_at=2026-03-01T12:00:00Z -> hold_expired
hold.release hold_id=h account_id=A -> hold_expired
settlement.capture hold_id=h account_id=A amount=999 currency=EUR -> hold_expired
transfer.withdraw account_id=A amount=85.01 -> insufficient_funds
transfer.withdraw account_id=A amount=85 -> yes entries=A:W85.00
hold.place hold_id=k account_id=A amount=0.01 reason=PENDING_ACH -> insufficient_funds
hold.place hold_id=h account_id=A amount=1 reason=LEGAL -> hold_exists
hold.release hold_id=i account_id=A -> yes status=RELEASED available_after=10.00
hold.release hold_id=j account_id=A -> yes available_after=15.00
account.freeze account_id=A reason=r -> yes
hold.adjust hold_id=h account_id=A amount=71 -> account_frozen
account.unfreeze account_id=A reason=r -> yes
# an expired hold does not keep its account open, and is tidied up behind it
account.close account_id=A payout_account_id=B -> yes status=CLOSED ledger_balance=0.00 available_balance=0.00
hold.expire hold_id=h account_id=A -> yes status=EXPIRED amount=70.00 captured=0.00 remaining=0.00 \
expires_at=2026-03-01T12:00:00.000000Z available_after=0.00
hold.expire hold_id=h account_id=A -> hold_ended
hold.adjust hold_id=h account_id=A amount=1 -> hold_ended
hold.place hold_id=h account_id=A amount=1 reason=LEGAL -> hold_exists
hold.place hold_id=z account_id=A amount=1 reason=LEGAL -> account_closed
"""


def test_holds_set_aside_what_may_be_spent_and_the_overdraft() -> None:
    Attempts().tell(PLACED)


def test_holds_are_changed_as_long_as_they_hold() -> None:
    Attempts().tell(CHANGED)


def test_from_its_expiry_on_a_hold_holds_nothing() -> None:
    told = Attempts()
    told.tell(EXPIRED)
    assert told.bank.accounts["A"].open == ()


def test_a_reversal_takes_only_what_is_not_held() -> None:
    Attempts().tell("""
account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=50 -> yes
account.open account_id=B account_type=CHECKING currency=USD overdraft_limit=50 -> yes
t: transfer.make source_account_id=A destination_account_id=B amount=50 -> yes
h: hold.place hold_id=h account_id=B amount=0.01 reason=PENDING_ACH -> yes available_after=49.99
transfer.reverse account_id=A transaction_id=t -> insufficient_funds
hold.release hold_id=h account_id=B -> yes
transfer.reverse account_id=A transaction_id=t -> yes entries=B:R50.00,A:R50.00
transfer.reverse account_id=A transaction_id=h -> transaction_not_found
""")
