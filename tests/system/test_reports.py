"""A report is read page by page while real processes post and reverse, and again after everything was restarted."""

import asyncio
import json
import os
import uuid
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from partita.local.stack import LocalStack
from processor.database import Connection, connect
from processor.ledger.reports import ReportPage, ReportQuery, transactions_report
from tests.conftest import needs_processes
from tests.ledger.reading import SEAL, everything, expected, posted, rows_of, told
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import until_applied

pytestmark = needs_processes

ROWS: Final = int(os.environ.get("PARTITA_TEST_REPORT_ROWS", "2000"))
LIMIT: Final = 100
ACCOUNTS: Final = [f"R{number:03}" for number in range(100)]
Json = dict[str, Any]


def said(number: int, kind: str, **fields: str) -> Json:
    return {"type": kind, "command_id": str(uuid.UUID(int=number)), **fields}


def before() -> list[Json]:
    """Return openings, deposits, and as many transfers as the report is to have at least."""
    cash = {"account_type": "CHECKING", "currency": "EUR"}
    openings = [said(number, "account.open", account_id=each, **cash) for number, each in enumerate(ACCOUNTS, start=1)]
    deposits = [
        said(number, "transfer.deposit", account_id=each, amount="1000.00")
        for number, each in enumerate(ACCOUNTS, start=1001)
    ]
    return openings + deposits + [transfer(10_000 + number) for number in range(ROWS)]


def transfer(number: int) -> Json:
    source, destination = ACCOUNTS[number % 100], ACCOUNTS[(number * 7 + 1) % 100]
    if source == destination:
        destination = ACCOUNTS[(number + 1) % 100]
    sides = {"source_account_id": source, "destination_account_id": destination}
    return said(number, "transfer.make", **sides, amount="9000.00" if number % 11 == 0 else "0.10")


def meanwhile() -> list[Json]:
    """Return as many commands again: every other one takes a transfer of before back."""
    commands = []
    for number in range(ROWS):
        made = transfer(10_000 + number)
        account, undone = made["source_account_id"], made["command_id"]
        back = said(10_000_000 + number, "transfer.reverse", account_id=account, transaction_id=undone)
        commands.append(back if number % 2 else transfer(20_000_000 + number))
    return commands


async def read(connection: Connection, asked: ReportQuery | str) -> ReportPage:
    return await transactions_report(connection, asked, seal=SEAL)


async def applied(at: Installation) -> int:
    ((records,),) = await at.fetch("SELECT sum(records)::bigint FROM lane")
    return int(records)


async def paged(at: Installation, connection: Connection) -> list[ReportPage]:
    """Read a report to its end; behind its first page and in its middle the books have gone on."""
    pages = [await read(connection, ReportQuery(limit=LIMIT))]
    while (token := pages[-1].next_token) is not None:
        if len(pages) in (1, pages[0].total_pages // 2):
            await until_applied(at, await applied(at) + 1)
        pages.append(await read(connection, token))
    return pages


async def test_a_report_stands_still_under_load_and_through_a_restart_of_everything(
    install: Install, stack: LocalStack
) -> None:
    at = await install(partitions=4, PARTITA_FINGERPRINT_KEY="secret", PARTITA_BATCH_SIZE_MAX="200")
    first, second = before(), meanwhile()
    with at.role("consumer", "relay"):
        await asyncio.to_thread(at.publish("before", first).result)
        publishing = at.publish("meanwhile", second)
        await until_applied(at, len(first) + ROWS // 20)
        connection = await connect(at.database_url, role="test")
        pages = await paged(at, connection)
        await asyncio.to_thread(publishing.result)
        rows, changed = (
            await everything(connection, pages[0]),
            await everything(connection, await read(connection, ReportQuery())),
        )
        await connection.close()

    shown = rows_of(pages)
    assert told(shown) == expected(rows)
    assert len({row.transaction_id for row in shown}) == len(shown) == pages[0].total_amount > ROWS
    assert {(page.total_amount, page.total_pages, page.sums["EUR"]) for page in pages} == {
        (len(rows), len(pages), posted(rows)["EUR"])
    }
    summed = sum((Decimal(row.amount or 0) for row in shown if row.posted_at), Decimal())
    assert str(summed) == pages[0].sums["EUR"]
    statuses, later = Counter(row.status for row in shown), {row["transaction_id"]: row["status"] for row in changed}
    assert set(statuses) == {"POSTED", "REVERSED", "FAILED"}
    assert sum(row.status == "POSTED" and later[row.transaction_id] == "REVERSED" for row in shown) > ROWS // 10

    assert stack.postgres is not None
    await asyncio.to_thread(stack.postgres.stop_immediately)
    await asyncio.to_thread(stack.postgres.start)
    with at.role("consumer", "relay"):
        connection = await connect(at.database_url, role="test")
        assert [await read(connection, page.token) for page in pages] == pages
        await connection.close()
        middle = pages[len(pages) // 2]
        door = await asyncio.to_thread(at.door, "report", "transactions", "--json", "--token", middle.token)
    *lines, summary = [json.loads(line) for line in door.stdout.splitlines()]
    assert [line["transaction_id"] for line in lines] == [row.transaction_id for row in middle.transactions]
    assert (summary["total_amount"], summary["sums"]) == (middle.total_amount, middle.sums)
