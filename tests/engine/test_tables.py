"""The rules' tables again, through the engine on PostgreSQL, with those that speak of repeats and reused ids."""

from typing import Any

import msgspec
import pytest

from contracts.envelope import Command, as_replayed
from processor.engine.events import Kind
from processor.ledger.values import Status
from tests.engine.desk import Desk
from tests.tables import Holding, Run, Table, tables


class EngineBank:
    """A bank that decides by the engine."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def decide(self, command: Command) -> tuple[str, dict[str, Any]]:
        told = await self._desk.one(command)
        return told.type, await self._answer(told.id) if told.kind == Kind.REPEAT else told.body

    async def _answer(self, event_id: bytes) -> dict[str, Any]:
        payload: bytes = await self._desk.connection.fetchval(
            "SELECT payload FROM event WHERE id = $1 AND kind = 1", event_id
        )
        body: dict[str, Any] = msgspec.json.decode(as_replayed(payload))
        return body

    async def holding(self, account_id: str) -> Holding | None:
        row = await self._desk.connection.fetchrow(
            "SELECT * FROM account WHERE account_id = $1 AND lane_no = 0", account_id
        )
        if row is None:
            return None
        return Holding(
            currency=row["currency"],
            status=Status(row["status"]).name,
            ledger_minor=row["ledger_minor"],
            available_minor=row["available_minor"],
            overdraft_limit_minor=row["overdraft_limit_minor"],
        )


@pytest.mark.parametrize(
    "table", [table for table in tables() if table.judged_by != "rules"], ids=lambda table: table.name
)
async def test_every_attempt_gets_the_answer_that_its_table_expects(table: Table, desk: Desk) -> None:
    await Run(table=table, bank=EngineBank(desk)).all()
