"""A record that kills every process that reads or decides it costs a few deaths, and then nobody anything."""

import asyncio
import json
from pathlib import Path

from contracts.specs import LEDGER
from partita import workers
from processor.engine.custody import DEATHS_MAX, UNCLEAN_MAX
from processor.engine.events import Kind
from tests.sample.larger import larger
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import until
from tests.system.test_grow import published
from tests.system.test_kills import SMALL, judge
from tests.system.test_restore import command, filling, opening

NAMES = ["D-0", "D-1", "D-2"]
BEFORE, BEHIND, LATER = [*opening(NAMES), *filling(NAMES)], filling(NAMES), filling(NAMES)
APPLIED = [*BEFORE, *BEHIND, *LATER]
FILLED = 3 * 100_000_000
DEADLY = [
    command("transfer.deposit", command_id=id_, account_id=NAMES[1], amount="1000.00", currency="USD")
    for id_ in ("0190a0e0-0000-7000-8000-00000000dead", "0190a0e0-0000-7000-8000-0000000dead0")
]

# What a worker imports before anything else: it dies where it decides the one command, and where it reads the other.
PLANTED = f"""
import os, signal
from contracts.catalog import Catalog
from contracts.transfers import TransferDeposit
from processor.ledger.context import LEDGER

deposit, understand = LEDGER.rules[TransferDeposit], Catalog.understand

def deadly_deposit(book, command, instant):
    if command.command_id == "{DEADLY[0]["command_id"]}":
        os.kill(os.getpid(), signal.SIGKILL)
    return deposit(book, command, instant)

def deadly_understand(self, context, value, *more):
    if b"{DEADLY[1]["command_id"]}" in value:
        os.kill(os.getpid(), signal.SIGKILL)
    return understand(self, context, value, *more)

LEDGER.rules[TransferDeposit], Catalog.understand = deadly_deposit, deadly_understand
"""


async def test_deadly_records_are_given_up_alone_and_can_be_replayed(install: Install, tmp_path: Path) -> None:
    at = await install(partitions=1, every_topic=True)
    (tmp_path / "sitecustomize.py").write_text(PLANTED)
    worker = {"PYTHONPATH": str(tmp_path), "PARTITA_INSTANCE": "worker-1"}
    published(at, [*BEFORE, *DEADLY, *BEHIND])

    with at.role("relay"):
        for _ in range(UNCLEAN_MAX + DEATHS_MAX * len(DEADLY)):
            with at.role("consumer", **worker) as doomed:
                doomed.died()
        with at.role("consumer", **worker):
            published(at, LATER)
            await until_published(at, records=len(APPLIED) + len(DEADLY))
        kinds = dict(await at.fetch("SELECT kind, count(*) FROM event GROUP BY kind"))
        assert kinds == {Kind.ANSWER: len(APPLIED), Kind.DEAD: len(DEADLY), Kind.EXTRA: len(DEADLY)}
        assert await at.balances() == dict.fromkeys(NAMES, FILLED)
        shown = at.door("dead-letters", "show", f"{LEDGER}/0/{len(BEFORE)}", "--json")
        letter = json.loads(shown.stdout)
        assert (letter["code"], json.loads(letter["value"]["text"])) == ("internal_error", DEADLY[0])

        with at.role("consumer", PARTITA_INSTANCE="worker-1"):  # mended
            replayed = at.door("dead-letters", "replay", "--all", "--code", "internal_error")
            assert replayed.returncode == 0, replayed.stderr
            await until_published(at, records=len(APPLIED) + 2 * len(DEADLY))

    assert await at.balances() == dict.fromkeys(NAMES, FILLED) | {NAMES[1]: FILLED + 2 * 100_000}
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout


def test_partita_up_has_the_patience_that_a_deadly_record_takes() -> None:
    assert workers.DEATHS_MAX >= UNCLEAN_MAX + DEATHS_MAX


async def test_kills_in_good_traffic_make_nobody_careful_and_no_record_dead(install: Install) -> None:
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=11, accounts=50, commands=2000)
    worker = {"PARTITA_INSTANCE": "worker-1"}

    with at.role("relay"):
        publishing = at.publish("all", expected.commands)
        for fault in ("saved:4", "saved:3"):
            with at.role("consumer", PARTITA_FAULT=fault, **worker) as doomed:
                doomed.died()
        with at.role("consumer", **worker) as last:
            summary = await asyncio.to_thread(publishing.result)

    assert "reading record by record" not in last.log
    await judge(at, expected, summary)


async def until_published(at: Installation, *, records: int) -> None:
    """Wait until so many records are applied and what they have caused is published."""
    done = "SELECT records >= $1 AND sent = next_seq - 1 FROM lane JOIN relay_position USING (lane_no)"
    await until(at, done, records)
