"""Text tables of attempts and expected answers; ``tables_run`` runs them against the model, the rules and the engine.

A row is an attempt with its expected answer behind ``->``: the last word of the answer's type, or the refusal's code.
An attempt begins with one of ``VERBS``, or is a command in full: its type, and ``name=value`` for each field; ``null``
is null, ``''`` the empty text, and ``~`` in a text a blank. Rows below an attempt say more of it: ``field`` of the
answer, ``details`` of a refusal, ``state`` of the expense in those details, and ``threshold`` (category, month, per
cent, spent, limit) for everything that is told besides: no row, nothing told. ``LOOKS`` look at the books: ``sum`` at
what was spent on a category in a month, and on how many expenses; ``next`` at the first day of a recurring entry that
has no expense, and the instant it begins at; ``changes`` at how many there are in the feed. ``#`` begins a comment.

``at`` moves the clock on. Days below belong to the year in which a table begins, and no other table has that year: the
tables share a database, in which rates are everybody's. ``as NAME`` gives a command a name by which it can be repeated;
``judged by engine`` marks a table that needs the engine's memory of earlier answers, or rows that only the engine
changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

FOLDER: Final = Path(__file__).parent / "tables"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """How a word becomes a command."""

    type: str
    places: str
    options: Mapping[str, str] = field(default_factory=dict)


_SPENT = {"amount": "amount", "currency": "currency", "category": "category", "date": "date"}
_BY = {"notes": "notes", "device": "device_id"}
_SERIES = "user_id recurring_id amount currency category frequency starts_on"
VERBS: Final = {
    "user": Verb(type="user.create", places="user_id base_currency", options={"zone": "timezone"}),
    "move": Verb(type="user.update", places="user_id", options={"zone": "timezone"}),
    "erase": Verb(type="user.erase", places="user_id"),
    "add": Verb(type="expense.add", places="user_id expense_id amount currency category date", options=_BY),
    "change": Verb(type="expense.change", places="user_id expense_id base_version", options=_SPENT | _BY),
    "delete": Verb(type="expense.delete", places="user_id expense_id base_version"),
    "budget": Verb(type="budget.set", places="user_id category limit", options={"month": "month"}),
    "recur": Verb(type="recurring.set", places=_SERIES, options={"until": "ends_on", "notes": "notes"}),
    "stop": Verb(type="recurring.stop", places="user_id recurring_id"),
    "make": Verb(type="recurring.materialise", places="user_id recurring_id date"),
    "rate": Verb(type="rate.set", places="base quote date rate"),
}
LOOKS: Final = ("sum", "next", "changes")
MORE: Final = ("field", "details", "state", "threshold")
_TEXTS: Final = ("category", "notes")
_EMPTY: Final = "''"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line, with the lines that say more of it."""

    line_no: int
    verb: str
    words: tuple[str, ...]
    expected: str
    more: tuple["Row", ...] = ()

    @property
    def is_attempt(self) -> bool:
        return self.verb in VERBS or "." in self.verb

    @property
    def type(self) -> str:
        return VERBS[self.verb].type if self.verb in VERBS else self.verb

    @property
    def said(self) -> str:
        return f"{self.verb} {' '.join(self.words)} -> {self.expected}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of rows. Its users and commands share no id with those of another table."""

    name: str
    judged_by: str
    rows: tuple[Row, ...]

    @property
    def begins(self) -> str:
        """Return the instant that the table begins at."""
        assert self.rows[0].verb == "at", f"{self.name} does not say when it begins"
        return self.rows[0].words[0]

    def message(self, row: Row) -> Json:
        """Return the attempt of *row* as the object that goes on the wire."""
        words, name = list(row.words), f"line {row.line_no}"
        if "as" in words:
            at = words.index("as")
            name = words[at + 1]
            del words[at : at + 2]
        verb = VERBS.get(row.verb)
        fields = _fields(verb, words) if verb else dict(word.split("=", 1) for word in words)
        said = {key: self._sent(key, value) for key, value in fields.items()}
        return {"command_id": str(uuid5(NAMESPACE_OID, f"{self.name}:{name}")), "type": row.type} | said

    def user_id(self, word: str) -> str:
        return f"{self.name}.{word}"

    def meant(self, name: str, word: str) -> str:
        """Return what a *word* of a field stands for: users are the table's own."""
        if name == "user_id":
            return self.user_id(word)
        return text_of(word) if name in _TEXTS or word == _EMPTY else word

    def _sent(self, name: str, word: str) -> Any:
        if word == "null":
            return None
        return int(word) if name == "base_version" else self.meant(name, word)

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield command type and expected answer of each attempt."""
        return ((row.type, row.expected) for row in self.rows if row.is_attempt)


def text_of(word: str) -> str:
    """Return the text that a *word* stands for."""
    return "" if word == _EMPTY else word.replace("~", " ")


def _fields(verb: Verb, words: list[str]) -> dict[str, str]:
    places = verb.places.split()
    fields = dict(zip(places, words[: len(places)], strict=True))
    rest = words[len(places) :]
    return fields | {verb.options[option]: value for option, value in zip(rest[::2], rest[1::2], strict=True)}


def tables() -> list[Table]:
    """Return every table, in the order in which they begin."""
    found = [read(path.stem, path.read_text("utf-8")) for path in FOLDER.glob("*.txt")]
    return sorted(found, key=lambda table: table.begins)


def read(name: str, text: str) -> Table:
    """Return the table that *text* says, or raise ValueError with the line that says nothing."""
    judged_by, rows = "all", list[Row]()
    for line_no, line in enumerate(text.splitlines(), start=1):
        said, _, expected = line.split("#")[0].partition("->")
        verb, *words = said.split() or [""]
        row = Row(line_no=line_no, verb=verb, words=tuple(words), expected=expected.strip())
        if verb == "judged":
            judged_by = words[-1]
        elif verb in MORE:
            last = rows.pop()
            assert last.is_attempt, f"{name}:{line_no}: '{verb}' belongs below an attempt"
            rows.append(Row(**{**vars(last), "more": (*last.more, row)}))
        elif row.is_attempt or verb in ("at", *LOOKS):
            assert bool(row.expected) == row.is_attempt, f"{name}:{line_no}: attempts, and only they, have an answer"
            rows.append(row)
        elif verb:
            raise ValueError(f"{name}:{line_no}: no verb is called '{verb}'")
    return Table(name=name, judged_by=judged_by, rows=tuple(rows))
