"""The examples are what happens: each record in its turn gets the result that stands beside it, and none is missing."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from contracts.catalog import CATALOG, Catalog
from contracts.documents.examples import FOLDER, Body, Example, examples_of
from contracts.documents.messages import contexts_of
from contracts.envelope import Command, CommonRefusal, as_replayed, type_of
from contracts.invalid import CommandInvalid, NotUnderstood
from partita.app import CONTEXTS
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.events import Kind
from tests.engine.desk import TOPICS, Desk, Told

NAMES: Final = contexts_of(CATALOG)
ENGINES: Final = {context.name: context for context in CONTEXTS}
WRITE: Final = "PARTITA_TEST_WRITE_EXAMPLES"  # set: results that are missing or wrong are written into the file

every_context = pytest.mark.parametrize("context", NAMES)


@pytest.fixture
async def open_desk(connection: Connection, database_url: str) -> AsyncIterator[Any]:
    desks = []

    async def open_one(context: Context[Any]) -> Desk:
        desks.append(await Desk.open(connection, database_url))
        desks[-1].context = context
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


def timeless(body: Body) -> Body:
    """Return *body* with every instant that is given, and the record's place, replaced."""
    return {
        name: "then" if (name.endswith("_at") or name == "offset") and value is not None else value
        for name, value in body.items()
    }


async def result_of(desk: Desk, line: Body) -> Body:
    """Return the one result that what *line* shows gets, as it comes on a topic without the desk's prefix."""
    told = await desk.tell(Example.read(json.dumps({"result": {}} | line)).record.encode())
    (body,) = [await body_of(desk, each) for each in told if each.kind != Kind.DEAD]
    return body | ({"topic": body["topic"].removeprefix(TOPICS.prefix)} if "topic" in body else {})


@every_context
async def test_every_example_gets_its_result(context: str, open_desk: Any) -> None:
    desk, path = await open_desk(ENGINES[context]), FOLDER / f"{context}.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    results = [await result_of(desk, line) for line in lines]
    if os.environ.get(WRITE):
        lines = with_results(lines, results)
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    for line, result in zip(lines, results, strict=True):
        assert timeless(line.get("result", {})) == timeless(result), line["name"]


def with_results(lines: list[Body], results: list[Body]) -> list[Body]:
    """Return *lines* with the *results* they got, where theirs are others; a repeat has the instants of its answer."""
    written, answers = list[Body](), dict[str, Body]()
    for line, result in zip(lines, results, strict=True):
        own = line.get("result", {})
        if timeless(own) != timeless(result):
            own = answers[result["command_id"]] | {"replayed": True} if result["replayed"] else result
        if own["type"] != type_of(CommandInvalid):
            answers.setdefault(own["command_id"], own)
        written.append(line | {"result": own})
    return written


def test_results_that_are_missing_or_wrong_are_written_and_no_other() -> None:
    answer = {"type": "a", "command_id": "1", "occurred_at": "t1", "replayed": False}
    repeat, later = answer | {"replayed": True}, {"occurred_at": "t2"}
    lines: list[Body] = [{"name": "1", "result": answer}, {"name": "2"}, {"name": "3", "result": answer}]
    other = answer | {"command_id": "2"}
    assert [line["result"] for line in with_results(lines, [answer | later, repeat | later, other])] == [
        answer, repeat, other,
    ]  # fmt: skip


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
    results = {type_of(model) for spec in rows for model in (spec.applied, spec.rejected)}
    assert {each.result["type"] for each in examples} == results | {type_of(CommandInvalid)}
    assert any(each.result["replayed"] for each in examples)
    assert CommonRefusal.COMMAND_ID_REUSED in {each.result.get("code") for each in examples}
    assert len({each.name for each in examples}) == len(examples)


def test_a_record_that_is_none_is_read_as_it_stands() -> None:
    line = json.dumps({"name": "a", "shows": "b", "record": "{", "result": {"replayed": False, "code": "not_json"}})
    example = Example.read(line)
    assert (example.command, example.record, example.is_applied) == (None, "{", False)
