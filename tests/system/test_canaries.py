"""Secrets sent through every bad path come out nowhere: no log, error, figure or reason; an ssn in no row at all."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from contracts.specs import LEDGER
from processor.database import connect
from producers.command_ids import new_command_id
from tests.system import wire
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import until_settled
from tests.system.wire import Raw

SSNS: Final = ("078051120", "078-05-1120")
SECRETS: Final = (*SSNS, "4111111111111111", "tok_Canary_9fZx", "postgresql://canary:hunter2@db.test/books")


def transfer(**changes: Any) -> dict[str, Any]:
    move = {"source_account_id": "A1", "destination_account_id": "A2", "amount": "1.00"}
    return {"command_id": new_command_id(), "type": "transfer.make"} | move | changes


def customer(**changes: Any) -> dict[str, Any]:
    person = {"customer_id": "C1", "name": "Ann", "date_of_birth": "1980-01-01", "address": "1 Main Street"}
    return {"command_id": new_command_id(), "type": "customer.create"} | person | changes


def unreadable(secret: str) -> Iterator[Raw]:
    """Yield records that hold *secret* and no type that could be read."""
    said = json.dumps(customer(ssn=secret))
    for value in (
        secret,
        json.dumps(secret),
        json.dumps([secret]),
        json.dumps({"ssn": secret}),
        json.dumps({secret: secret}),
        json.dumps({"type": [secret]}),
        said[:-1],
        said + said,
        said.replace('"ssn"', '"ssn" NaN'),
        said.replace("{", '{"type":"customer.update",', 1),
        "[" * 9 + json.dumps(secret) + "]" * 9,
        said + " " * 300_000,
        "".join(f"\\u{ord(sign):04x}" for sign in secret).join(('{"ssn":"', '"')),
    ):
        yield Raw(key=b"C1", value=value.encode())
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        yield Raw(key=b"C1", value=said.encode(encoding))
    yield Raw(key=secret.encode(), value=None, headers=[("ssn", secret.encode()), ("ce_id", secret.encode())])
    yield Raw(key=secret.encode(), value=secret.encode(), headers=[("traceparent", secret.encode())])


def customers(secret: str) -> Iterator[Raw]:
    """Yield records about customers; the first is a good one, where *secret* is an ssn."""
    for said in (
        customer(ssn=secret),
        customer(ssn=secret, date_of_birth="today"),
        customer(type="customer.craete", ssn=secret),
        customer(**{secret: "x"}),
        customer(name=secret, metadata={secret: secret}, correlation_id=secret),
    ):
        yield Raw(key=secret.encode(), value=json.dumps(said).encode(), headers=[("note", secret.encode())])


def others(secret: str) -> Iterator[Raw]:
    """Yield commands of other types, wrong in each field in turn."""
    for said in (
        transfer(amount=secret),
        transfer(amount=[secret]),
        transfer(type=secret),
        transfer(type=[secret]),
        transfer(command_id=secret),
        transfer(source_account_id=f"{secret}/"),
        transfer(direction=secret),
        transfer(requested_at=secret),
        transfer(currency=secret),
        transfer(currency=[secret]),
        transfer(memo=secret),
        transfer(**{secret: "x"}),
        transfer(legs=[{secret: secret}]),
        transfer(type="transfer.batch", legs=[{secret: secret}]),
        transfer(type="transfer.batch", legs=[secret]),
        transfer(description=f"{secret}\0"),
        transfer(description=secret * 60),
        transfer(correlation_id=secret * 60),
        transfer(metadata={secret * 9: secret}),
        transfer(metadata={secret: [secret]}),
        transfer(metadata=secret),
        transfer(metadata={"a": {"b": {"c": {"d": {"e": {"f": {"g": {secret: secret}}}}}}}}),
    ):
        yield Raw(key=b"A1", value=json.dumps(said).encode(), headers=[("authorization", secret.encode())])
    twice = json.dumps(transfer()).replace(
        "{", f"{{{json.dumps(secret)}:1,{json.dumps(secret)}:{json.dumps(secret)},", 1
    )
    yield Raw(key=b"A1", value=twice.encode())


def without_colours(text: str) -> str:
    return text.replace("\x1b", "")


async def test_secrets_in_bad_records_come_out_nowhere(install: Install) -> None:
    at = await install(partitions=1, PARTITA_LOG_LEVEL="DEBUG", PARTITA_LOG_JSON="1")
    records = [raw for secret in SECRETS for raw in (*unreadable(secret), *customers(secret), *others(secret))]
    with at.role("consumer") as worker, at.role("relay") as relay:
        async with wire.producing(at.kafka) as producer:
            await wire.send(producer, at.topics.commands(LEDGER), records)
        await until_settled(at, len(records))
        shown = await asyncio.to_thread(doors, at)
    said = "".join((worker.log, relay.log, *shown, *await told(at)))
    dead = await wire.read(at.kafka, at.topics.dead_letters(LEDGER), 1)

    refused = await at.fetch("SELECT payload FROM event WHERE kind = 1")
    assert len(dead) + len(refused) == len(records)
    # An unknown currency, an amount of 16 digits and a customer with a good ssn are no bad records.
    assert len(refused) <= len(SECRETS) + len(SSNS)
    assert "consuming" in worker.log
    assert [secret for secret in SECRETS if secret in said] == []
    reasons = b"".join(letter.header("dlq-reason") or b"" for letter in dead)
    assert [secret for secret in SECRETS if secret.encode() in reasons] == []


def doors(at: Installation) -> list[str]:
    """Return all that the doors say which show many records at once."""
    asked = (
        ("status", "--context", LEDGER),
        ("status", "--context", LEDGER, "--json"),
        ("dead-letters", "list"),
        ("dead-letters", "list", "--json"),
        ("audit",),
    )
    return [without_colours(each.stdout + each.stderr) for each in (at.door(*arguments) for arguments in asked)]


async def told(at: Installation) -> list[str]:
    """Return every result's body and headers; its key is the sender's own."""
    results = await wire.read(at.kafka, at.topics.results(LEDGER), at.partitions)
    values = [(result.value or b"").decode() for result in results]
    headers = [f"{name}={value!r}" for result in results for name, value in result.headers if name != "ce_subject"]
    return [*values, *headers]


async def test_an_ssn_is_in_no_row_and_in_no_record_that_partita_wrote(install: Install) -> None:
    at = await install(partitions=1)
    records = [raw for ssn in SSNS for raw in (*unreadable(ssn), *customers(ssn))]
    with at.role("consumer", "relay"):
        async with wire.producing(at.kafka) as producer:
            await wire.send(producer, at.topics.commands(LEDGER), records)
        await until_settled(at, len(records))
    written = await rows(at)
    for topic in (at.topics.dead_letters(LEDGER), at.topics.results(LEDGER)):
        for record in await wire.read(at.kafka, topic, 1):
            headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
            written += [record.key or b"", record.value or b"", *headers]

    assert len(written) > 2 * len(records)
    assert await at.fetch("SELECT ssn_hash FROM customer") != []
    for ssn in SSNS:
        escaped = "".join(f"\\u{ord(sign):04x}" for sign in ssn).encode()
        for form in (ssn.encode(), ssn.encode("utf-16-le"), ssn.encode("utf-16-be"), escaped):
            assert [each for each in written if form in each] == []


async def rows(at: Installation) -> list[bytes]:
    """Return every column of every row of every table, as bytes."""
    connection = await connect(at.database_url, role="test")
    try:
        found: list[bytes] = []
        for (table,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            for row in await connection.fetch(f'SELECT * FROM "{table}"'):
                found += [each if isinstance(each, bytes) else str(each).encode() for each in row.values()]
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("line", ['{{"type": "{}"}}', '{{"{}": 1}}', '["{}"]', '"{}"', "{}", '{{"type": "{}'])
async def test_a_line_that_cannot_be_published_is_not_quoted(install: Install, line: str) -> None:
    at = await install(partitions=1)
    file = at.folder / "lines.jsonl"
    file.write_text(f"{line.format('tok_Canary_9fZx')}\n")
    ended = await asyncio.to_thread(at.door, "publish", str(file))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: line 1: ")
    assert "Canary" not in ended.stderr


@pytest.mark.parametrize("door", [("status",), ("migrate",), ("run", "consumer"), ("accounts",), ("audit",)])
async def test_a_password_in_an_address_is_not_repeated_when_nothing_answers(
    install: Install, door: tuple[str, ...]
) -> None:
    at = await install(
        partitions=1, PARTITA_DATABASE_URL="postgresql://canary:hunter2@127.0.0.1:1/books", PARTITA_LOG_LEVEL="DEBUG"
    )
    ended = await asyncio.to_thread(at.door, *door)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert "hunter2" not in ended.stdout + ended.stderr


async def test_a_setting_that_cannot_be_used_is_named_and_not_shown(install: Install) -> None:
    at = await install(partitions=1, PARTITA_FINGERPRINT_KEY="tok_Canary_9fZx" * 9)
    ended = await asyncio.to_thread(at.door, "status")
    assert ended.returncode == 2
    assert "PARTITA_FINGERPRINT_KEY" in ended.stderr
    assert "Canary" not in ended.stderr
