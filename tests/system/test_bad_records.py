"""Bad records among good ones, on real Kafka: each gets its own answer and no other, and nobody else notices."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.specs import LEDGER
from producers.command_ids import new_command_id
from tests.contracts.bad_records import BadRecord, bad_records
from tests.system import wire
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import until_settled
from tests.system.wire import Raw

PARTITIONS: Final = 4
ROUNDS: Final = 4
GOOD_PER_BAD: Final = 10
ACCOUNTS: Final = 40
MEMORY_GROWTH_MAX: Final = 48 * 1024 * 1024

Place = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was sent, by where it lies."""

    good: dict[Place, str]  # command ids
    bad: dict[Place, BadRecord]


async def test_bad_records_mixed_into_good_traffic_get_exactly_their_answers(install: Install) -> None:
    at = await install(partitions=PARTITIONS, PARTITA_BATCH_SIZE_MAX="500")
    with at.role("consumer") as worker, at.role("relay"):
        await asyncio.to_thread(at.publish("openings", list(openings())).result)
        warm = await sent_through(at, rounds=2, worker=worker.pid)
        more = await sent_through(at, rounds=ROUNDS, worker=worker.pid)
    sent = Sent(good=warm.sent.good | more.sent.good, bad=warm.sent.bad | more.sent.bad)

    assert len(sent.bad) >= 120 * ROUNDS
    assert len(sent.good) == GOOD_PER_BAD * len(sent.bad)
    await each_bad_record_is_dead_once_and_as_it_came(at, sent)
    await each_command_is_answered_and_each_bad_one_told_once(at, sent)
    assert more.memory_bytes - warm.memory_bytes < MEMORY_GROWTH_MAX
    audit = await asyncio.to_thread(at.door, "audit")
    assert audit.returncode == 0, audit.stdout


@dataclass(frozen=True, kw_only=True)
class Traffic:
    sent: Sent
    memory_bytes: int


async def sent_through(at: Installation, *, rounds: int, worker: int) -> Traffic:
    """Send so many rounds of every bad record, wait until nothing waits any more, and weigh the worker."""
    records: list[tuple[Raw, BadRecord | str]] = list(mixed(rounds))
    ((before,),) = await at.fetch("SELECT sum(records)::bigint FROM lane")
    async with wire.producing(at.kafka) as producer:
        places = await wire.send(producer, at.topics.commands(LEDGER), [raw for raw, _ in records])
    good: dict[Place, str] = {}
    bad: dict[Place, BadRecord] = {}
    for place, (_, what) in zip(places, records, strict=True):
        if isinstance(what, BadRecord):
            bad[place] = what
        else:
            good[place] = what
    await until_settled(at, before + len(records))
    status = json.loads((await asyncio.to_thread(at.door, "status", "--context", LEDGER, "--json")).stdout)
    assert (status["lag"], status["unpublished"], status["parked"]) == (0, 0, [])
    return Traffic(sent=Sent(good=good, bad=bad), memory_bytes=resident_bytes(worker))


def openings() -> Iterator[dict[str, Any]]:
    for number in range(ACCOUNTS):
        account = {"account_id": f"good-{number}", "account_type": "CHECKING", "currency": "EUR"}
        yield {"command_id": new_command_id(), "type": "account.open", **account}


def mixed(rounds: int) -> Iterator[tuple[Raw, BadRecord | str]]:
    """Yield ten good records and a bad one, over and over, spread evenly over the partitions."""
    bad = [each for _ in range(rounds) for each in bad_records()]
    for number, record in enumerate(bad):
        partition = number % PARTITIONS
        for nth in range(GOOD_PER_BAD):
            yield deposit((number + nth) % ACCOUNTS, partition)
        yield Raw(key=record.key, value=record.value, headers=record.headers, partition=partition), record


def deposit(account: int, partition: int) -> tuple[Raw, str]:
    command_id = new_command_id()
    said = {"command_id": command_id, "type": "transfer.deposit", "account_id": f"good-{account}", "amount": "0.01"}
    return Raw(key=said["account_id"].encode(), value=json.dumps(said).encode(), partition=partition), command_id


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"{pid} has no memory")


async def each_bad_record_is_dead_once_and_as_it_came(at: Installation, sent: Sent) -> None:
    dead = await wire.read(at.kafka, at.topics.dead_letters(LEDGER), PARTITIONS)
    by_place = {place_of(letter, "dlq-partition", "dlq-offset"): letter for letter in dead}
    assert len(dead) == len(by_place)
    assert by_place.keys() == sent.bad.keys()
    for place, record in sent.bad.items():
        letter = by_place[place]
        assert (letter.key, letter.value) == (record.key, record.kept), record.name
        assert tuple(letter.headers[: len(record.headers)]) == record.headers, record.name
        code, path = letter.header("dlq-code"), letter.header("dlq-path")
        assert (code, path) == (record.code.encode(), record.path.encode()), record.name


async def each_command_is_answered_and_each_bad_one_told_once(at: Installation, sent: Sent) -> None:
    results = await wire.read(at.kafka, at.topics.results(LEDGER), PARTITIONS)
    bodies = [json.loads(result.value or b"") for result in results]
    answers = Counter(body["command_id"] for body in bodies if body["type"] == "transfer.posted")
    assert answers == Counter(sent.good.values())
    told: dict[Place, list[tuple[str, str, str]]] = defaultdict(list)
    for body in bodies:
        if body["type"] == "command.invalid":
            assert body["topic"] == at.topics.commands(LEDGER)
            told[body["partition"], body["offset"]].append((body["command_id"], body["code"], body["path"]))
    for place, record in sent.bad.items():
        expected = [(record.command_id, record.code, record.path)] if record.command_id else []
        assert told.pop(place, []) == expected, record.name
    assert not told
    assert {body["type"] for body in bodies} == {"account.opened", "transfer.posted", "command.invalid"}


def place_of(record: Raw, partition: str, offset: str) -> Place:
    at, number = record.header(partition), record.header(offset)
    assert at is not None
    assert number is not None
    return int(at), int(number)
