"""Fees, waivers and what comes back are counted once: within a batch, where it is run again, and where two meet."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from contracts.accounts import AccountSetProduct
from contracts.transfers import TransferBatch, TransferLeg
from partita.chaos.proxy import CommitWatch, Proxy, Strike
from processor.database import Database
from processor.ledger.context import LEDGER
from processor.telemetry import COUNTERS
from producers.command_ids import new_command_id
from tests.engine.asking import customer, overdrawable, place, product, refund, reverse, settle, spend, standing
from tests.engine.desk import Desk, Told, fill, moving, names, opening, paying_in
from tests.engine.meeting import meet
from tests.engine.test_unknown_commit import IMPATIENT, Hooked

COUNTED = """
SELECT fees_on_day, fees_in_month, ledger_minor,
       (SELECT count(*) FROM overdraft_fee WHERE overdraft_fee.account_no = account.account_no),
       (SELECT count(*) FROM entry WHERE entry.account_no = account.account_no AND entry_type = 5)
  FROM account WHERE account_id = $1"""


def fees(*events: Told) -> list[tuple[str, bool]]:
    return [(told.body["overdraft"]["fee"], told.body["overdraft"]["waived"]) for told in events]


async def test_fees_and_what_counts_them_are_there_once_although_the_answer_to_their_commit_was_lost(
    desk: Desk, database_url: str
) -> None:
    a, gold = names(2)
    await desk.tell(product(gold, "5", fees_per_day=3, first_fee_waived=False), overdrawable(a, gold))
    before, seq = COUNTERS["unknown_commit_resolved"], await desk.last_seq(0)
    there = urlsplit(database_url)
    async with (
        Proxy(str(there.hostname), there.port or 5432, watch=CommitWatch) as proxy,
        Database(proxy.url(database_url), role="far", timeouts=IMPATIENT) as far,
    ):
        desk.context = replace(LEDGER, store=Hooked(proxy, Strike.SWALLOW_REPLY))
        await desk.run([desk.part(spend(a), spend(a))], database=far)
    desk.context = LEDGER
    assert COUNTERS["unknown_commit_resolved"] == before + 1

    assert fees(*await desk.told(0, above=seq), *await desk.tell(spend(a), spend(a))) == [
        *[("5.00", False)] * 3,
        ("0.00", False),  # the cap of three was not reached by what was run again
    ]
    counted = await desk.connection.fetchrow(COUNTED, a)
    assert tuple(counted or ()) == (3, 3, -40_00 - 15_00, 3, 3)


async def test_a_waiver_is_used_once_however_many_debits_of_one_batch_or_of_one_transfer_could(desk: Desk) -> None:
    a, b, c = names(3)
    legs = [TransferLeg(source_account_id=b, destination_account_id=c, amount="10")] * 3
    batch = TransferBatch(command_id=new_command_id(), source_account_id=b, legs=legs)
    await desk.tell(overdrawable(a, "standard"), overdrawable(b, "standard"), opening(c))

    *singly, at_once = await desk.tell(spend(a), spend(a), spend(a), batch)

    once = [("0.00", True), ("35.00", False), ("35.00", False)]
    assert fees(*singly) == once
    assert [(each["fee"], each["waived"]) for each in at_once.body["overdraft"]] == once


async def test_a_fee_comes_back_once_however_often_the_balance_is_restored(desk: Desk, database_url: str) -> None:
    a, gold = names(2)
    await desk.tell(product(gold, "5", first_fee_waived=False, grace_hours=24), overdrawable(a, gold), spend(a))

    first, second = desk.part(paying_in(a, "15")), desk.part(paying_in(a, "15"), partition=1)

    assert await meet(desk, database_url, first, second) == ["transfer.posted"] * 2
    told = [(await desk.told(0))[-1], (await desk.told(1))[-1]]
    assert [each.body["overdraft"]["fee_refunded"] for each in told] == ["5.00", "0.00"]
    assert await desk.balance(a) == 20_00


async def test_a_fee_comes_back_whatever_product_the_account_has_by_then(desk: Desk) -> None:
    """The house's fees are in the books of a batch in which no account could be charged any."""
    a, gold = names(2)
    await desk.tell(product(gold, "5", first_fee_waived=False, grace_hours=24), overdrawable(a, gold), spend(a))
    await desk.one(AccountSetProduct(command_id=new_command_id(), account_id=a, product="plain"))

    restored = await desk.one(paying_in(a, "15"))

    assert restored.body["overdraft"]["fee_refunded"] == "5.00"


