"""A family that keeps rows of its own: a made-up one, with its table, through the engine and nothing else changed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import pytest

from contracts.accounts import AccountClose
from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, Text
from contracts.ids import BusinessId
from contracts.specs import CATALOG, Spec
from processor.engine.copy import Table
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.events import Kind
from processor.engine.shelving import Kept
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.rules.guards import opened
from processor.ledger.store import LedgerStore
from producers.command_ids import new_command_id
from tests.append_only import append_only_tables
from tests.engine.desk import Desk, fill, moving, names, opening
from tests.engine.test_cost import TRANSFERS

MIGRATION = """
DROP TABLE IF EXISTS mark;
CREATE TABLE mark (lane_no integer, seq bigint, made_at timestamptz, account_no bigint, words text,
                   PRIMARY KEY (lane_no, seq));
SELECT keep_for_ever('mark')"""


class MarkRefusal(Refusal):
    NO_ACCOUNT = "no_account", "No account has this id; open it first."
    ACCOUNT_GONE = "account_gone", "The account is closed; use another account."


class MarkMake(Command, tag="mark.make", frozen=True, kw_only=True):
    account_id: BusinessId
    words: Text

    free_texts = ("words",)
    accounts = ("account_id",)


class MarkMade(Event, tag="mark.made", frozen=True, kw_only=True):
    account_id: str


class MarkRejected(Rejected, tag="mark.rejected", frozen=True, kw_only=True):
    pass


def make(book: Book, command: MarkMake, instant: datetime) -> Decision:
    id_ = command.account_id
    account = opened(book.account(id_), id_, not_found=MarkRefusal.NO_ACCOUNT, closed=MarkRefusal.ACCOUNT_GONE)
    if isinstance(account, Refused):
        return account
    return Applied(MarkMade(account_id=id_), (Kept("mark", (account.account_no, command.words)),))


class MarkStore(LedgerStore):
    tables = {  # noqa: RUF012 - as the families' are found
        **LedgerStore.tables,
        "mark": Table("mark", lane_no="int4", seq="int8", made_at="timestamptz", account_no="int8", words="text"),
    }


ROW = Spec(
    context=LEDGER.name,
    command=MarkMake,
    key="account_id",
    applied=(MarkMade,),
    rejected=MarkRejected,
    codes=(CommonRefusal.ACCOUNT_RESERVED, *MarkRefusal),
)


@pytest.fixture
async def desk(desk: Desk) -> AsyncIterator[Desk]:
    desk.context = replace(LEDGER, rules={**LEDGER.rules, MarkMake: make}, specs=(*CATALOG, ROW), store=MarkStore())
    await desk.connection.execute(MIGRATION)
    yield desk
    await desk.connection.execute("DROP TABLE mark")


def mark(account_id: str, words: str = "late again") -> MarkMake:
    return MarkMake(command_id=new_command_id(), account_id=account_id, words=words)


async def test_a_kept_row_bears_the_stamp_of_its_answer_and_is_there_once(desk: Desk) -> None:
    (a,) = names(1)
    command = mark(a)

    told = await desk.tell(opening(a), command, command)

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.ANSWER, Kind.REPEAT]
    rows = await desk.connection.fetch("SELECT mark.*, account_id FROM mark JOIN account USING (account_no)")
    assert [(row["account_id"], row["words"]) for row in rows] == [(a, "late again")]
    assert [(row["lane_no"], row["seq"], row["made_at"]) for row in rows] == [
        (told[1].lane_no, told[1].seq, told[1].occurred_at)
    ]


async def test_a_refusal_keeps_no_row_and_shared_guards_answer_in_the_words_of_the_family(desk: Desk) -> None:
    a, nobody = names(2)
    closing = AccountClose(command_id=new_command_id(), account_id=a)

    told = await desk.tell(opening(a), closing, mark(a), mark(nobody), mark("house:cash:EUR"))

    assert [each.body["code"] for each in told[2:]] == ["account_gone", "no_account", "account_reserved"]
    assert await desk.connection.fetchval("SELECT count(*) FROM mark") == 0


async def test_a_table_that_is_kept_for_ever_takes_rows_and_no_change(desk: Desk) -> None:
    (a,) = names(1)
    await desk.tell(opening(a), mark(a))
    books = await desk.books()
    await desk.connection.execute("SET session_replication_role = replica")

    for statement in ("UPDATE mark SET words = ''", "DELETE FROM mark", "TRUNCATE mark"):
        with pytest.raises(Exception, match="mark is append-only"):
            await desk.connection.execute(statement)
    await desk.connection.execute("SET session_replication_role = DEFAULT")

    assert "mark" in await append_only_tables(desk.connection)
    await desk.one(mark(a))
    assert len(await desk.books()) == len(books) + 1


async def test_kept_rows_cost_one_statement_however_many_they_are(
    desk: Desk, statements: list[str], cost_of: Callable[..., Awaitable[int]]
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    cost = await cost_of(moving(a, b, "1"), *(mark(a) for _ in range(20)))

    assert cost == TRANSFERS + 1, statements
