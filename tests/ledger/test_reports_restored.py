"""A report's token and restored books: it is good for as long as what it stands on is there."""

import msgspec
import pytest

from partita.local.stack import LocalStack
from processor.engine.epochs import adopt_in_tx
from processor.errors import Declined
from processor.ledger.reports import ReportPage
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk
from tests.ledger.reading import SEAL, bustling, first_page, opened_desk, page_of


async def adopt(desk: Desk, *, above: int = 0) -> None:
    """Do what `partita adopt` does to the books."""
    await desk.connection.execute(
        "INSERT INTO relay_position SELECT lane_no, next_seq - 1 FROM lane ON CONFLICT (lane_no)"
        " DO UPDATE SET sent = excluded.sent"
    )
    async with desk.connection.transaction():
        await adopt_in_tx(
            desk.connection,
            desk.context.catalog,
            desk.context.name,
            command_id=new_command_id(),
            above=above,
            key_of=str,
        )


def beyond(page: ReportPage, by: int, *, partition: int = 0) -> str:
    """Return the token of *page* as it would be had its cut been taken so many events later."""
    mark = SEAL.read(page.token)
    seqs = {**mark.next_seq, partition: mark.next_seq[partition] + by}
    return SEAL.write(msgspec.structs.replace(mark, next_seq=seqs))


async def gone(desk: Desk, token: str) -> bool:
    """Say whether the snapshot of *token* is gone."""
    codes = {"snapshot_gone": True}
    try:
        await page_of(desk, token)
    except Declined as declined:
        return codes[declined.code]
    return False


@pytest.mark.parametrize("partition", [0, PARTITIONS - 1])
async def test_a_cut_is_gone_where_restored_books_end_or_go_on_otherwise_below_it(
    stack: LocalStack, migrated_database: str, partition: int
) -> None:
    async with opened_desk(stack, migrated_database) as desk:
        bustle = await bustling(desk, seed=5, batches=8)
        page = await first_page(desk)
        lost = beyond(page, 1, partition=partition)
        assert not await gone(desk, page.token)
        assert await gone(desk, lost), "the books end below it"

        await adopt(desk)
        assert not await gone(desk, page.token), "it lies below the notice"
        assert await gone(desk, lost), "the notice stands where it had another event"

        await bustle.write(desk, 8)
        after = await first_page(desk)
        await adopt(desk, above=40)
        assert not await gone(desk, page.token)
        assert not await gone(desk, after.token)
        assert await gone(desk, lost)


async def test_a_cut_of_an_epoch_that_the_books_do_not_know_is_gone(stack: LocalStack, migrated_database: str) -> None:
    async with opened_desk(stack, migrated_database) as desk:
        mark = SEAL.read((await first_page(desk)).token)
        assert await gone(desk, SEAL.write(msgspec.structs.replace(mark, epoch=2)))
        seqs = {**mark.next_seq, PARTITIONS: 2}
        assert await gone(desk, SEAL.write(msgspec.structs.replace(mark, next_seq=seqs))), "a lane is not there"
