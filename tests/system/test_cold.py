"""Months move to cold storage while commands go on, by the door that an operator has for it."""

import asyncio
import json

from tests.system.conftest import Install
from tests.system.sending import send, until, until_settled
from tests.system.test_duplicates import NAMES, paying
from tests.system.test_restore import opening

OLD, YOUNG = 1000, 2000


async def test_months_that_move_under_load_cost_no_command_and_are_remembered(install: Install) -> None:
    at = await install(partitions=2, PARTITA_BATCH_SIZE_MAX="200", PARTITA_HOT_MONTHS="1")
    old, young = paying(OLD, seed=61), paying(YOUNG, seed=62)
    with at.role("consumer"), at.role("relay"):
        await send(at, opening(NAMES))
        await until_settled(at, len(NAMES))
        assert (await asyncio.to_thread(at.publish("old", old).result))["published"] == OLD
        await until_settled(at, len(NAMES) + OLD)
        await at.fetch("UPDATE clock SET ahead = '70 days' RETURNING 1")

        publishing = at.publish("young", young, rate=1000)
        await until(at, "SELECT sum(records) > $1 FROM lane", len(NAMES) + OLD)
        run = await asyncio.to_thread(at.door, "jobs", "run", "cold-storage")
        assert run.returncode == 0, run.stderr
        told = await asyncio.to_thread(publishing.result)
        assert (told["answers"], told["refused"], told["dead"]) == ({"transfer.posted": YOUNG}, {}, 0)
        assert await at.fetch(
            "SELECT count(*) FROM event WHERE occurred_at < partita_clock() - interval '40 days'"
        ) == [(0,)]
        assert await at.fetch("SELECT count(*) FROM cold.event") == [(len(NAMES) + OLD,)]
        assert json.loads(run.stdout)["done"] == len(NAMES) + 4 * OLD, "an event, a transaction and two entries each"

        balances, entries = await at.balances(), await at.fetch("SELECT count(*) FROM every_entry")
        again = await asyncio.to_thread(at.publish("again", [*old, {**old[0], "amount": "0.01"}]).result)
        assert (again["replayed"], again["refused"]) == (OLD, {"command_id_reused": 1})
        assert (await at.balances(), await at.fetch("SELECT count(*) FROM every_entry")) == (balances, entries)
    audit = await asyncio.to_thread(at.door, "audit")
    assert audit.returncode == 0, audit.stdout
