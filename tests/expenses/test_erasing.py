"""A user is erased: what the user wrote is nowhere any more, and all that counts is as it was."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, get_type_hints

import msgspec
import pytest

from contracts.catalog import Catalog
from contracts.envelope import as_replayed
from contracts.shown import ShownLongText, ShownText
from contracts.specs import CATALOG
from contracts.specs import EXPENSES as NAME
from processor.database import Connection
from processor.engine.audit import audit
from tests.engine.desk import Desk, names
from tests.expenses.erasing_story import (
    ZONES,
    adding,
    creating,
    erasing,
    headers_of,
    lived,
    names_of,
    opened,
    published,
    rating,
    results,
    rows_of,
    rows_with,
    story_of,
    sums_of,
)
from tests.house.tree import ROOT

LEFT_OUT = {"metadata", "correlation_id"}
TEXTS = (ShownText, ShownLongText)
EMPTY = {"notes": "", "device_id": None, "timezone": "UTC"}


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    at_work = await opened(connection, database_url)
    await at_work.tell(rating())
    yield at_work
    await at_work.database.close()


def somebody() -> tuple[str, str]:
    """Return a user's id, and the word that begins all that this user writes and nobody else."""
    (user,) = names(1)
    return user, f"Zorg{user}"


def emptied(body: dict[str, Any], called: Mapping[str, str]) -> list[tuple[str, Any]]:
    """Return the fields that are to be left of *body*, in their order; *called* says what categories are called."""
    kept = [(name, EMPTY.get(name, value)) for name, value in body.items() if name not in LEFT_OUT]
    return [
        (
            name,
            called[value] if name == "category" else dict(emptied(value, called)) if isinstance(value, dict) else value,
        )
        for name, value in kept
    ]


def test_a_text_that_a_user_may_write_is_one_that_is_erased() -> None:
    own = [spec for spec in CATALOG if spec.context == NAME]
    told = {event for spec in own for event in spec.told}
    shown = {
        name for event in told for name, kind in get_type_hints(event, include_extras=True).items() if kind in TEXTS
    }

    assert {name for spec in own for name in spec.command.free_texts} == {*EMPTY, "category"}
    assert shown == {"category", "notes", "timezone"}


async def test_what_an_erased_user_has_written_is_in_no_row_and_is_told_to_nobody(desk: Desk) -> None:
    (one, word), (other, others) = somebody(), somebody()
    await lived(desk, one, word)
    await lived(desk, other, others)
    assert len(await rows_with(desk.connection, [word])) > 30
    kept = await rows_of(desk.connection, other)

    (answer,) = await desk.tell(erasing(one), headers=[("ce_correlationid", word.encode())])

    assert answer.type == "user.erased"
    assert await rows_with(desk.connection, [word]) == []
    records = [repr(record) for record in await published(desk.connection)]
    assert not [record for record in records if word in record]
    assert len([record for record in records if others in record]) > 15
    assert await rows_of(desk.connection, other) == kept
    rows = await rows_of(desk.connection, one)
    assert not [row for table in rows.values() for row in table if any(zone in row for zone in ZONES)]


async def test_sums_and_results_say_the_same_about_categories_that_have_numbers_for_names(desk: Desk) -> None:
    user, word = somebody()
    await lived(desk, user, word)
    sums, before = await sums_of(desk.connection, user), await results(desk.connection, user)
    called = names_of(word)

    await desk.one(erasing(user))

    assert {category for _, category, *_ in sums} == set(called) - {f"{word}-planned"}
    assert sorted(await sums_of(desk.connection, user)) == sorted(
        (day, called[name], *rest) for day, name, *rest in sums
    )
    after = await results(desk.connection, user)
    assert [list(body.items()) for body in after[:-1]] == [emptied(body, called) for body in before]
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed


