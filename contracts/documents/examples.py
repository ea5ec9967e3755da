"""The examples: what was sent, and what it was answered with. They are data, and a test runs them in their order.

Each line of ``contracts/examples/<context>.jsonl`` has a ``name``, what it ``shows``, the ``result``, and either the
``command`` or, where what was sent is none, the ``record`` as text; ``extras`` are the events that come besides the
result, where there are any, and ``later`` those that a job tells as it goes on, which are written by hand; ``at`` is
its instant, where that is not a second after the line before, and ``by_hand`` what somebody has done to the tables
meanwhile, where only that leads to the result. ``CONTRIBUTING.md`` says how they are written.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.documents.words import Incomplete
from contracts.envelope import Frame, encode_result, type_of
from contracts.invalid import CommandInvalid
from contracts.notices import BOOKS_ADOPT, BooksRestored

FOLDER: Final = Path(__file__).parents[1] / "examples"

Body = dict[str, Any]

# What no record causes, and no run of the examples shows.
NOTICES: Final[dict[str, Body]] = {
    type_of(notice): json.loads(encode_result(notice, frame))
    for notice, frame in [
        (
            BooksRestored(lane=3, epoch=2, last_sequence=1841),
            Frame(
                command_id="0190a0e0-0000-7000-8000-0000000000f1",
                command_type=BOOKS_ADOPT,
                occurred_at="2026-07-01T09:00:00.000000Z",
                replayed=False,
            ),
        )
    ]
}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One record, the result it gets, what comes besides, and what comes of it later.

    ``command`` is None for a record that is none.
    """

    name: str
    shows: str
    command: Body | None
    record: str
    result: Body
    extras: tuple[Body, ...] = ()
    later: tuple[Body, ...] = ()

    @classmethod
    def read(cls, line: str) -> "Example":
        """Return the example that *line* says."""
        said = json.loads(line)
        command = said.get("command")
        record = said["record"] if command is None else json.dumps(command)
        told: dict[str, Any] = {name: tuple(said.get(name, ())) for name in ("extras", "later")}
        return cls(
            name=said["name"], shows=said["shows"], command=command, record=record, result=said["result"], **told
        )

    @property
    def command_type(self) -> str:
        """The type of the command, or nothing."""
        return "" if self.command is None else str(self.command["type"])

    @property
    def is_applied(self) -> bool:
        """Say whether the command was applied, for the first time."""
        refused = "code" in self.result
        return self.command is not None and not refused and not self.result["replayed"]


def examples_of(context: str, folder: Path = FOLDER) -> list[Example]:
    """Return the examples of *context* in their order.

    Raises:
        Incomplete: A line lacks something.
    """
    examples = []
    for number, line in enumerate((folder / f"{context}.jsonl").read_text("utf-8").splitlines(), 1):
        try:
            examples.append(Example.read(line))
        except KeyError as error:
            cure = "have it written (CONTRIBUTING.md)" if error.args == ("result",) else "give it one"
            raise Incomplete(f"{_name(context)}:{number}: the example has no {error.args[0]}; {cure}.") from error
    return examples


def _name(context: str) -> str:
    return f"contracts/examples/{context}.jsonl"


def bodies_of(message_type: str, examples: Iterable[Example]) -> list[tuple[str, Body]]:
    """Return the name and the body of each example of *message_type*: of commands those that are understood."""
    invalid = type_of(CommandInvalid)
    found = [
        (each.name, each.command)
        for each in examples
        if each.command is not None and each.command_type == message_type and each.result["type"] != invalid
    ]
    told = ((each.name, body) for each in examples for body in (each.result, *each.extras, *each.later))
    found += [(name, body) for name, body in told if body["type"] == message_type]
    return found + [("notice", body) for name, body in NOTICES.items() if name == message_type]


def first_applied(command_type: str, examples: Sequence[Example], context: str) -> Example:
    """Return the first example in which a command of *command_type* was applied.

    Raises:
        Incomplete: There is none.
    """
    found = (each for each in examples if each.command_type == command_type and each.is_applied)
    if (example := next(found, None)) is None:
        raise Incomplete(f"{_name(context)}: no example of {command_type} in which it is applied; add a line.")
    return example
