"""Everything that may find fault with books: the audit, and the oracle on the files of the run."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from partita.chaos.evidence import export
from partita.oracle.judge import judge
from processor.database import Connection
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.ledger.context import LEDGER


async def findings(connection: Connection, folder: Path, records: Iterable[tuple[int, int, bytes | None]]) -> list[str]:
    """Return what is wrong with the ledger's books, whose command topic holds *records*; *folder* gets the evidence."""
    report = await audit(connection, [*ENGINE_CHECKS, *LEDGER.checks])
    await export(connection, folder, records)
    return [
        *(f"audit {result.name}: {one}" for result in report.results for one in result.findings),
        *(f"oracle: {one}" for one in await asyncio.to_thread(judge, folder)),
    ]