async def test_results_stay_of_their_types_and_say_when_a_key_was_wrong(desk: Desk) -> None:
    user, word = somebody()
    await lived(desk, user, word)
    await desk.one(erasing(user))

    catalog, rows = Catalog(), await desk.connection.fetch("SELECT * FROM event WHERE aggregateid = $1", user)

    for row in rows:
        if row["payload"]:
            result = catalog.read_result(row["payload"])
            assert (result.frame.metadata, result.frame.correlation_id, result.frame.replayed) == ({}, "", False)
            assert msgspec.json.decode(as_replayed(row["payload"]))["replayed"] is True
    assert [row["headers"] for row in rows if row["headers"]] == [b'{"partita_wrong_key":"1"}']


async def test_an_old_command_is_answered_as_before_without_what_was_written(desk: Desk) -> None:
    user, word = somebody()
    story = await lived(desk, user, word)
    answers = {body["command_id"]: body for body in reversed(await results(desk.connection, user))}
    await desk.one(erasing(user))

    repeats = await desk.tell(*story[:8])

    assert {told.kind for told in repeats} == {2}
    assert [told.type for told in repeats] == [answers[command.command_id]["type"] for command in story[:8]]
    told = [value or b"" for key, value, _ in await published(desk.connection) if key == user.encode()]
    bodies = [value for value in told if value.endswith(b"true}")]
    expected = [emptied(answers[story[place].command_id], names_of(word)) for place in (*range(8), 6)]
    assert [list(msgspec.json.decode(body).items())[:-1] for body in bodies] == [fields[:-1] for fields in expected]
    reused = await desk.one(adding(user, "E1", "other", command_id=story[6].command_id))
    assert reused.body["details"] == {"fields": ["category", "device_id", "notes"]}


async def test_of_an_erased_user_nothing_is_known_but_that_there_was_one(desk: Desk) -> None:
    user, word = somebody()
    await lived(desk, user, word)
    await desk.one(erasing(user))

    told = await desk.tell(*story_of(user, word), erasing(user))

    assert {each.body["code"] for each in told} == {"user_exists", "user_not_found"}


async def test_a_batch_erases_what_it_has_written_itself(desk: Desk) -> None:
    user, word = somebody()
    story = story_of(user, word)

    told = await desk.tell(*story, erasing(user), story[6], adding(user, "E8", "food"), headers=headers_of(word))

    assert [each.type for each in told[-3:]] == ["user.erased", "expense.added", "expense.rejected"]
    assert await rows_with(desk.connection, [word]) == []
    assert {category for _, category, *_ in await sums_of(desk.connection, user)} <= set(names_of(word).values())


async def test_a_user_called_as_a_currency_leaves_its_rates_alone(desk: Desk) -> None:
    await desk.tell(creating("CHF"), rating(base="CHF", correlation_id="Rates", metadata={"of": "Rates"}))
    await desk.tell(b'{"type":"rate.set","quote":"Rates"}', key=b"CHF")
    kept = await rows_with(desk.connection, ["Rates"])

    await desk.one(erasing("CHF"))

    assert len(kept) == 2
    assert await rows_with(desk.connection, ["Rates"]) == kept


async def test_one_who_has_written_nothing_is_erased(desk: Desk) -> None:
    (user,) = names(1)
    await desk.one(creating(user))

    assert (await desk.one(erasing(user))).body["last_change_no"] == 0


async def test_pages_of_events_and_runs_of_changes_leave_nothing_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.expenses.erasing.PAGE", 3)
    monkeypatch.setattr("processor.expenses.erasing.CHANGES", 2)
    user, word = somebody()
    await lived(desk, user, word)

    await desk.one(erasing(user))

    assert await rows_with(desk.connection, [word]) == []


async def test_a_process_that_is_killed_before_its_commit_has_erased_nothing(desk: Desk, database_url: str) -> None:
    user, word = somebody()
    await lived(desk, user, word)
    before = await rows_of(desk.connection, user)
    command = erasing(user)
    part = desk.part(command)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "tests/expenses/erasing_process.py",
        *(database_url, str(part.start), command.command_id, user),
        env=os.environ | {"PARTITA_FAULT": "saved", "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    assert await rows_of(desk.connection, user) == before

    await desk.run([part])

    assert await rows_with(desk.connection, [word]) == []
