"""Exports by real processes: pinned while transfers run, verified by plain tools, whole whatever workers die of."""

import asyncio
import csv
import io
import json
import os
import secrets
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
import pytest_asyncio

from contracts.catalog import Topics
from contracts.specs import CATALOG, EXPORTS, LEDGER
from partita.local.stack import LocalStack
from tests.conftest import create_topics_at, fresh_database, needs_processes
from tests.system.installation import Installation
from tests.system.sending import until, until_applied

pytestmark = [needs_processes, pytest.mark.asyncio(loop_scope="module")]

ROWS: Final = int(os.environ.get("PARTITA_TEST_EXPORT_ROWS", "3000"))  # transfers, half of them while exports run
ACCOUNTS: Final = [f"A{number:02}" for number in range(40)]
WHEN: Final = ("--filter", "from=2020-01-01", "--filter", "to=2100-01-01")
SETTINGS: Final = {"PARTITA_EXPORT_PART_MB": "0.1", "PARTITA_JOB_LEASE_S": "1", "PARTITA_BATCH_SIZE_MAX": "200"}
Json = dict[str, Any]

FAULTS: Final = ("part_stored:1", "part_stored:2", "manifest_stored:1", "export_ended:1")
ENTRIES_BELOW: Final = """
    SELECT account_id, entry_no::text, entry.amount_minor, account.currency, description, reference
      FROM entry JOIN lane ON lane.lane_no = entry.lane_no JOIN account USING (account_no)
      JOIN transaction ON (transaction.lane_no, transaction.seq) = (entry.lane_no, entry.seq)
      JOIN unnest($1::integer[], $2::bigint[]) AS cut (partition, next_seq) ON cut.partition = lane.partition
     WHERE lane.context = 'ledger' AND entry.seq < cut.next_seq AND account.lane_no = 0
     ORDER BY lane.partition, entry.seq, account_no, entry_no"""


def said(number: int, kind: str, **fields: str) -> Json:
    return {"type": kind, "command_id": str(uuid.UUID(int=number)), **fields}


def opened() -> list[Json]:
    cash = {"account_type": "CHECKING", "currency": "EUR"}
    openings = [said(number, "account.open", account_id=each, **cash) for number, each in enumerate(ACCOUNTS, start=1)]
    return openings + [
        said(number, "transfer.deposit", account_id=each, amount="1000.00", reason='=1+1, "paid"\nin')
        for number, each in enumerate(ACCOUNTS, start=101)
    ]


def transfers(first: int, count: int) -> list[Json]:
    return [
        said(
            number,
            "transfer.make",
            source_account_id=ACCOUNTS[number % 40],
            destination_account_id=ACCOUNTS[(number * 7 + 1) % 40 - (number * 7 + 1 - number) % 40 // 39],
            amount="0.01",
            description=f"Größe {number}",
        )
        for number in range(first, first + count)
        if number % 40 != (number * 7 + 1) % 40 - (number * 7 + 1 - number) % 40 // 39
    ]


def folder_of(event: Json) -> Path:
    return Path(unquote(urlsplit(event["location"]).path))


def exported(at: Installation, *arguments: str) -> Json:
    """Ask for an export by the door, and return what was told of its completion."""
    done = at.door("export", "entries", *WHEN, *arguments, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    event: Json = json.loads(done.stdout)["event"]
    return event


def parts_of(event: Json) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder_of(event).iterdir()) if path.name != "manifest.json"}


