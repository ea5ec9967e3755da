"""The examples are what happens: each record in its turn gets the result that stands beside it, and none is missing."""

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from contracts.catalog import Catalog
from contracts.documents.examples import FOLDER, Body, Example, examples_of
from contracts.documents.messages import contexts_of
from contracts.envelope import Command, CommonRefusal, as_replayed, type_of
from contracts.invalid import CommandInvalid, NotUnderstood
from contracts.specs import CATALOG
from partita.app import App
from partita.settings import Settings
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.events import Kind
from tests.engine.desk import TOPICS, Desk, Told

NAMES: Final = contexts_of(CATALOG)
APP: Final = App(settings=Settings())
ENGINES: Final = {context.name: APP.set_up(context) for context in APP.contexts}
WRITE: Final = "PARTITA_TEST_WRITE_EXAMPLES"  # set: results that are missing or wrong are written into the file

OUTCOME: Final = ("result", "extras")

every_context = pytest.mark.parametrize("context", NAMES)


class Clock:
    """The books' clock, taken away from the world's: it stands at the last instant it was moved to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.instant = datetime.min.replace(tzinfo=UTC)

    async def move(self, at: str | None) -> None:
        """Move on to *at*, or by a second."""
        self.instant = datetime.fromisoformat(at) if at else self.instant + timedelta(seconds=1)
        await self._connection.execute(
            "CREATE OR REPLACE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS"
            f" $$ SELECT timestamptz '{self.instant.isoformat()}' $$"
        )


@pytest.fixture
async def open_desk(connection: Connection, database_url: str) -> AsyncIterator[Any]:
    desks = []

    async def open_one(context: Context[Any]) -> Desk:
        desks.append(await Desk.open(connection, database_url, context=context))
        return desks[-1]

    yield open_one
    for desk in desks:
        await desk.database.close()


async def body_of(desk: Desk, told: Told) -> Body:
    """Return the body of a result as the relay tells it: a repeat is its answer, marked."""
    if told.kind != Kind.REPEAT:
        return told.body
    answer = await desk.connection.fetchval("SELECT payload FROM event WHERE id = $1 AND kind = 1", told.id)
    body: Body = json.loads(as_replayed(answer))
    return body


async def outcome_of(desk: Desk, line: Body) -> Body:
    """Return the result that what *line* shows gets, as it comes on a topic without the desk's prefix, and extras."""
    told = await desk.tell(Example.read(json.dumps({"result": {}} | line)).record.encode())
    body, *extras = [await body_of(desk, each) for each in told if each.kind != Kind.DEAD]
    topic = {"topic": body["topic"].removeprefix(TOPICS.prefix)} if "topic" in body else {}
    return {"result": body | topic} | ({"extras": extras} if extras else {})


@every_context
async def test_every_example_gets_its_result(context: str, connection: Connection, open_desk: Any) -> None:
    path, clock, outcomes = FOLDER / f"{context}.jsonl", Clock(connection), list[Body]()
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    await clock.move(lines[0]["at"])
    desk = await open_desk(ENGINES[context])
    for line in lines:
        await clock.move(line.get("at"))
        if "by_hand" in line:
            await connection.execute(line["by_hand"])
        outcomes.append(await outcome_of(desk, line))
    if os.environ.get(WRITE):
        shown = [{name: line[name] for name in line if name not in OUTCOME} for line in lines]
        lines = [line | outcome for line, outcome in zip(shown, outcomes, strict=True)]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    for line, outcome in zip(lines, outcomes, strict=True):
        assert {name: line[name] for name in OUTCOME if name in line} == outcome, line["name"]


@every_context
def test_a_command_is_understood_and_a_record_is_not(context: str) -> None:
    understand = Catalog().understand
    for example in examples_of(context):
        said = understand(context, example.record.encode())
        assert isinstance(said, NotUnderstood if example.command is None else Command), example.name


@every_context
def test_examples_show_every_command_every_result_and_every_kind_of_answer(context: str) -> None:
    examples, rows = examples_of(context), [spec for spec in CATALOG if spec.context == context]
    assert {spec.type for spec in rows} == {each.command_type for each in examples if each.is_applied}
    results = {type_of(model) for spec in rows for model in spec.answers}
    assert {each.result["type"] for each in examples} == results | {type_of(CommandInvalid)}
    besides = {type_of(model) for spec in rows for model in (*spec.extras, *spec.ends)}
    assert {body["type"] for each in examples for body in (*each.extras, *each.later)} == besides
    assert any(each.result["replayed"] for each in examples)
    assert CommonRefusal.COMMAND_ID_REUSED in {each.result.get("code") for each in examples}
    assert len({each.name for each in examples}) == len(examples)


@every_context
def test_what_is_told_later_belongs_to_the_command_it_stands_beside(context: str) -> None:
    specs = Catalog().specs
    for example in examples_of(context):
        told = [body["type"] for body in example.later]
        ends = [type_of(model) for model in specs[example.command_type].ends] if told else []
        assert [each for each in told if each in ends] == told[-1:], "one of its ends, and nothing behind it"
        for body in example.later:
            assert (body["command_id"], body["command_type"]) == (example.result["command_id"], example.command_type)
            assert body["occurred_at"] > example.result["occurred_at"]


def test_a_record_that_is_none_is_read_as_it_stands() -> None:
    line = json.dumps({"name": "a", "shows": "b", "record": "{", "result": {"replayed": False, "code": "not_json"}})
    example = Example.read(line)
    assert (example.command, example.record, example.is_applied) == (None, "{", False)
