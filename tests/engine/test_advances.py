"""Advances through the engine: in one batch or in many, and whatever becomes of a commit."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from contracts.envelope import Command
from partita.chaos.proxy import CommitWatch, Proxy, Strike
from processor.database import Connection, Database
from processor.engine.audit import audit
from processor.engine.events import Kind
from processor.ledger.context import LEDGER
from processor.ledger.families.advances import suspects
from tests.engine.asking import Key, close, collect, examine, give_up, grant, pay_back, spend
from tests.engine.desk import Desk, Told, fill, moving, names, opening, paying_in
from tests.engine.test_unknown_commit import IMPATIENT, Hooked

PAYMENTS = """
SELECT payment_no, payment.status, amount_minor, paid_minor, moved_to
  FROM advance_payment AS payment JOIN account USING (account_no)
 WHERE account_id = $1 AND payment.advance_id = $2 ORDER BY payment_no"""
ADVANCE = """
SELECT advance.status, amount_minor, outstanding_minor, written_off_minor, account.advance_id
  FROM advance JOIN account USING (account_no) WHERE account_id = $1 AND advance.advance_id = $2"""
HOUSE = """
SELECT account_id, sum(ledger_minor)::bigint FROM account
 WHERE account_id IN ('house:advances:EUR', 'house:losses:EUR') GROUP BY 1 ORDER BY 1"""
COLLECTED, FAILED, REPAID, WRITTEN_OFF = range(2, 6)


def life_of(account: str) -> list[Command]:
    """Return an account's life with three advances, one after another."""
    first, second, third = [(account, f"V{number}") for number in (1, 2, 3)]
    return [
        *(opening(account), grant(first), collect(first), spend(account, "20"), collect(first, 2), examine(first)),
        *(paying_in(account, "15"), pay_back(first, "12"), collect(first, 3), collect(first, 3), close(account)),
        *(paying_in(account, "5"), collect(first, 4), collect(first, 3), pay_back(first), examine(first)),
        *(grant(second, "7", 1), pay_back(second), grant(third, "9"), grant(second, "7", 1), give_up(third)),
        *(spend(account, "9"), close(account), collect(third), examine(third)),
    ]


BECAME = [
    *("account.opened", "advance.granted", "advance.payment_collected", "transfer.posted", "advance.payment_failed"),
    *("advance.audited", "transfer.posted", "advance.repaid", "advance.payment_failed", "payment_settled"),
    *("advance_open", "transfer.posted", "payment_not_due", "payment_settled", "advance.repaid"),
    *("advance.audited", "advance.granted", "advance.repaid", "advance.granted", "advance_exists"),
    *("advance.written_off", "transfer.posted", "account.closed", "payment_settled", "advance.audited"),
]


def became(told: list[Told]) -> list[str]:
    return [str(each.body.get("code", each.type)) for each in told]


async def rows(desk: Desk, query: str, *key: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await desk.connection.fetch(query, *key)]


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "many batches"])
async def test_a_life_with_advances_is_the_same_in_one_batch_and_in_many(desk: Desk, *, at_once: bool) -> None:
    (a,) = names(1)
    house = dict(await rows(desk, HOUSE))
    batches = [life_of(a)] if at_once else [[command] for command in life_of(a)]

    told = [event for batch in batches for event in await desk.tell(*batch)]

    assert became(told) == BECAME
    assert await rows(desk, PAYMENTS, a, "V1") == [
        (1, COLLECTED, 1000, 1000, None),
        (2, FAILED, 1000, 0, 3),
        (3, FAILED, 2000, 1200, 4),
        (4, REPAID, 800, 800, None),
    ]
    assert await rows(desk, PAYMENTS, a, "V2") == [(1, REPAID, 700, 700, None)]
    assert await rows(desk, PAYMENTS, a, "V3") == [(number, WRITTEN_OFF, 300, 0, None) for number in (1, 2, 3)]
    assert await rows(desk, ADVANCE, a, "V3") == [(3, 900, 0, 900, None)]
    now = dict(await rows(desk, HOUSE))
    assert now["house:advances:EUR"] == house.get("house:advances:EUR", 0)
    assert now["house:losses:EUR"] == house.get("house:losses:EUR", 0) - 900
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]


