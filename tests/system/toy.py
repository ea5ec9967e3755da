"""A context as small as they come: notes, kept by name. Everything that a family needs is on this page."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from contracts.catalog import Spec
from contracts.envelope import Command, Event, Refusal, Rejected, Text
from contracts.ids import BusinessId
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.decision import Applied, Decision, Refused, Stamp

TABLE = "CREATE TABLE note (name text PRIMARY KEY, body text NOT NULL)"


class NoteRefusal(Refusal):
    NOTE_EXISTS = "note_exists", "A note has this name; choose another."


class NoteAdd(Command, tag="note.add", frozen=True, kw_only=True):
    name: BusinessId
    body: Text


class NoteAdded(Event, tag="note.added", frozen=True, kw_only=True):
    name: str


class NoteRejected(Rejected, tag="note.rejected", frozen=True, kw_only=True):
    pass


class Notes(Struct):
    known: set[str]
    added: list[tuple[str, str]]
    last_changed_at: None = None

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:
        if isinstance(command, NoteAdd) and isinstance(decision, Applied):
            self.known.add(command.name)
            self.added.append((command.name, command.body))


def add(notes: Notes, command: NoteAdd, instant: datetime) -> Decision:
    if command.name in notes.known:
        return Refused(NoteRefusal.NOTE_EXISTS)
    return Applied(NoteAdded(name=command.name))


class NoteStore:
    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> list[str]:
        return [command.name for command in commands if isinstance(command, NoteAdd)]

    async def load_in_tx(self, tx: Connection, keys: list[str], lane_nos: Sequence[int]) -> Notes:
        rows = await tx.fetch("SELECT name FROM note WHERE name = ANY($1::text[])", keys)
        return Notes({row[0] for row in rows}, [])

    async def save_in_tx(self, tx: Connection, world: Notes) -> None:
        await tx.executemany("INSERT INTO note VALUES ($1, $2)", world.added)


ADD = Spec(context="toy", command=NoteAdd, key="name", applied=NoteAdded, rejected=NoteRejected, codes=(*NoteRefusal,))
TOY = Context(name="toy", rules={NoteAdd: add}, store=NoteStore(), specs=(ADD,), races=frozenset({"note_pkey"}))