def read_back(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


class Running(NamedTuple):
    """A system with books, whose exporters tests start themselves, and an export of these books."""

    at: Installation
    ledger: Installation  # the same, as the ledger has it
    before: Json


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    stack: LocalStack, migrated_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder, prefix = tmp_path_factory.mktemp("exports"), f"s{secrets.token_hex(3)}."
    contexts = list(dict.fromkeys(spec.context for spec in CATALOG))
    await create_topics_at(stack.kafka_bootstrap, Topics(prefix=prefix), contexts, 2)
    async with fresh_database(stack, migrated_database) as url:
        at = Installation(
            kafka=stack.kafka_bootstrap,
            database_url=url,
            prefix=prefix,
            partitions=2,
            folder=folder,
            context=EXPORTS,
            settings=SETTINGS | {"PARTITA_OBJECTS_URL": str(folder / "objects")},
        )
        ledger = replace(at, context=LEDGER)
        with at.role("consumer", "relay"), ledger.role("consumer", "relay"):
            await asyncio.to_thread(ledger.publish("before", opened() + transfers(1000, ROWS // 2)).result)
            with at.role("exports"):
                before = await asyncio.to_thread(exported, at, "--id", "before")
            yield Running(at, ledger, before)


async def test_exports_are_pinned_while_transfers_run_and_verified_by_plain_tools(
    running: Running, tmp_path: Path
) -> None:
    at, ledger, before = running
    ((applied,),) = await at.fetch("SELECT sum(records)::bigint FROM lane")
    out = tmp_path / "first.csv"
    with at.role("exports"):
        publishing = ledger.publish("meanwhile", transfers(100_000, ROWS // 2))
        await until_applied(at, applied + 100)
        event = await asyncio.to_thread(exported, at, "--id", "first", "--out", str(out))
        await asyncio.to_thread(publishing.result)
        manifest = ("--cut", str(folder_of(event) / "manifest.json"))
        again = await asyncio.to_thread(exported, at, "--id", "second", *manifest)
        packed = await asyncio.to_thread(exported, at, "--format", "csv.gz", *manifest)
        repeated = await asyncio.to_thread(exported, at, "--id", "first")
        refused = await asyncio.to_thread(at.door, "export", "entries", *WHEN, "--id", "first", "--filter", "x=y")
    assert refused.returncode == 1
    assert "export_exists" in refused.stderr
    assert event["manifest"] in refused.stderr

    assert repeated == event  # the end again
    assert event["rows"] > before["rows"]
    assert parts_of(again) == parts_of(event)
    assert out.read_bytes() == b"".join(parts_of(event).values())
    await require_rows_below_the_cut(at, event, out.read_bytes())
    require_plain_tools_agree(folder_of(event), folder_of(packed))
    audit = await asyncio.to_thread(at.door, "audit", "--json")
    assert audit.returncode == 0, audit.stdout


async def require_rows_below_the_cut(at: Installation, event: Json, data: bytes) -> None:
    cut = {int(partition): seq for partition, seq in event["cut"]["next_seq"].items()}
    rows = await at.fetch(ENTRIES_BELOW, list(cut), list(cut.values()))
    heading, *cells = read_back(data)
    place = {name: number for number, name in enumerate(heading)}
    names = ("account_id", "entry_no", "amount", "currency", "description", "reference")
    expected = [
        (account, number, f"{Decimal(minor).scaleb(-2)}", currency, spoilt_formula(text), reference)
        for account, number, minor, currency, text, reference in rows
    ]
    assert [tuple(row[place[name]] for name in names) for row in cells] == expected
    assert event["rows"] == len(expected)
    assert event["sums"] == {"EUR": f"{sum(Decimal(row[2]) for row in expected)}"}


def spoilt_formula(text: str) -> str:
    return f"'{text}" if text.startswith("=") else text


def require_plain_tools_agree(folder: Path, packed: Path) -> None:
    """Let a shell compare hashes and sizes, and put compressed parts together."""
    script = """set -eu
        jq -r '.parts[] | "\\(.sha256)  \\(.name)"' manifest.json | sha256sum -c --strict --quiet
        test "$(jq '[.parts[].bytes] | add' manifest.json)" = "$(cat part-* | wc -c)"
        test "$(jq '[.parts[].rows] | add' manifest.json)" = "$(jq .rows manifest.json)"
        test "$(ls part-* | wc -l)" = "$(jq '.parts | length' manifest.json)"
        cat "$0"/part-*.csv.gz | gunzip | cmp - <(cat part-*.csv)"""
    done = subprocess.run(["bash", "-c", script, str(packed)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(list(folder.glob("part-*"))) > 1


async def test_an_export_whose_workers_are_killed_comes_out_whole_and_leaves_nothing_else(running: Running) -> None:
    """Each worker takes it over from the one before, and dies a step later; the last one behind the end."""
    at, _, before = running
    await asked(at, "killed", before)
    for fault in FAULTS:
        with at.role("exports", PARTITA_FAULT=fault) as doomed:
            assert f"PARTITA_FAULT reached {fault.partition(':')[0]}" in doomed.died()
    event = await ended(at, "killed")
    assert len(names(folder_of(event).parent)) == len(FAULTS)
    with at.role("exports"):
        await only(folder_of(event), len(FAULTS))
    assert parts_of(event) == parts_of(before)
    told = [each.fields["type"] for each in await at.results() if each.key == b"killed"]
    assert (told[0], told[-1], told.count("export.completed")) == ("export.accepted", "export.completed", 1)


async def test_a_worker_that_was_frozen_beyond_its_lease_finds_another_and_removes_its_own(running: Running) -> None:
    at, _, before = running
    with at.role("exports", PARTITA_FAULT="part_stored:2:stop") as frozen:
        await asked(at, "frozen", before)
        await asyncio.to_thread(frozen.says, "PARTITA_FAULT reached part_stored")
        with at.role("exports"):
            event = await ended(at, "frozen")
            os.kill(frozen.pid, signal.SIGCONT)
            await asyncio.to_thread(frozen.says, "a job is lost|an attempt at a job has failed")
            await only(folder_of(event), 2)
    assert parts_of(event) == parts_of(before)


async def asked(at: Installation, export_id: str, like: Json) -> None:
    """Ask for an export as of the same cut, and wait for no more than a job."""
    command = {
        "type": "export.request",
        "command_id": str(uuid.uuid4()),
        "export_id": export_id,
        "kind": "entries",
        "filters": {"from": "2020-01-01", "to": "2100-01-01"},
        "cut": like["cut"],
    }
    await asyncio.to_thread(at.publish(export_id, [command]).result)


async def ended(at: Installation, export_id: str) -> Json:
    await until(at, "SELECT state >= 3 FROM job WHERE job_id = $1", export_id)
    ((outcome,),) = await at.fetch("SELECT outcome FROM job WHERE job_id = $1", export_id)
    event: Json = json.loads(outcome)
    assert event["type"] == "export.completed", event
    return event


async def only(folder: Path, attempt: int) -> None:
    """Wait until nothing is left but one attempt's files."""
    assert folder.name == str(attempt)
    async with asyncio.timeout(10):
        while sorted(names(folder.parent)) != [str(attempt)]:  # noqa: ASYNC110 - a folder rings no bell
            await asyncio.sleep(0.02)


def names(folder: Path) -> Sequence[str]:
    return [path.name for path in folder.iterdir()]