@pytest.mark.parametrize("strike", list(Strike), ids=["answer swallowed", "cut before"])
async def test_money_and_payments_change_together_and_once_whatever_becomes_of_the_commit(
    desk: Desk, database_url: str, strike: Strike
) -> None:
    a, b = names(2)
    key, other = (a, "V"), (b, "V")
    await fill(desk, [a, b], "5")
    await desk.tell(grant(other), moving(b, a, "35"))
    seq, there = await desk.last_seq(0), urlsplit(database_url)
    async with (
        Proxy(str(there.hostname), there.port or 5432, watch=CommitWatch) as proxy,
        Database(proxy.url(database_url), role="far", timeouts=IMPATIENT) as far,
    ):
        desk.context = replace(LEDGER, store=Hooked(proxy, strike))
        await desk.run([desk.part(grant(key), collect(key), collect(other), pay_back(key, "4"))], database=far)
    desk.context = LEDGER

    told = await desk.told(0, above=seq)

    assert became(told) == [
        *("advance.granted", "advance.payment_collected", "advance.payment_failed", "advance.repaid"),
    ]
    assert await rows(desk, PAYMENTS, *key) == [
        *((1, COLLECTED, 1000, 1000, None), (2, 1, 1000, 400, None), (3, 1, 1000, 0, None)),
    ]
    assert await rows(desk, PAYMENTS, *other) == [
        *((1, FAILED, 1000, 0, 2), (2, 1, 2000, 0, None), (3, 1, 1000, 0, None)),
    ]
    assert (await desk.balance(a), await desk.balance(b)) == (5600, 0)
    assert await rows(desk, ADVANCE, *key) == [(1, 3000, 1600, 0, "V")]


async def test_a_collection_that_comes_again_is_told_again_and_takes_nothing(desk: Desk) -> None:
    (a,) = names(1)
    key = (a, "V")
    command, again = collect((a, "V")), collect((a, "V"))

    told = await desk.tell(opening(a), grant(key), command, command, again)
    later = await desk.tell(command, again)

    kinds = [Kind.ANSWER, Kind.ANSWER, Kind.ANSWER, Kind.REPEAT, Kind.ANSWER, Kind.REPEAT, Kind.REPEAT]
    assert [each.kind for each in (*told, *later)] == kinds
    assert told[4].body["code"] == "payment_settled"
    assert await desk.balance(a) == 2000


async def test_what_follows_a_failed_collection_is_younger_even_when_the_clock_goes_back(desk: Desk) -> None:
    (a,) = names(1)
    key = (a, "V")
    await desk.tell(opening(a), grant(key), spend(a, "30"))
    await desk.connection.execute("UPDATE clock SET ahead = '2 hours'")
    failed = await desk.one(collect(key))
    await desk.connection.execute("UPDATE clock SET ahead = '0'")

    given_up = await desk.one(give_up(key), partition=2)

    assert failed.type == "advance.payment_failed"
    assert given_up.occurred_at > failed.occurred_at


async def broken_by_hand(connection: Connection, key: Key) -> None:
    statement = """UPDATE advance_payment SET paid_minor = 1 FROM account
                    WHERE account.account_no = advance_payment.account_no AND account_id = $1 AND payment_no = 2"""
    await connection.execute(statement, key[0])


async def test_an_advance_that_was_broken_by_hand_is_suspected_and_its_audit_says_what_is_missing(desk: Desk) -> None:
    (a,) = names(1)
    key = (a, "V")
    await desk.tell(opening(a), grant(key), collect(key))
    assert await suspects(desk.connection, (0, ""), 10) == []

    await broken_by_hand(desk.connection, key)

    (suspect,) = await suspects(desk.connection, (0, ""), 10)
    assert suspect[1:] == ("V", a)
    told = await desk.one(examine(key))
    assert told.type == "advance.audit_failed"
    shown = {name: told.body[name] for name in ("amount", "outstanding", "accounted", "scheduled")}
    assert shown == {"amount": "30.00", "outstanding": "20.00", "accounted": "30.00", "scheduled": "19.99"}
    await desk.connection.execute("UPDATE advance_payment SET paid_minor = 0 WHERE paid_minor = 1")
    assert (await desk.one(examine(key))).type == "advance.audited"
    assert await suspects(desk.connection, (0, ""), 10) == []
