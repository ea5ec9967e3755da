"""A consumer is killed in the midst of collections, at each of its points; each payment is collected once at most."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

from producers.command_ids import new_command_id
from tests.system.conftest import Install
from tests.system.test_kills import lag_and_unpublished

ACCOUNTS = 40
PAYMENTS = 3
POINTS = ("copying:25", "saved:2", "committed:2")  # each after some that are passed
PREPARED = ("account.opened", "advance.granted", "transfer.posted")
Json = dict[str, Any]

SETTLED_TWICE = """
SELECT count(*) FROM (SELECT FROM advance_payment_version WHERE status <> 1
                       GROUP BY account_no, advance_id, payment_no HAVING count(*) > 1) AS twice"""
UNBALANCED = """
SELECT count(*) FROM advance JOIN account USING (account_no), LATERAL (
           SELECT sum(paid_minor)::bigint AS paid_minor FROM advance_payment AS payment
            WHERE payment.account_no = advance.account_no) AS sums
 WHERE amount_minor <> paid_minor + outstanding_minor
    OR ledger_minor <> CASE WHEN account_id < 'D20' THEN 3000 ELSE 1500 END - paid_minor"""


def said(kind: str, account: str, **fields: Any) -> Json:
    return {"command_id": new_command_id(), "type": kind, "account_id": account, **fields}


def prepared() -> Iterator[Json]:
    """Grant an advance on each account; half of them have spent half of it."""
    for number in range(ACCOUNTS):
        account, which = f"D{number:02}", {"advance_id": "V", "payments": PAYMENTS, "first_due": "2020-01-06"}
        yield said("account.open", account, account_type="CHECKING", currency="EUR")
        yield said("advance.request", account, amount="30.00", **which)
        if number >= ACCOUNTS // 2:
            yield said("transfer.withdraw", account, amount="15.00")


async def test_payments_are_collected_once_at_most_wherever_the_consumer_is_killed(install: Install) -> None:
    at = await install(partitions=1, PARTITA_BATCH_SIZE_MAX="40", PARTITA_INSTANCE="worker-1")
    due = [(f"D{number:02}", 1 + payment) for number in range(ACCOUNTS) for payment in range(PAYMENTS)] * 2
    random.Random(7).shuffle(due)
    collections = [said("advance.collect", account, advance_id="V", payment_no=number) for account, number in due]
    with at.role("relay"):
        publishing = at.publish("all", [*prepared(), *collections])
        for point in POINTS:
            with at.role("consumer", PARTITA_FAULT=point) as doomed:
                assert f"PARTITA_FAULT reached {point.partition(':')[0]}" in await asyncio.to_thread(doomed.died)
        with at.role("consumer"):
            summary = await asyncio.to_thread(publishing.result)

    assert summary["dead"] == 0
    assert [summary["answers"].pop(type_) for type_ in PREPARED] == [ACCOUNTS, ACCOUNTS, ACCOUNTS // 2]
    became = summary["answers"] | summary["refused"]
    assert sum(became.values()) == len(collections)
    assert became.keys() == {"advance.payment_collected", "advance.payment_failed", "payment_settled"}
    assert became["payment_settled"] == ACCOUNTS * PAYMENTS
    assert await at.fetch(SETTLED_TWICE) == [(0,)]
    assert await at.fetch(UNBALANCED) == [(0,)]
    assert lag_and_unpublished(at) == (0, 0)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout
