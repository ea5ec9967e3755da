"""A new context is its own page and a line: engine, loop and relay carry it as they stand."""

import asyncio
import secrets

from consumers.results import ResultSubscriber
from contracts.catalog import Topics
from partita.app import App
from partita.local.stack import LocalStack
from partita.roles import run_roles
from partita.settings import Settings
from processor.database import connect
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher
from tests.conftest import create_topics_at, fresh_database
from tests.system.toy import TABLE, TOY, ToyAdd


async def test_a_toy_context_runs_through_kafka_the_engine_and_the_relay(
    stack: LocalStack, migrated_database: str
) -> None:
    topics, stop = Topics(prefix=f"y{secrets.token_hex(3)}."), asyncio.Event()
    await create_topics_at(stack.kafka_bootstrap, topics, ["toy"], 2)
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        await connection.execute(TABLE)
        settings = Settings.model_validate(
            {"kafka_bootstrap": stack.kafka_bootstrap, "database_url": url, "topic_prefix": topics.prefix}
        )
        app = App(settings=settings, contexts=(TOY,))
        running = asyncio.create_task(run_roles(app, ["consumer", "relay"], stop))
        try:
            told = await asyncio.wait_for(exchange(app), 60)
        finally:
            stop.set()
            await running
        rows = await connection.fetch("SELECT name, body FROM toy ORDER BY name")
        await connection.close()

    assert told == {"toy.added": 3, "toy_exists": 2, "replayed": 1}
    assert [tuple(row) for row in rows] == [("a", "1"), ("b", "2"), ("c", "3")]


async def exchange(app: App) -> dict[str, int]:
    """Send toys, some of them twice, and count what comes back."""
    toys = [ToyAdd(command_id=new_command_id(), name=name, body=body) for name, body in TOYS]
    told: dict[str, int] = {}
    async with (
        ResultSubscriber(app.settings.kafka_bootstrap, contexts=["toy"], topics=app.topics, repeats=True) as results,
        CommandPublisher(app.settings.kafka_bootstrap, catalog=app.catalog, topics=app.topics) as publisher,
    ):
        for toy in [*toys, toys[0]]:
            await publisher.publish(toy)
        while sum(told.values()) < len(toys) + 1:
            for received in await results.poll(1.0):
                result = received.fields
                name = "replayed" if result["replayed"] else result.get("code", result["type"])
                told[name] = told.get(name, 0) + 1
    return told


TOYS = [("a", "1"), ("b", "2"), ("a", "x"), ("c", "3"), ("a", "y")]
