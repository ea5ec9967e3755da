"""The audit of everything the program's contexts keep: the engine's checks, then each context's own."""

from partita.app import App
from processor.database import Connection
from processor.engine.audit import ENGINE_CHECKS, AuditReport, OnProgress, audit


async def proof(app: App, connection: Connection, *, on_progress: OnProgress | None = None) -> AuditReport:
    """Run every check of *app* on *connection*."""
    checks = [*ENGINE_CHECKS, *(check for context in app.contexts for check in context.checks)]
    return await audit(connection, checks, on_progress=on_progress)
