"""The examples are what happens: each record in its turn gets the result that stands beside it, and none is missing."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from contracts.catalog import CATALOG, Catalog
from contracts.documents.examples import Body, Example, examples_of
from contracts.documents.messages import contexts_of
from contracts.envelope import Command, CommonRefusal, as_replayed, type_of
from contracts.invalid import CommandInvalid, NotUnderstood
from partita.app import CONTEXTS
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.events import Kind
from tests.engine.desk import TOPICS, Desk, Told

EXAMPLES: Final = {context: examples_of(context) for context in contexts_of(CATALOG)}
ENGINES: Final = {context.name: context for context in CONTEXTS}
INSTANTS: Final = ("occurred_at", "opened_at", "closed_at")

every_context = pytest.mark.parametrize("context", EXAMPLES)


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
    """Return *body* with every instant that is given replaced, and topics without the desk's prefix."""
    told = {name: "then" if name in INSTANTS and value else value for name, value in body.items()}
    return told | ({"topic": told["topic"].removeprefix(TOPICS.prefix)} if "topic" in told else {})


@every_context
async def test_every_example_gets_its_result(context: str, open_desk: Any) -> None:
    desk = await open_desk(ENGINES[context])
    for example in EXAMPLES[context]:
        told = await desk.tell(example.record.encode())
        results = [await body_of(desk, each) for each in told if each.kind != Kind.DEAD]
        assert [timeless(each) for each in results] == [timeless(example.result)], example.name


@every_context
def test_a_command_is_understood_and_a_record_is_not(context: str) -> None:
    understand = Catalog().understand
    for example in EXAMPLES[context]:
        said = understand(context, example.record.encode())
        assert isinstance(said, NotUnderstood if example.command is None else Command), example.name


@every_context
def test_examples_show_every_command_every_result_and_every_kind_of_answer(context: str) -> None:
    examples, rows = EXAMPLES[context], [spec for spec in CATALOG if spec.context == context]
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
