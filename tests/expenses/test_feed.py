"""The feed: every change of a user, once and in order, by pages whose tokens are good as long as what was read is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import pytest

from partita.local.stack import LocalStack
from processor.database import Connection
from processor.engine.epochs import adopt_in_tx
from processor.errors import Declined
from processor.expenses import reads
from processor.expenses.feed import Change, ChangesPage, ExpenseChange, changes
from producers.command_ids import new_command_id
from tests.conftest import fresh_database
from tests.engine.desk import Desk
from tests.expenses.model import Model
from tests.expenses.reading import FEED, Json, Story, command_of, expenses_desk, saying

SPENT: Final[Json] = {"amount": "1", "currency": "EUR", "category": "Food"}


def recurring(what: str, user_id: str, **more: str) -> Json:
    return saying(f"recurring.{what}", recurring_id="rent", user_id=user_id, **more)


def adding(name: str) -> Json:
    return saying("expense.add", expense_id=name, user_id="cyd", date="2024-05-05", **SPENT)


@pytest.fixture(scope="module")
def model(database_url: str) -> Model:
    """Return what was written into the module's database."""

    async def write() -> Model:
        async with expenses_desk(database_url) as desk:
            story = Story(desk, seed=3)
            await story.begin(("ada", "EUR"), ("bob", "JPY"))
            await story.go_on("ada", batches=3)
            await story.go_on("bob", batches=2)
            for name in ("ada", "bob"):
                await story.tell(recurring("set", name, **SPENT, frequency="weekly", starts_on="2030-01-31"))
                await story.tell(recurring("stop", name))
            await story.go_on("ada", batches=1)
            return story.model

    return asyncio.run(write())


async def pages(connection: Connection, user_id: str, limit: int) -> list[ChangesPage]:
    found = [await changes(connection, user_id, seal=FEED, limit=limit)]
    while not found[-1].complete:
        found.append(await changes(connection, user_id, found[-1].next_token, seal=FEED, limit=limit))
    return found


def as_told(change: Change) -> Json:
    """Return a change as the result told it that answered its command, but for what comes next of what recurs."""
    fields = msgspec.to_builtins(change)
    ended = fields.pop("deleted", False) or fields.pop("stopped", False)
    kind, version = fields.pop("kind"), fields.get("version")
    what = {"expense": "added" if version == 1 else "changed"}.get(kind, "defined")
    ending = {"expense": "deleted", "recurring": "stopped"}.get(kind)
    del fields["changed_at"]
    return {
        "type": f"{kind}.{ending if ended else what}",
        **{name: fields[name] for name in fields if name != "stopped"},
    }


@pytest.mark.parametrize("limit", [5, 1000])
@pytest.mark.parametrize("user_id", ["ada", "bob"])
async def test_the_pages_are_every_change_in_order_with_all_there_is_to_say(
    connection: Connection, model: Model, user_id: str, limit: int
) -> None:
    feed = [{name: body[name] for name in body if name != "next_on"} for body in model.feed(user_id)]
    found = await pages(connection, user_id, limit)
    assert [as_told(change) for page in found for change in page.changes] == feed
    assert {len(page.changes) for page in found[:-1]} <= {limit}
    kinds = {body["type"] for body in feed}
    assert len(kinds) == 6, "changes of every kind were seen"


async def test_a_device_that_knows_the_feed_alone_has_every_expense_as_it_is(
    connection: Connection, model: Model
) -> None:
    found = await pages(connection, "ada", 50)
    known: dict[str, Json] = {}
    for change in (change for page in found for change in page.changes):
        if isinstance(change, ExpenseChange):
            known[change.expense_id] = msgspec.to_builtins(change)
    assert len(known) == len(model.users["ada"].expenses)
    for name, fields in known.items():
        del fields["kind"], fields["changed_at"]
        assert fields == msgspec.to_builtins(await reads.expense(connection, "ada", name))


def numbers(page: ChangesPage) -> list[int]:
    return [each.change_no for each in page.changes]


