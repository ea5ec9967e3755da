"""A cut is a snapshot that stays, however much is written meanwhile."""

import asyncio
import itertools
import random
from contextlib import AsyncExitStack
from dataclasses import replace

from contracts.specs import LEDGER as NAME
from processor.database import Connection, Database
from processor.engine.cuts import Cut, take_cut
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from tests.engine.desk import PARTITIONS, Desk, fill, moving, names

BATCHES = 25  # for each partition

BELOW = """
    SELECT account_no, count(*) AS entries, max(entry_no) AS last, sum(amount_minor)::bigint AS balance, md5(string_agg(
           hash::text, '' ORDER BY entry_no)) AS digest
      FROM entry JOIN lane USING (lane_no)
      JOIN unnest($1::integer[], $2::bigint[]) AS cut (partition, next_seq) USING (partition)
     WHERE seq < cut.next_seq GROUP BY account_no ORDER BY account_no
"""


class HesitantStore(LedgerStore):
    """A store by which every third transaction is rolled back, with everything written, and run again."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = itertools.count(1)

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        await super().save_in_tx(tx, world)
        if next(self._turns) % 3 == 0:
            await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")


async def test_what_lies_below_a_cut_is_balanced_complete_and_the_same_for_ever(desk: Desk, database_url: str) -> None:
    """Four writers with shared accounts and rollbacks; a reader that takes cuts as fast as it can."""
    accounts = names(12)
    await fill(desk, accounts, "100000")
    desk.context = replace(LEDGER, store=HesitantStore())
    dice = random.Random(1)

    async def write(partition: int, database: Database) -> None:
        for _ in range(BATCHES):
            moves = [moving(*dice.sample(accounts, 2), "1") for _ in range(dice.randrange(1, 6))]  # type: ignore[call-arg]
            await desk.run([desk.part(*moves, partition=partition)], database=database)

    async with AsyncExitStack() as sessions:
        databases = [
            await sessions.enter_async_context(Database(database_url, role=f"writer {each}"))
            for each in range(PARTITIONS)
        ]
        writing = asyncio.gather(*(write(each, database) for each, database in enumerate(databases)))
        seen = []
        while not writing.done():
            cut = await take_cut(desk.connection, NAME)
            seen.append((cut, await below(desk.connection, cut)))
            await asyncio.sleep(0)
        await writing

    assert len({tuple(cut.next_seq.values()) for cut, _ in seen}) > 10
    for cut, then in seen:
        assert sum(row[3] for row in then) == 0
        assert all(row[1] == row[2] for row in then)  # no account lacks an entry before its last
        assert await below(desk.connection, cut) == then


async def test_a_lane_that_a_cut_does_not_know_lies_above_it() -> None:
    cut = Cut(context=NAME, epoch=1, next_seq={0: 5})
    assert cut.holds(partition=0, seq=4)
    assert not cut.holds(partition=0, seq=5)
    assert not cut.holds(partition=1, seq=1)


async def below(connection: Connection, cut: Cut) -> list[tuple[int, ...]]:
    rows = await connection.fetch(BELOW, list(cut.next_seq), list(cut.next_seq.values()))
    return [tuple(row) for row in rows]
