"""Installations, made to measure: so many partitions, with these settings, at *kafka* instead of the run's.

Cost      Topics take most of it, 20 ms of the broker each: there are those of the context, and of all only where a door
          is opened that looks at all.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from contracts.catalog import Topics
from contracts.specs import CATALOG, LEDGER
from partita.local.stack import LocalStack
from tests.conftest import create_topics_at, fresh_database
from tests.system.installation import Installation

EVERY: Final = tuple(dict.fromkeys(spec.context for spec in CATALOG))

Install = Callable[..., Awaitable[Installation]]


@pytest.fixture
async def install(stack: LocalStack, migrated_database: str, tmp_path: Path) -> AsyncIterator[Install]:
    async with AsyncExitStack() as ends:

        async def make(
            *, partitions: int, kafka: str = "", context: str = LEDGER, every_topic: bool = False, **settings: str
        ) -> Installation:
            bootstrap, prefix = kafka or stack.kafka_bootstrap, f"s{secrets.token_hex(3)}."
            await create_topics_at(bootstrap, Topics(prefix=prefix), EVERY if every_topic else [context], partitions)
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
