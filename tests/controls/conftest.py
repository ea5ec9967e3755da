"""Every run of a control has a database of its own: some of them are spoilt on purpose."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contracts.catalog import Topics
from contracts.specs import LEDGER
from partita.local.stack import LocalStack
from processor.database import connect
from tests.conftest import create_topics_at, fresh_database
from tests.consumers.consuming import Ground
from tests.controls.reading import Reading, note_what_is_handed_out
from tests.controls.trial import Trial
from tests.engine.desk import Desk
from tests.producers.conftest import books

__all__ = ["books"]


@pytest.fixture
async def trial(stack: LocalStack, migrated_database: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        desk = await Desk.open(connection, url)
        with capture_logs() as lines:
            yield Trial(url=url, folder=tmp_path, desk=desk, lines=lines)
        await desk.database.close()
        await connection.close()


@pytest.fixture
async def ground(stack: LocalStack, migrated_database: str) -> AsyncIterator[Ground]:
    """One partition: a fetch that is not answered for want of records would hold up what a seek asks for."""
    topics = Topics(prefix=f"c{secrets.token_hex(3)}.")
    await create_topics_at(stack.kafka_bootstrap, topics, [LEDGER], 1)
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        yield Ground(kafka=stack.kafka_bootstrap, database_url=url, topics=topics, connection=connection)
        await connection.close()


@pytest.fixture
def reading(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    with capture_logs() as lines:
        run = Reading(ground=ground, folder=tmp_path, lines=lines)
        note_what_is_handed_out(monkeypatch, run.handed_out)
        yield run
