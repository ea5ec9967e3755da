"""Who decides: the model, the product's rules on a register in memory, and the engine on PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, Protocol

import msgspec

from contracts.catalog import Catalog
from contracts.envelope import Command, Event
from contracts.specs import CATALOG
from contracts.specs import REVENUE as NAME
from processor.database import Database, connect
from processor.engine import lanes
from processor.engine.decision import Applied, Stamp
from processor.engine.events import Kind
from processor.engine.families import rules_in
from processor.moments import microseconds
from processor.revenue import rules
from processor.revenue.context import REVENUE
from processor.revenue.register import Register
from processor.revenue.store import RevenueStore
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk
from tests.revenue.model import Model

Json = dict[str, Any]
Decided = tuple[Json, datetime, Json]  # what was said, when it was decided, and the answer
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
LANES: Final = 2  # as many partitions are written to
SPECS: Final = [spec for spec in CATALOG if spec.context == NAME]
_REJECTED: Final = {spec.command: spec.rejected for spec in SPECS}
_FRAME: Final = ("command_id", "command_type", "correlation_id", "metadata", "occurred_at", "reason")
_CATALOG: Final = Catalog()


class Keeper(Protocol):
    """Whoever decides."""

    async def decide(self, said: Sequence[Json]) -> Sequence[Decided]:
        """Decide commands as one batch; they come back in the order of their decision."""


def saying(kind: str, **fields: Any) -> Json:
    """Return a command as it is sent."""
    return {"command_id": new_command_id(), "type": f"revenue.{kind}", **fields}


def command_of(said: Json) -> Command:
    """Return what the product makes of a command."""
    command = _CATALOG.understand(NAME, json.dumps(said).encode())
    assert isinstance(command, Command), command
    return command


class ModelKeeper:
    """The model, one instant after another."""

    def __init__(self) -> None:
        self.model = Model()
        self.instant = START

    async def decide(self, said: Sequence[Json]) -> Sequence[Decided]:
        return [(each, self.instant, self.model.answer(each, self.instant)) for each in said]


class RulesKeeper:
    """The rules on a register that holds everything; what a batch loads is for the engine to find out."""

    def __init__(self) -> None:
        self.register = Register(numbers=count(1))
        self.instant = START  # of the next decision
        self._seq = 0
        self._rules = rules_in(rules)

    async def decide(self, said: Sequence[Json]) -> Sequence[Decided]:
        return [self._decided(each) for each in said]

    def _decided(self, said: Json) -> Decided:
        command = command_of(said)
        self._seq += 1
        instant, self.instant = self.instant, self.instant + TICK
        before = self._state()
        decision = self._rules[type(command)](self.register, command, instant)
        assert self._state() == before, "a rule changes nothing"
        self.register.apply(command, decision, Stamp(1, self._seq, instant, microseconds(instant), self._seq))
        if isinstance(decision, Applied):
            for table, rows in self.register.kept.items():
                assert RevenueStore.tables[table].pack(*rows[-1]), f"{table}: {rows[-1]}"
            return said, instant, _body(decision.event)
        assert self._state() == before, "a refusal changes nothing"
        return said, instant, _body(_REJECTED[type(command)].of(command, decision.refusal, decision.details))

    def _state(self) -> tuple[object, ...]:
        kept = {table: len(rows) for table, rows in self.register.kept.items()}
        shelves = self.register.shelves.items()
        rows = {(table, key): id(row.value) for table, shelf in shelves for key, row in shelf.items()}
        return kept, self.register.fresh_no, rows


class EngineKeeper:
    """The engine. An account moves between two partitions, so that its versions bear the stamps of both."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._batches = 0

    async def decide(self, said: Sequence[Json]) -> Sequence[Decided]:
        parts: dict[int, list[Json]] = {}
        self._batches += 1
        for each in said:
            parts.setdefault((sum(each["account_id"].encode()) + self._batches) % LANES, []).append(each)
        before = {lane: await self.desk.last_seq(lane) for lane in parts}
        await self.desk.run(
            [self.desk.part(*map(command_of, own), partition=lane) for lane, own in sorted(parts.items())]
        )
        decided: list[Decided] = []
        for lane, own in sorted(parts.items()):
            told = await self.desk.told(lane, above=before[lane])
            for each, answer in zip(own, told, strict=True):
                body = answer.body
                if answer.kind == Kind.REPEAT:
                    payload = await self.desk.connection.fetchval(
                        "SELECT payload FROM event WHERE id = $1 AND kind = 1", answer.id
                    )
                    body = msgspec.json.decode(payload) | {"replayed": True}
                decided.append((each, answer.occurred_at, _bare(body)))
        return decided


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[EngineKeeper]:
    """Open a keeper on the database at *url*, which belongs to it alone."""
    connection = await connect(url, role="test")
    desk = Desk(connection=connection, database=Database(url, role="desk"), context=REVENUE)
    desk.offsets = await lanes.take_up(connection, NAME, dict.fromkeys(range(PARTITIONS), 0))
    try:
        yield EngineKeeper(desk)
    finally:
        await desk.database.close()
        await connection.close()


def run(work: Any) -> Any:
    """Run *work* to its end, for what a module makes once."""
    return asyncio.run(work)


def _body(event: Event) -> Json:
    return _bare(msgspec.json.decode(msgspec.json.encode(event)))


def _bare(body: Json) -> Json:
    """Return *body* without its frame; only a repeat says that it is one."""
    bare = {name: value for name, value in body.items() if name not in _FRAME}
    if not bare.pop("replayed", False):
        return bare
    return bare | {"replayed": True}
