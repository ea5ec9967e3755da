"""Every message of every context as documents see it: its model, its direction, and the rows of the table it stands in.

Promise   A family that is in the catalog is in the documents.
Invariant Messages come in the order of the table: commands first, then results, and last what no command asks for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct

from contracts.catalog import Topics
from contracts.envelope import Command, type_of
from contracts.invalid import CommandInvalid
from contracts.notices import BooksRestored
from contracts.specs import CATALOG, Spec

Direction = Literal["command", "result"]
FIRST_VERSION: Final = 1
ANY_CONTEXT: Final = (CommandInvalid, BooksRestored)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A type of message in a context.

    ``specs`` are the row of a command, or those of the commands a result answers; ``causes`` are those of the commands
    that it may come with besides their answer, ``beginnings`` those of the commands whose work it may end.
    """

    context: str
    model: type[Struct]
    specs: tuple[Spec, ...] = ()
    causes: tuple[Spec, ...] = ()
    beginnings: tuple[Spec, ...] = ()

    @property
    def type(self) -> str:
        """Its name on the wire."""
        return type_of(self.model)

    @property
    def family(self) -> str:
        """The first word of its type."""
        return self.type.partition(".")[0]

    @property
    def direction(self) -> Direction:
        """Which way it goes."""
        return "command" if issubclass(self.model, Command) else "result"

    @property
    def version(self) -> int:
        """The version of its schema: the model's ``schema_version``, which is raised with a change that breaks."""
        return int(getattr(self.model, "schema_version", FIRST_VERSION))

    @property
    def topic(self) -> str:
        """The topic it travels on."""
        names = Topics()
        return names.commands(self.context) if self.direction == "command" else names.results(self.context)


def contexts_of(specs: Iterable[Spec]) -> tuple[str, ...]:
    """Return the contexts of *specs*, in the order of the table."""
    return tuple(dict.fromkeys(spec.context for spec in specs))


def messages_of(context: str, specs: Sequence[Spec] = CATALOG) -> list[Message]:
    """Return every message of *context*."""
    rows = [spec for spec in specs if spec.context == context]
    commands = [Message(context=context, model=spec.command, specs=(spec,)) for spec in rows]
    told = [
        Message(
            context=context,
            model=model,
            specs=tuple(spec for spec in rows if model in spec.answers),
            causes=tuple(spec for spec in rows if model in spec.extras),
            beginnings=tuple(spec for spec in rows if model in spec.ends),
        )
        for model in dict.fromkeys(model for spec in rows for model in spec.told)
    ]
    return [*commands, *told, *(Message(context=context, model=model) for model in ANY_CONTEXT)]
