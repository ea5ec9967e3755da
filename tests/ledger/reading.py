"""Books that reports are read from, and the report that a reader of everything would write."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.envelope import Command
from contracts.holds import HoldPlace
from contracts.ids import uuid_text
from contracts.transfers import TransferBatch, TransferLeg, TransferMake, TransferReverse
from partita.local.stack import LocalStack
from processor.database import Connection, connect
from processor.ledger.report_rows import ReportRow
from processor.ledger.reports import ReportPage, ReportQuery, report_seal, transactions_report
from producers.command_ids import new_command_id
from tests.conftest import fresh_database
from tests.engine.asking import capture, place, release, reverse, spend
from tests.engine.desk import PARTITIONS, Desk, fill, moving, names, paying_in

SEAL = report_seal(b"secret")
HOURS = 12  # how long the books were written, a batch every minute or so

# Everything, told without any of the product's reads: rows of transactions and of holds as their versions below a cut
# leave them, the latest first. $1 integer[] partitions, $2 bigint[] where each stood, $3 instant
EVERYTHING = """
WITH cut AS (SELECT lane_no, partition, stood.next_seq
               FROM lane JOIN unnest($1::integer[], $2::bigint[]) AS stood (partition, next_seq) USING (partition)),
     touched AS MATERIALIZED (SELECT entry.lane_no, seq, array_agg(account_id) AS accounts
                                FROM entry JOIN account USING (account_no) WHERE account.lane_no = 0 GROUP BY 1, 2),
     version AS MATERIALIZED (SELECT v.*, row_number() OVER (PARTITION BY account_no, hold_id
                                     ORDER BY changed_at DESC, partition DESC, seq DESC) AS age
                                FROM hold_version AS v JOIN cut USING (lane_no) WHERE seq < next_seq)
SELECT command_id, posted_at AS decided_at, partition, t.seq, amount_minor, t.currency, refusal AS reason,
       CASE WHEN refusal IS NOT NULL THEN 'FAILED'
            WHEN EXISTS (SELECT FROM reversal AS r JOIN cut AS c ON c.lane_no = r.lane_no AND r.seq < c.next_seq
                          WHERE original_lane_no = t.lane_no AND original_seq = t.seq) THEN 'REVERSED'
            ELSE 'POSTED' END AS status,
       array_remove(touched.accounts || source.account_id || destination.account_id, NULL) AS accounts
  FROM transaction AS t JOIN cut USING (lane_no) JOIN event USING (lane_no, seq) LEFT JOIN touched USING (lane_no, seq)
  LEFT JOIN account AS source ON source.account_no = source_no AND source.lane_no = 0
  LEFT JOIN account AS destination ON destination.account_no = destination_no AND destination.lane_no = 0
 WHERE t.seq < next_seq
UNION ALL
SELECT command_id, placed_at, cut.partition, hold.seq,
       v.amount_minor - v.captured_minor - v.released_minor - v.expired_minor, currency,
       (ARRAY['PENDING_ACH', 'DEBIT_CARD_AUTH', 'LEGAL'])[reason], 'PENDING', ARRAY[account_id]
  FROM hold JOIN version AS v USING (account_no, hold_id) JOIN cut ON cut.lane_no = hold.lane_no
  JOIN account USING (account_no) JOIN event ON event.lane_no = hold.lane_no AND event.seq = hold.seq
 WHERE v.age = 1 AND v.status = 1 AND (v.expires_at IS NULL OR v.expires_at > $3)
 ORDER BY 2 DESC, 3 DESC, 4 DESC
"""


@asynccontextmanager
async def desk_at(url: str) -> AsyncIterator[Desk]:
    """Open a desk on the database at *url*."""
    connection = await connect(url, role="test")
    desk = await Desk.open(connection, url)
    try:
        yield desk
    finally:
        await desk.database.close()
        await connection.close()


@asynccontextmanager
async def opened_desk(stack: LocalStack, template: str) -> AsyncIterator[Desk]:
    """Open a desk on a database of its own."""
    async with fresh_database(stack, template) as url, desk_at(url) as desk:
        yield desk


async def later(desk: Desk, by: timedelta) -> None:
    """Move the books' clock on."""
    await desk.connection.execute("UPDATE clock SET ahead = ahead + $1", by)