async def test_a_token_is_kept_and_asks_for_what_comes_later(database_url: str) -> None:
    async with expenses_desk(database_url) as desk:
        await desk.tell(command_of(saying("user.create", user_id="cyd", base_currency="EUR")))
        nothing = await changes(desk.connection, "cyd", seal=FEED)
        assert (nothing.changes, nothing.complete) == ([], True)
        await desk.tell(*(command_of(adding(name)) for name in "abc"))
        first = await changes(desk.connection, "cyd", nothing.next_token, seal=FEED, limit=2)
        assert (numbers(first), first.complete) == ([1, 2], False)
        second = await changes(desk.connection, "cyd", first.next_token, seal=FEED, limit=1)
        assert (numbers(second), second.complete) == ([3], True)
        still = await changes(desk.connection, "cyd", second.next_token, seal=FEED)
        assert (still.changes, still.complete, still.next_token) == ([], True, second.next_token)


async def code_of(desk: Desk, user_id: str, token: str, limit: int = 10) -> str:
    """Return why a page is declined, or nothing."""
    try:
        await changes(desk.connection, user_id, token, seal=FEED, limit=limit, rows_max=50)
    except Declined as declined:
        return declined.code
    return ""


async def test_a_page_is_declined_that_is_too_large_or_asked_for_by_no_token_of_this_user(
    database_url: str, model: Model
) -> None:
    assert model.feed("bob")
    async with expenses_desk(database_url) as desk:
        token = (await changes(desk.connection, "ada", seal=FEED, limit=3)).next_token
        assert await code_of(desk, "ada", token) == ""
        assert await code_of(desk, "bob", token) == "token_invalid"
        assert await code_of(desk, "ada", token[:-1]) == "token_invalid"
        assert await code_of(desk, "ada", token, limit=51) == "limit_invalid"
        assert await code_of(desk, "ada", token, limit=0) == "limit_invalid"


# Restored books -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def restored(stack: LocalStack, url: str) -> AsyncIterator[Desk]:
    """Open books as they are now at *url*, where nobody is, as a backup of them would be restored."""
    async with fresh_database(stack, url.rsplit("/", 1)[1]) as copy, expenses_desk(copy) as desk:
        yield desk


async def adopt(desk: Desk) -> None:
    """Do what `partita adopt` does to the books."""
    await desk.connection.execute(
        "INSERT INTO relay_position SELECT lane_no, next_seq - 1 FROM lane ON CONFLICT (lane_no)"
        " DO UPDATE SET sent = excluded.sent"
    )
    async with desk.connection.transaction():
        catalog, name = desk.context.catalog, desk.context.name
        await adopt_in_tx(desk.connection, catalog, name, command_id=new_command_id(), above=0, key_of=str)


async def test_a_token_is_gone_where_restored_books_end_or_go_on_otherwise_before_it(
    stack: LocalStack, migrated_database: str
) -> None:
    async with fresh_database(stack, migrated_database) as url:
        async with expenses_desk(url) as desk:
            await desk.tell(command_of(saying("user.create", user_id="cyd", base_currency="EUR")))
            await desk.tell(*(command_of(adding(name)) for name in "abc"))
            kept = (await changes(desk.connection, "cyd", seal=FEED)).next_token
        async with restored(stack, url) as backup:
            async with expenses_desk(url) as desk:
                await desk.tell(*(command_of(adding(name)) for name in "de"))
                lost = (await changes(desk.connection, "cyd", seal=FEED)).next_token
            assert await code_of(backup, "cyd", lost) == "snapshot_gone", "the books end before it"
            await adopt(backup)
            assert await code_of(backup, "cyd", lost) == "snapshot_gone"
            await backup.tell(*(command_of(adding(name)) for name in "xyz"))
            assert await code_of(backup, "cyd", lost) == "snapshot_gone", "another change has its number"
            after = await changes(backup.connection, "cyd", kept, seal=FEED)
            assert [change.expense_id for change in after.changes if isinstance(change, ExpenseChange)] == [
                "x",
                "y",
                "z",
            ]
            anew = await changes(backup.connection, "cyd", seal=FEED)
            assert (numbers(anew), anew.next_token) == ([1, 2, 3, 4, 5, 6], after.next_token)
