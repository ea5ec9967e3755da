"""Dead letters as an operator sees them: found by the place of their records, listed, shown in full.

Promise   A dead letter is named by where its record lay, ``ledger/3/1234``: context, partition and offset, as its own
          headers say. A list never holds a value.
Cost      A list reads the dead letters of its contexts once, without their values.
Bound     ``LISTED_MAX`` lines, or one page of whole letters in memory.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from partita.app import App
from processor.database import Connection, named_queries
from processor.engine.dead_letters import unpacked_headers
from processor.errors import PartitaError

LISTED_MAX: Final = 100_000
PAGE: Final = 50

_SQL: Final = named_queries("partita.dead_letters", "dead_letters.sql")


class NoSuchLetter(PartitaError):
    """What was named is no dead letter."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a record lay: partition and offset of a context's command topic."""

    context: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.context}/{self.partition}/{self.offset}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what ``str`` writes.

        Raises:
            NoSuchLetter: It names no place.
        """
        context, *numbers = text.split("/")
        if len(numbers) != 2 or not all(number.isascii() and number.isdigit() for number in numbers):  # noqa: PLR2004
            raise NoSuchLetter(f"{text!r} names no dead letter; write CONTEXT/PARTITION/OFFSET, such as ledger/3/1234.")
        return cls(context=context, partition=int(numbers[0]), offset=int(numbers[1]))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A dead letter in a list; *bytes* is the size of its value, None for none."""

    place: Place
    occurred_at: datetime
    code: str
    path: str
    command_type: str
    command_id: str | None
    masked: bool
    parked: bool
    bytes: int | None
    replays: int


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A dead letter in full; ``lane_no`` and ``seq`` are its event's."""

    place: Place
    occurred_at: datetime
    lane_no: int
    seq: int
    code: str
    reason: str
    path: str
    command_type: str
    command_id: str | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp_ms: int | None
    timestamp_type: int | None
    masked: bool
    parked: bool


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A replay as it was recorded; *partition* and *offset* are None where nobody has seen it arrive."""

    recorded_at: datetime
    database_user: str
    os_user: str
    mended: bool
    topic: str
    key_sha256: str | None
    value_sha256: str
    partition: int | None
    offset: int | None


async def listed(
    app: App, connection: Connection, *, code: str | None = None, since: datetime | None = None, limit: int = LISTED_MAX
) -> list[Line]:
    """Return the newest dead letters of *app*'s contexts, with *code* and from *since* on where these are given."""
    rows = await connection.fetch(_SQL["listed"], _names(app), code, since, limit)
    return [Line(**_placed(row)) for row in rows]


async def letter_at(connection: Connection, place: Place) -> Letter:
    """Return the dead letter whose record lay at *place*.

    Raises:
        NoSuchLetter: There is none.
    """
    row = await connection.fetchrow(_SQL["found"], place.context, place.partition, place.offset)
    if row is None:
        raise NoSuchLetter(f"There is no dead letter {place}; `partita dead-letters list` names them.")
    return _letter(row)


async def not_replayed(app: App, connection: Connection, *, code: str | None = None) -> AsyncIterator[list[Letter]]:
    """Yield, in pages, every dead letter there is now whose replay nobody has seen arrive, in the order of its lane."""
    now = await connection.fetchval(_SQL["now"])
    last = (0, 0)
    while rows := await connection.fetch(_SQL["not_replayed"], _names(app), code, *last, now, PAGE):
        letters = [_letter(row) for row in rows]
        yield letters
        last = (letters[-1].lane_no, letters[-1].seq)


async def replays_of(connection: Connection, letter: Letter) -> list[Replay]:
    """Return every replay of *letter*, the first one first."""
    return [Replay(**row) for row in await connection.fetch(_SQL["replays"], letter.lane_no, letter.seq)]


def _letter(row: Any) -> Letter:
    fields = _placed(row)
    return Letter(**fields | {"headers": unpacked_headers(fields["headers"])})


def _placed(row: Any) -> dict[str, Any]:
    fields = dict(row)
    names = ("context", "partition", "offset")
    place = Place(**{name: fields.pop(name) for name in names})
    return fields | {"place": place}


def _names(app: App) -> list[str]:
    return [context.name for context in app.contexts]
