"""Brings a database to the schema of this version: forward only, in order, each migration once.

Invariant A migration that has been applied is never edited: its text's hash is stored and compared. Two processes that
          migrate at once wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

import asyncpg

from processor.database import Connection, named_queries
from processor.errors import NotPrepared

_SQL = named_queries("processor", "migrate.sql")


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One numbered step: ``0001_books.sql`` has number 1 and name ``books``."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        """Identify the text."""
        return sha256(self.text.encode()).hexdigest()


def migrations(package: str = "processor.migrations") -> list[Migration]:
    """Return this version's migrations in order."""
    files = sorted(file.name for file in resources.files(package).iterdir() if file.name.endswith(".sql"))
    steps = [
        Migration(
            number=int(name[:4]), name=name[5:-4], text=resources.files(package).joinpath(name).read_text("utf-8")
        )
        for name in files
    ]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1)), "migrations are numbered 1, 2, 3 ..."
    return steps


async def migrate(connection: Connection) -> list[Migration]:
    """Apply what is missing, each step in a transaction of its own, and return it."""
    await connection.execute(_SQL["wait_for_others"])
    try:
        await connection.execute(_SQL["create_record"])
        missing = _missing(await connection.fetch(_SQL["applied"]))
        for step in missing:
            async with connection.transaction():
                await connection.execute(step.text)
                await connection.execute(_SQL["record"], step.number, step.name, step.digest)
        return missing
    finally:
        await connection.execute(_SQL["let_others"])


async def require_current(connection: Connection) -> None:
    """Make sure that the schema is this version's.

    Raises:
        NotPrepared: It is older, newer, or not there at all.
    """
    if await connection.fetchval(_SQL["has_record"]) is None:
        raise NotPrepared("The database holds no books yet; run `partita migrate`.")
    missing = _missing(await connection.fetch(_SQL["applied"]))
    if missing:
        raise NotPrepared(f"The database is old: it lacks migration {missing[0].name}; run `partita migrate`.")


def _missing(applied: Sequence[asyncpg.Record]) -> list[Migration]:
    steps = migrations()
    if len(applied) > len(steps):
        raise NotPrepared("The database is newer than this program; run the version that migrated it.")
    for row, step in zip(applied, steps, strict=False):
        if row["digest"] != step.digest:
            raise NotPrepared(
                f"Migration {step.name} was applied with another text; this is another version's database."
            )
    return steps[len(applied) :]
