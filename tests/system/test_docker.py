"""The whole road through containers: the same doors, the same proof, with both servers from Docker."""

import asyncio
import secrets
from pathlib import Path

from partita.local.stack import LocalStack
from tests.conftest import needs_docker
from tests.sample.larger import larger
from tests.system.installation import Installation
from tests.system.test_kills import judge


@needs_docker
async def test_commands_go_through_containers_and_the_books_are_right(tmp_path: Path) -> None:
    expected = larger(seed=5, accounts=50, commands=2000)
    with LocalStack(choice="docker") as containers:
        assert {service.origin for service in containers.services} == {"docker"}
        at = Installation(
            kafka=containers.kafka_bootstrap,
            database_url=containers.database_url,
            prefix=f"d{secrets.token_hex(3)}.",
            partitions=1,
            folder=tmp_path,
            settings={"PARTITA_PARTITIONS": "1"},
        )
        for door in ("migrate", "topics"):
            prepared = at.door(door)
            assert prepared.returncode == 0, prepared.stderr
        with at.role("consumer"), at.role("relay"):
            summary = await asyncio.to_thread(at.publish("all", expected.commands).result)
        await judge(at, expected, summary)
