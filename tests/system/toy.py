"""A context as small as they come: toys, kept by name. Everything that a family needs is on this page."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from contracts.envelope import Command, Event, Refusal, Rejected, Text
from contracts.ids import BusinessId
from contracts.specs import Spec
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.decision import Applied, Decision, Refused, Stamp

TABLE = "CREATE TABLE toy (name text PRIMARY KEY, body text NOT NULL)"


class ToyRefusal(Refusal):
    TOY_EXISTS = "toy_exists", "A toy has this name; choose another."


class ToyAdd(Command, tag="toy.add", frozen=True, kw_only=True):
    """Add a toy.

    Attributes:
        name: What it is called,
            for ever.
        body: What is said of it.
    """

    name: BusinessId
    body: Text = ""

    free_texts = ("body",)


class ToyAdded(Event, tag="toy.added", frozen=True, kw_only=True):
    """The toy is there.

    Attributes:
        name: What it is called.
    """

    name: str


class ToyRejected(Rejected, tag="toy.rejected", frozen=True, kw_only=True):
    """The ``toy`` command was refused."""


class Toys(Struct):
    known: set[str]
    added: list[tuple[str, str]]
    last_changed_at: None = None

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:
        if isinstance(command, ToyAdd) and isinstance(decision, Applied):
            self.known.add(command.name)
            self.added.append((command.name, command.body))


def add(toys: Toys, command: ToyAdd, instant: datetime) -> Decision:
    if command.name in toys.known:
        return Refused(ToyRefusal.TOY_EXISTS)
    return Applied(ToyAdded(name=command.name))


class ToyStore:
    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> list[str]:
        return [command.name for command in commands if isinstance(command, ToyAdd)]

    async def load_in_tx(self, tx: Connection, keys: list[str], lane_nos: Sequence[int]) -> Toys:
        rows = await tx.fetch("SELECT name FROM toy WHERE name = ANY($1::text[])", keys)
        return Toys({row[0] for row in rows}, [])

    async def complete_in_tx(self, tx: Connection, world: Toys, keys: list[str], instant: datetime) -> None:
        pass  # no toy depends on the time

    async def save_in_tx(self, tx: Connection, world: Toys) -> None:
        await tx.executemany("INSERT INTO toy VALUES ($1, $2)", world.added)


ADD = Spec(context="toy", command=ToyAdd, key="name", applied=(ToyAdded,), rejected=ToyRejected, codes=(*ToyRefusal,))
TOY = Context(name="toy", rules={ToyAdd: add}, store=ToyStore(), specs=(ADD,), races=frozenset({"toy_pkey"}))