@pytest.mark.parametrize(("changed_first", "fee"), [("yes", "9.00"), ("no", "5.00")])
async def test_a_fee_is_that_of_the_product_as_it_was_at_the_instant_of_the_fee(
    desk: Desk, database_url: str, changed_first: str, fee: str
) -> None:
    a, gold = names(2)
    await desk.tell(product(gold, "5", first_fee_waived=False), overdrawable(a, gold))
    change, debit = desk.part(product(gold, "9", first_fee_waived=False)), desk.part(spend(a), partition=1)

    await meet(desk, database_url, *((change, debit) if changed_first == "yes" else (debit, change)))

    defined, posted = (await desk.told(0))[-1], (await desk.told(1))[-1]
    assert fees(posted) == [(fee, False)]
    assert (defined.occurred_at < posted.occurred_at) is (changed_first == "yes")


@pytest.mark.parametrize("opened_first", ["yes", "no"])
async def test_an_account_that_is_opened_while_its_customers_standing_changes_has_the_new_one(
    desk: Desk, database_url: str, opened_first: str
) -> None:
    a, owner = names(2)
    await desk.one(customer(owner))
    account = desk.part(overdrawable(a, "standard", customer_id=owner))
    change = desk.part(standing(owner, good=False), partition=1)

    await meet(desk, database_url, *((account, change) if opened_first == "yes" else (change, account)))

    assert fees(await desk.one(spend(a))) == [("35.00", False)]  # no waiver


async def test_two_lanes_that_make_the_same_customer_or_product_agree_on_who_was_first(
    desk: Desk, database_url: str
) -> None:
    one, gold = names(2)
    before = COUNTERS["reruns"]

    customers = desk.part(customer(one)), desk.part(customer(one), partition=1)
    products = desk.part(product(gold, "5")), desk.part(product(gold, "9"), partition=1)
    assert await meet(desk, database_url, *customers) == ["customer.created", "customer_exists"]
    assert await meet(desk, database_url, *products) == ["product.defined"] * 2

    assert (await desk.told(1))[-1].body["version"] == 2
    assert COUNTERS["reruns"] == before + 2  # the database refuses an id that somebody else was first with


async def test_of_two_lanes_that_place_a_hold_under_one_id_the_second_sees_the_first(
    desk: Desk, database_url: str
) -> None:
    (a,) = names(1)
    await fill(desk, [a])

    became = await meet(desk, database_url, desk.part(place((a, "H"))), desk.part(place((a, "H")), partition=1))

    assert became == ["hold.placed", "hold_exists"]


async def test_no_more_comes_back_than_a_settlement_has_moved_whoever_asks_at_once(
    desk: Desk, database_url: str
) -> None:
    a, shop = names(2)
    await fill(desk, [a, shop])
    to_shop, to_cash = settle(a, destination_account_id=shop), settle(a)
    await desk.tell(to_shop, to_cash)

    first = desk.part(refund(a, to_shop, "6"), refund(a, to_cash))
    second = desk.part(refund(a, to_shop, "6"), refund(a, to_shop), refund(a, to_cash), partition=1)

    assert await meet(desk, database_url, first, second) == [
        *("settlement.refunded", "settlement.refunded"),
        *("amount_exceeds_settlement", "settlement.refunded", "amount_exceeds_settlement"),
    ]
    assert (await desk.balance(a), await desk.balance(shop)) == (100_00, 100_00)


async def test_what_is_undone_while_another_reversal_waits_is_found_undone(desk: Desk, database_url: str) -> None:
    """Not for want of money, which has gone back by then."""
    a, b = names(2)
    await fill(desk, [a, b], "10")
    payment = moving(a, b, "10")
    await desk.tell(payment, moving(b, a, "10"))

    first = desk.part(moving(a, b, "10"), reverse(a, payment), moving(b, a, "10"))
    became = await meet(desk, database_url, first, desk.part(reverse(a, payment), partition=1))

    assert became == ["transfer.posted", "transfer.reversed", "transfer.posted", "already_reversed"]


async def test_what_is_made_while_its_reversal_waits_can_be_undone(desk: Desk, database_url: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    payment = moving(a, b, "10")

    became = await meet(desk, database_url, desk.part(payment), desk.part(reverse(a, payment), partition=1))

    assert became == ["transfer.posted", "transfer.reversed"]
