"""Text tables of attempts and expected answers: what their rows are, how they are read, and how a row is named.

A row is an attempt with its expected answer behind ``->``: the last word of the answer's type, or the refusal's code,
with ``(replayed)`` where it is told again. An attempt begins with one of a language's verbs, or is a command in full:
its type, and ``name=value`` for each field. ``as NAME`` gives a command a name by which it can be used again. Rows
below an attempt say more of it; other rows stand alone; ``#`` begins a comment. What the words are, and what is looked
at, each context says for itself: the ledger's are in ``tests.tables``, those of expenses in ``tables_attempts``.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self
from uuid import NAMESPACE_OID, uuid5

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """How a word becomes a command. ``NAME`` is the place of the command's name; what ends in ``?`` may be left out."""

    type: str
    places: str
    options: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def fields(self, words: list[str]) -> dict[str, str]:
        """Return what *words* say of each field: those in their places, then options behind their names."""
        fields, rest = dict(self.given), list(words)
        for place in self.places.split():
            if place.endswith("?") and (not rest or rest[0] in self.options):
                continue
            fields[place.removesuffix("?")] = rest.pop(0)
        return fields | {self.options[option]: value for option, value in zip(rest[::2], rest[1::2], strict=True)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line, with the lines that say more of it; *type* is an attempt's, and empty for any other."""

    line_no: int
    verb: str
    words: tuple[str, ...]
    type: str = ""
    expected: str = ""
    more: tuple["Row", ...] = ()

    @property
    def is_attempt(self) -> bool:
        return bool(self.type)

    @property
    def said(self) -> str:
        return f"{self.verb} {' '.join(self.words)} -> {self.expected}"

    @property
    def called(self) -> tuple[list[str], str]:
        """Return the words without ``as NAME``, and the name: that of the line, if there is none."""
        words = list(self.words)
        if "as" not in words:
            return words, f"line {self.line_no}"
        at = words.index("as")
        return words[:at] + words[at + 2 :], words[at + 1]


@dataclass(frozen=True, kw_only=True)
class Language:
    """The words that rows begin with: of attempts, of *more* about one, of what stands *alone*, of all of a table."""

    verbs: Mapping[str, Verb]
    more: Collection[str]
    alone: Collection[str] = ()
    about: Collection[str] = ()

    def row(self, line_no: int, words: list[str], expected: str = "") -> Row:
        """Return a line's row."""
        verb, *rest = words or [""]
        known = self.verbs.get(verb)
        type_ = known.type if known else verb if "." in verb else ""
        return Row(line_no=line_no, verb=verb, words=tuple(rest), type=type_, expected=expected)

    def read(self, name: str, text: str) -> tuple[dict[str, str], tuple[Row, ...]]:
        """Return what *text* says of the whole table, and its rows.

        Raises:
            ValueError: No word begins so.
            AssertionError: A row stands where it says nothing.
        """
        about, rows = dict[str, str](), list[Row]()
        for line_no, line in enumerate(text.splitlines(), start=1):
            said, _, expected = line.split("#")[0].partition("->")
            row = self.row(line_no, said.split(), expected.strip())
            if row.verb in self.about:
                about[row.verb] = row.words[-1]
            elif row.verb in self.more:
                last = rows.pop()
                assert last.is_attempt, f"{name}:{line_no}: '{row.verb}' belongs below an attempt"
                rows.append(replace(last, more=(*last.more, row)))
            elif row.is_attempt or row.verb in self.alone:
                assert bool(row.expected) == row.is_attempt, f"{name}:{line_no}: attempts, and only they, have answers"
                rows.append(row)
            elif row.verb:
                raise ValueError(f"{name}:{line_no}: no verb is called '{row.verb}'")
        return about, tuple(rows)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A file of rows in a language. Its ids and commands are no other's."""

    language: ClassVar[Language]
    name: str
    rows: tuple[Row, ...]
    judged_by: str = "all"

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """Return what *text* says; see ``Language.read`` for what says nothing."""
        about, rows = cls.language.read(name, text)
        return cls(name=name, rows=rows, judged_by=about.pop("judged", "all"), **about)

    def command_id(self, word: str) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self.name}:{word}"))

    def message(self, row: Row) -> Json:
        """Return the attempt of *row* as the object that goes on the wire."""
        words, name = row.called
        verb = self.language.verbs.get(row.verb)
        fields = verb.fields(words) if verb else dict(word.split("=", 1) for word in words)
        said = {"command_id": self.command_id(fields.pop("NAME", name)), "type": row.type}
        return said | {key: self.sent(key, word) for key, word in fields.items()}

    def sent(self, name: str, word: str) -> Any:
        """Return the JSON value that a *word* of a field stands for."""
        raise NotImplementedError

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield the type and the expected answer of each attempt."""
        return ((row.type, row.expected) for row in self.rows if row.is_attempt)

    @contextmanager
    def naming(self, row: Row) -> Iterator[None]:
        """Name *row* in what is asserted of it."""
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{self.name}:{row.line_no}: {row.said}\n{error}") from None


def outcome_of(row: Row, kind: str, body: Json) -> str:
    """Return what the answer to *row* comes to: the last word of its type, or the code of a refusal."""
    outcome = kind.rpartition(".")[2]
    if outcome != "rejected":
        return outcome
    assert kind == f"{row.type.partition('.')[0]}.rejected", kind
    return str(body["code"])


def again(body: Json) -> str:
    """Return what an expected answer ends in where it is told again."""
    return " (replayed)" if body.get("replayed") else ""