class Bustle:
    """Customers who pay, hold, take back and are refused, over all partitions, as one seed decides."""

    def __init__(self, seed: int, accounts: Sequence[str]) -> None:
        self._dice = random.Random(seed)
        self.accounts = accounts
        self._moves: list[TransferMake] = []
        self._holds: list[tuple[str, str]] = []

    async def write(self, desk: Desk, batches: int) -> None:
        """Write so many batches, each over one or more partitions, some minutes apart."""
        for _ in range(batches):
            partitions = self._dice.sample(range(PARTITIONS), self._dice.randrange(1, PARTITIONS + 1))
            await desk.run([desk.part(*self._commands(), partition=each) for each in partitions])
            await later(desk, timedelta(minutes=self._dice.randrange(3)))

    def _commands(self) -> list[Command]:
        return [self._next() for _ in range(self._dice.randrange(1, 12))]

    def _next(self) -> Command:
        dice = self._dice
        one, two = dice.sample(self.accounts, 2)
        ways: dict[str, Callable[[], Command]] = {
            "refused": lambda: dice.choice((spend(one, "100000"), moving(one, "nobody", "1"))),
            "held": lambda: self._hold(one),
            "ended": lambda: dice.choice((capture, release))(dice.choice(self._holds)),
            "reversed": lambda: self._reverse(dice.choice(self._moves)),
            "batch": lambda: self._batch(one, two),
            "paid in": lambda: paying_in(one, "20"),
            "moved": lambda: self._move(one, two),
        }
        way = dice.choices(list(ways), (2, 1, 1 if self._holds else 0, 1 if self._moves else 0, 1, 1, 3))[0]
        return ways[way]()

    def _move(self, one: str, two: str) -> TransferMake:
        self._moves.append(moving(one, two, "2"))
        return self._moves[-1]

    def _reverse(self, made: TransferMake) -> TransferReverse:
        return reverse(made.source_account_id, made)

    def _hold(self, account_id: str) -> HoldPlace:
        self._holds.append((account_id, f"h{len(self._holds)}"))
        expiry = datetime.now(UTC) + timedelta(hours=self._dice.randrange(1, HOURS))
        return place(self._holds[-1], "3", **({"expires_at": expiry} if self._dice.random() < 0.5 else {}))

    def _batch(self, one: str, two: str) -> TransferBatch:
        third = self._dice.choice([each for each in self.accounts if each not in (one, two)])
        legs = [
            TransferLeg(source_account_id=one, destination_account_id=other, amount="1") for other in (two, third, two)
        ]
        return TransferBatch(command_id=new_command_id(), source_account_id=one, legs=legs)


async def bustling(desk: Desk, *, seed: int, batches: int) -> Bustle:
    """Open accounts and have them bustle."""
    bustle = Bustle(seed, names(5))
    await fill(desk, bustle.accounts, "60")
    await bustle.write(desk, batches)
    return bustle


async def first_page(desk: Desk, **query: Any) -> ReportPage:
    return await transactions_report(desk.connection, ReportQuery(**query), seal=SEAL)


async def page_of(desk: Desk, token: str) -> ReportPage:
    return await transactions_report(desk.connection, token, seal=SEAL)


async def pages_from(desk: Desk, page: ReportPage) -> list[ReportPage]:
    """Return *page* and all after it."""
    pages = [page]
    while (token := pages[-1].next_token) is not None:
        pages.append(await page_of(desk, token))
    return pages


def rows_of(pages: Sequence[ReportPage]) -> list[ReportRow]:
    return [row for page in pages for row in page.transactions]


async def everything(connection: Connection, page: ReportPage) -> list[Mapping[str, Any]]:
    """Return all rows of the cut that *page* belongs to, whatever it filters."""
    mark = SEAL.read(page.token)
    rows = await connection.fetch(EVERYTHING, list(mark.next_seq), list(mark.next_seq.values()), mark.instant)
    return [{**dict(row), "transaction_id": uuid_text(row["command_id"])} for row in rows]


def told(rows: Sequence[ReportRow]) -> list[tuple[str, str, str | None]]:
    return [(row.transaction_id, row.status, row.reason) for row in rows]


def expected(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(row["transaction_id"], row["status"], row["reason"]) for row in rows]


def posted(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what was posted in euros, as a report sums it up."""
    sums: Counter[str] = Counter()
    for row in rows:
        if row["status"] in ("POSTED", "REVERSED"):
            sums[row["currency"]] += row["amount_minor"]
    return {currency: f"{minor // 100}.{minor % 100:02}" for currency, minor in sums.items()}
