"""The sample gives the answers that are known for it, to the last cent; twice; and a larger one of another seed too."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.envelope import encode_command
from partita.chaos.evidence import export
from partita.oracle.judge import judge
from partita.sample import paysim
from processor.database import connect
from tests.sample.larger import larger
from tests.system.conftest import Install
from tests.system.installation import Installation

COMMANDS: Final = int(os.environ.get("PARTITA_TEST_COMMANDS", "5000"))
REPEATED: Final = 10_000  # of the sample, its end


def sample() -> list[dict[str, Any]]:
    return [msgspec.json.decode(encode_command(command)) for command in paysim.everything()]


async def test_the_sample_on_one_partition_has_its_declines_and_balances_and_repeats_change_no_byte(
    install: Install,
) -> None:
    at = await install(partitions=1)
    commands = sample()
    end = commands[-REPEATED:]
    with at.role("consumer"), at.role("relay"):
        first = await asyncio.to_thread(at.publish("first", commands[:-REPEATED]).result)
        last = await asyncio.to_thread(at.publish("last", end).result)
        books = await at.books()
        again = await asyncio.to_thread(at.publish("again", end).result)

    assert Counter(first["refused"]) + Counter(last["refused"]) == {"insufficient_funds": 101}
    assert await balances(at) == paysim.expected_balances()
    assert (again["answers"], again["refused"], again["replayed"]) == (last["answers"], last["refused"], REPEATED)
    assert last["refused"]["insufficient_funds"] > 0
    assert await at.books() == books
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout


async def test_a_larger_run_on_one_partition_has_its_declines_and_balances(install: Install) -> None:
    at = await install(partitions=1)
    expected = larger(seed=20261121, accounts=1000, commands=COMMANDS)
    with at.role("consumer", "relay"):
        summary = await asyncio.to_thread(at.publish("all", expected.commands).result)

    assert summary["refused"] == {"insufficient_funds": len(expected.declined)}
    refused = await at.fetch("SELECT command_id FROM event WHERE kind = 1 AND type LIKE '%.rejected'")
    assert {row[0].hex() for row in refused} == {each.replace("-", "") for each in expected.declined}
    assert await at.balances() == expected.cents


async def test_every_answer_of_two_workers_on_eight_partitions_is_justified(install: Install, tmp_path: Path) -> None:
    """Partitions race, so other commands are declined than in a row; an oracle of its own replays the books' order."""
    at = await install(partitions=8, PARTITA_BATCH_SIZE_MAX="500")
    commands = larger(seed=7, accounts=400, commands=COMMANDS).commands
    openings = [command for command in commands if command["type"] == "account.open"]
    others = [command for command in commands if command["type"] != "account.open"]

    with at.role("consumer") as one, at.role("consumer") as two, at.role("relay"):
        for worker in (one, two):
            await asyncio.to_thread(worker.says, r"partitions assigned.*partitions=\[\d, \d, \d, \d\]")
        await asyncio.to_thread(at.publish("openings", openings).result)
        await asyncio.to_thread(at.publish("others", others).result)
    audit = at.door("audit")

    assert audit.returncode == 0, audit.stdout
    assert await judged(at, tmp_path / "books") == []


async def test_the_oracle_sees_a_rule_that_is_off_by_one_cent(install: Install, tmp_path: Path) -> None:
    """The same kind of run, with a bug planted in the worker's own process."""
    at = await install(partitions=1)
    commands = larger(seed=8, accounts=100, commands=4000).commands
    (tmp_path / "sitecustomize.py").write_text(PLANTED)

    with at.role("consumer", PYTHONPATH=str(tmp_path)), at.role("relay"):
        await asyncio.to_thread(at.publish("all", commands).result)

    assert await judged(at, tmp_path / "books") != []


# What the worker of that test imports before anything else: it declines what is exactly covered.
PLANTED = """
from contracts.money import minor_units
from contracts.transfers import TransferMake, TransferRefusal
from processor.engine.decision import Refused
from processor.ledger.context import LEDGER
from processor.ledger.rules import transfers

def make(book, command, instant):
    source = book.account(command.source_account_id)
    if source and minor_units(command.amount, 2) == source.available_minor + source.overdraft_limit_minor:
        return Refused(TransferRefusal.INSUFFICIENT_FUNDS, {"account_id": command.source_account_id})
    return transfers.make(book, command, instant)

LEDGER.rules[TransferMake] = make
"""


async def judged(at: Installation, folder: Path) -> Sequence[str]:
    """Return what the oracle finds, from nothing but files."""
    await asyncio.to_thread(folder.mkdir)
    connection = await connect(at.database_url, role="test")
    await export(connection, folder, await at.records())
    await connection.close()
    return await asyncio.to_thread(judge, folder)


async def balances(at: Installation) -> Mapping[str, str]:
    door = await asyncio.to_thread(at.door, "accounts", "--csv")
    rows = [line.split(",") for line in door.stdout.splitlines()]
    assert rows[0] == ["account_id", "currency", "ledger_balance", "available_balance", "status"]
    return {account_id: ledger for account_id, _, ledger, _, _ in rows[1:]}
