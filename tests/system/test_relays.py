"""Two relays at once: the leader is frozen with a page in hand, loses its lead, and wakes when all of it is old."""

import asyncio
import os
import signal
from itertools import pairwise

from contracts.specs import LEDGER
from tests.sample.larger import larger
from tests.system import wire
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import until
from tests.system.test_kills import judge
from tests.system.test_postgres_faults import stopped, until_stopped, woken

COMMANDS = 2000
SMALL = {"PARTITA_BATCH_SIZE_MAX": "200", "PARTITA_RELAY_PAGE_SIZE": "200"}
LOSES_ITS_LEAD = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LEADS = """
    SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def test_a_relay_that_wakes_after_it_was_replaced_disturbs_no_order(install: Install) -> None:
    """It has read a page and not sent it; its session is ended as the server ends that of a silent one."""
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=31, accounts=50, commands=COMMANDS)

    with at.role("consumer"), at.role("relay", PARTITA_FAULT="relay_read:4:stop") as frozen, woken(frozen):
        publishing = at.publish("all", expected.commands)
        await until_stopped(frozen, "relay_read")
        await until(at, LEADS)
        assert await at.fetch(LOSES_ITS_LEAD) == [(True,)]
        with at.role("relay"):
            summary = await asyncio.to_thread(publishing.result)
            assert stopped(frozen.pid)
            sent = await at.results_sent()
            os.kill(frozen.pid, signal.SIGCONT)
            await asyncio.to_thread(frozen.says, "relay_cannot_read")

    told = [int(received.headers["ce_sequence"] or b"") for received in await at.results()]
    assert told == list(range(1, len(expected.commands) + 1))
    assert (await goes_back(at), await at.results_sent() > sent) == (True, True)
    await judge(at, expected, summary)


async def goes_back(at: Installation) -> bool:
    """Say whether a number on the result topic is not above the one before it: something was told again."""
    read = await wire.read(at.kafka, at.topics.results(LEDGER), at.partitions)
    return any(other <= one for one, other in pairwise(int(each.header("ce_sequence") or b"") for each in read))
