"""Workers of imports that are killed or frozen: the import ends as it would have, and no line is twice or nowhere."""

import gzip
import os
import random
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from contracts.specs import ACTIVITY
from partita.local.stack import LocalStack
from tests.activity import by_hand
from tests.activity.days import day
from tests.activity.importing import Imports, counts, imports_at
from tests.conftest import fresh_database
from tests.system.installation import Installation
from tests.system.sending import until

SEED: Final = "imports"
FILES: Final = 8
LIFE_S: Final = 0.06  # behind the instant at which an import was taken
FAULTS: Final = ("chunk_merged:1", "chunk_committed:1", "chunk_merged:2", "chunk_committed:2")
RUN_OUT: Final = "UPDATE job SET leased_until = '-infinity' WHERE state = 2"
TAKEN: Final = "SELECT attempt >= $1 OR state > 2 FROM job"


def written() -> dict[str, bytes]:
    """Return days of which some are in several files, each with an end of its own."""
    days = [day(f"kills {number // 2}", lines=300, number=number) for number in range(FILES)]
    return {f"day_{n}.csv": file for n, file in enumerate(days[::2])} | {
        f"day_{n}.csv.gz": gzip.compress(file) for n, file in enumerate(days[1::2])
    }


def told(files: Mapping[str, bytes]) -> by_hand.ByHand:
    texts = (gzip.decompress(file) if name.endswith(".gz") else file for name, file in files.items())
    return by_hand.read([text.decode() for text in texts], "lenient")


@asynccontextmanager
async def installed(stack: LocalStack, template: str, folder: Path) -> AsyncIterator[tuple[Installation, Imports]]:
    """Hand out an installation whose role is run for one import at a time, and what asks it for imports."""
    settings = {"OBJECTS_URL": str(folder), "IMPORT_WATCH": "", "JOB_ATTEMPTS_MAX": "1000"}
    async with fresh_database(stack, template) as url, imports_at(url, folder) as imports:
        at = Installation(
            kafka=stack.kafka_bootstrap,
            database_url=url,
            prefix=f"i{secrets.token_hex(3)}.",
            partitions=1,
            folder=folder,
            context=ACTIVITY,
            settings={f"PARTITA_{name}": value for name, value in settings.items()},
        )
        yield at, imports


async def run_out(imports: Imports) -> None:
    """Let the lease of whoever is dead or frozen have run out, as it does after some seconds."""
    await imports.connection.execute(RUN_OUT)


async def test_an_import_whose_workers_are_killed_at_any_instant_ends_as_if_nobody_had_died(
    stack: LocalStack, migrated_database: str, tmp_path: Path
) -> None:
    draw, files = random.Random(SEED), written()
    async with installed(stack, migrated_database, tmp_path) as (at, imports):
        import_id = await imports.ask(imports.put(files))
        for attempt, fault in enumerate([*FAULTS[:2], None, *FAULTS[2:], None, None], start=1):
            with at.role("imports", PARTITA_FAULT=fault or "") as doomed:
                if fault is None:
                    await until(at, TAKEN, attempt)
                    with suppress(subprocess.TimeoutExpired):  # any instant will do
                        doomed._process.wait(draw.uniform(0, LIFE_S))
                    os.kill(doomed.pid, signal.SIGKILL)
                doomed.died()
            await run_out(imports)
        with at.role("imports"):
            said = await imports.ended(import_id)
        assert counts(said) == told(files).counts
        assert {row[0]: row for row in await imports.rows()} == told(files).rows
        await imports.require_right_books()


async def test_a_worker_that_was_frozen_past_its_lease_changes_nothing_any_more(
    stack: LocalStack, migrated_database: str, tmp_path: Path
) -> None:
    files = written()
    async with installed(stack, migrated_database, tmp_path) as (at, imports):
        import_id = await imports.ask(imports.put(files))
        with at.role("imports", PARTITA_FAULT="chunk_committed:2:stop") as frozen:
            frozen.says("PARTITA_FAULT reached")
            await run_out(imports)
            with at.role("imports"):
                said = await imports.ended(import_id)
            before = await imports.rows()
            os.kill(frozen.pid, signal.SIGCONT)
            frozen.says("a job is lost")
        assert await imports.rows() == before
        assert counts(said) == told(files).counts
        await imports.require_right_books()
