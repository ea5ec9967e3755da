"""A relay in a process of its own, so that it can die: DATABASE_URL KAFKA TOPIC_PREFIX CONTEXT."""

import asyncio
import sys

from contracts.catalog import Topics
from processor.database import Database
from producers.relay import Relay


async def main(database_url: str, kafka: str, prefix: str, context: str) -> None:
    database = Database(database_url, role="relay")
    relay = Relay(database=database, bootstrap=kafka, topics=Topics(prefix=prefix), context=context)
    await relay.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
