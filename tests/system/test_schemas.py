"""Whoever has nothing but the schema files can read every result, and write every command."""

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.documents.examples import examples_of
from contracts.documents.files import Place
from contracts.envelope import encode_command, type_of
from contracts.specs import CATALOG, LEDGER
from partita.sample import paysim
from producers.command_ids import new_command_id
from tests.conftest import needs_processes
from tests.system.conftest import Install
from tests.system.installation import Installation

READER: Final = Path(__file__).parent / "schema_reader.py"
SCHEMAS: Final = Place.here().schemas / "ledger"
MOVEMENTS: Final = int(os.environ.get("PARTITA_TEST_COMMANDS", "2000"))
READ_WITHIN_S: Final = 100.0
EXAMPLES_BEGIN = "2026-07-02"


def read(lines: Iterable[str]) -> dict[str, Any]:
    """Return what the reader, a process of its own outside this project, says of *lines*."""
    done = subprocess.run(
        [sys.executable, "-I", READER, SCHEMAS],
        cwd="/",
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=READ_WITHIN_S,
    )
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == (said["wrong"] == 0)
    return said


def sample() -> list[dict[str, Any]]:
    """Return part of the sample, and every command that the examples show."""
    movements = islice(paysim.commands(), MOVEMENTS)
    played = [json.loads(encode_command(each)) for each in chain(paysim.opening(), paysim.deposits(), movements)]
    return played + [in_our_time(each.command) for each in examples_of("ledger") if each.command is not None]


def in_our_time(command: dict[str, Any]) -> dict[str, Any]:
    """Return an example's *command* with the expiry of a hold as far from now as it was from the example's instant."""
    if "expires_at" not in command:
        return command
    past = command["expires_at"] < EXAMPLES_BEGIN
    return command | {"expires_at": "2001" + command["expires_at"][4:] if past else "2100" + command["expires_at"][4:]}


def a_quarter_later(today: date) -> list[dict[str, Any]]:
    """Return what comes to other results than the examples, whose days are long gone when they are decided."""
    month_ended = today.replace(day=1) - timedelta(days=1)
    said: list[dict[str, Any]] = [
        {"type": "interest.accrue", "account_id": "erin", "date": (month_ended - timedelta(days=9)).isoformat()},
        {"type": "interest.post", "account_id": "erin", "month": f"{month_ended:%Y-%m}"},
        {"type": "transfer.deposit", "account_id": "frank", "amount": "100.00"},
        {"type": "advance.collect", "account_id": "frank", "advance_id": "adv-2", "payment_no": 1},
        {"type": "account.freeze", "account_id": "frank", "reason": "a claim"},
        {"type": "advance.collect", "account_id": "frank", "advance_id": "adv-2", "payment_no": 2},
        {"type": "advance.audit", "account_id": "frank", "advance_id": "adv-2"},
    ]
    return [{"command_id": new_command_id(), **each} for each in said]


def publish_what_is_none(at: Installation) -> None:
    (record, *_) = [each.record for each in examples_of("ledger") if each.command is None]
    path = at.folder / "none.jsonl"
    path.write_text(record + "\n", encoding="utf-8")
    assert at.door("publish", str(path), "--context", LEDGER).returncode == 0


@needs_processes
@pytest.mark.timeout(240)
async def test_a_reader_of_schemas_alone_takes_all_results_and_all_commands_of_a_run(install: Install) -> None:
    # One partition: the examples are decided in their order.
    at, commands = await install(partitions=1), sample()
    with at.role("consumer", "relay"):
        tidying = next(place for place, command in enumerate(commands) if command["type"] == "hold.expire")
        refused = Counter(at.publish("sample", commands[:tidying]).result()["refused"])
        async with at.asking() as connection:
            await connection.execute("UPDATE clock SET ahead = '100 years'")
        refused += Counter(at.publish("more", commands[tidying:]).result()["refused"])
        async with at.asking() as connection:
            today = await connection.fetchval(
                "UPDATE clock SET ahead = ahead + '90 days' RETURNING partita_clock()::date"
            )
        later = a_quarter_later(today)
        refused += Counter(at.publish("later", later[:-1]).result()["refused"])
        async with at.asking() as connection:
            await connection.execute(
                "UPDATE advance_payment SET amount_minor = amount_minor + 1 WHERE advance_id = 'adv-2' AND status = 1"
            )
        refused += Counter(at.publish("last", later[-1:]).result()["refused"])
        commands += later
        publish_what_is_none(at)
        results = at.door("results", "--context", LEDGER, "--from-beginning", "--idle", "2").stdout.splitlines()

    told = read(results)
    assert (told["wrong"], told["messages"]) == (0, len(commands) + 1), told["first"]
    every_result = {type_of(model) for spec in CATALOG if spec.context == LEDGER for model in spec.told}
    assert set(told["types"]) == every_result | {"command.invalid"}
    rejected = sum(count for kind, count in told["types"].items() if kind.endswith(".rejected"))
    assert rejected == sum(refused.values()) > len(refused)

    asked = read(json.dumps(command) for command in commands)
    assert (asked["wrong"], asked["messages"]) == (0, len(commands)), asked["first"]
    assert len(commands) > MOVEMENTS


def test_a_result_that_does_not_fit_would_be_noticed() -> None:
    result = next(each.result for each in examples_of("ledger") if each.result["type"] == "transfer.posted")
    wrong: list[dict[str, Any]] = [
        result | {"amount": 12.3},
        result | {"amount": "-1.00"},
        result | {"occurred_at": "yesterday"},
        result | {"entries": [result["entries"][0] | {"entry_no": 0}]},
        {name: value for name, value in result.items() if name != "overdraft"},
        result | {"type": "transfer.lost"},
    ]
    said = read(map(json.dumps, [result, *wrong, result | {"a field of tomorrow": 1}]))
    assert said["wrong"] == len(wrong), said["first"]


def test_the_reader_imports_nothing_of_this_project() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(READER.read_text("utf-8")))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"jsonschema", "referencing"}
