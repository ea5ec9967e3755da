"""Installations, made to measure: so many partitions, with these settings, at *kafka* instead of the run's."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from contracts.catalog import Topics
from contracts.specs import EXPENSES, LEDGER
from partita.local.stack import LocalStack
from tests.conftest import create_topics_at, fresh_database
from tests.system.installation import Installation

Install = Callable[..., Awaitable[Installation]]


@pytest.fixture
async def install(stack: LocalStack, migrated_database: str, tmp_path: Path) -> AsyncIterator[Install]:
    async with AsyncExitStack() as ends:

        async def make(*, partitions: int, kafka: str = "", context: str = LEDGER, **settings: str) -> Installation:
            bootstrap, prefix = kafka or stack.kafka_bootstrap, f"s{secrets.token_hex(3)}."
            await create_topics_at(bootstrap, Topics(prefix=prefix), [LEDGER, EXPENSES], partitions)
            url = await ends.enter_async_context(fresh_database(stack, migrated_database))
            return Installation(
                kafka=bootstrap,
                database_url=url,
                prefix=prefix,
                partitions=partitions,
                folder=tmp_path,
                context=context,
                settings=settings,
            )

        yield make
