"""Text tables of attempts and expected answers, against whoever decides.

A row is an attempt with its expected answer behind ``->``: the last word of the answer's type, or the refusal's code
behind an exclamation mark, for ``account_deleted`` is both. An attempt begins with one of ``VERBS``, whose fields stand
in their places or behind their names; ``''`` is the empty text, and ``~`` in a text a blank. Rows below an attempt say
more of it: ``field`` of the answer, ``details`` of a refusal. ``as NAME`` gives a command a name by which it can be
repeated. ``#`` begins a comment. A table's accounts share no id with those of another.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from contracts.catalog import Catalog
from contracts.invalid import NotUnderstood
from contracts.specs import REVENUE
from tests.revenue.keepers import Json, Keeper

FOLDER: Final = Path(__file__).parent / "tables"
VERBS: Final = {
    "create": ("create_account", "account_id name tier"),
    "update": ("update_account", "account_id"),
    "remove": ("delete_account", "account_id"),
    "record": ("record", "account_id record_id amount currency period_start period_end"),
    "change": ("change_record", "account_id record_id"),
    "delete": ("delete_record", "account_id record_id"),
}
MORE: Final = ("field", "details")
_CATALOG: Final = Catalog()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line, with the lines that say more of it."""

    line_no: int
    verb: str
    words: tuple[str, ...]
    expected: str
    more: tuple["Row", ...] = ()

    @property
    def type(self) -> str:
        return f"revenue.{VERBS[self.verb][0]}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of rows."""

    name: str
    rows: tuple[Row, ...]

    def message(self, row: Row) -> Json:
        """Return the attempt of *row* as the object that goes on the wire."""
        words, name = list(row.words), f"line {row.line_no}"
        if "as" in words:
            at = words.index("as")
            name = words[at + 1]
            del words[at : at + 2]
        places = VERBS[row.verb][1].split()
        rest = words[len(places) :]
        fields = dict(zip(places, words[: len(places)], strict=True)) | dict(zip(rest[::2], rest[1::2], strict=True))
        said = {key: self.meant(key, value) for key, value in fields.items()}
        return {"command_id": str(uuid5(NAMESPACE_OID, f"revenue {self.name}:{name}")), "type": row.type} | said

    def meant(self, name: str, word: str) -> Any:
        """Return what a *word* of a field stands for: accounts are the table's own."""
        if word == "null":
            return None
        text = "" if word == "''" else word.replace("~", " ")
        return f"{self.name}.{text}" if name == "account_id" else text

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield command type and expected answer of each attempt."""
        return ((row.type, row.expected) for row in self.rows)


def tables() -> list[Table]:
    """Return every table."""
    return [read(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.txt"))]


def read(name: str, text: str) -> Table:
    """Return the table that *text* says, or raise AssertionError with the line that says nothing."""
    rows = list[Row]()
    for line_no, line in enumerate(text.splitlines(), start=1):
        said, _, expected = line.split("#")[0].partition("->")
        verb, *words = said.split() or [""]
        row = Row(line_no=line_no, verb=verb, words=tuple(words), expected=expected.strip())
        if verb in MORE:
            last = rows.pop()
            rows.append(Row(**{**vars(last), "more": (*last.more, row)}))
        elif verb:
            assert verb in VERBS and row.expected, f"{name}:{line_no}: {line}"  # noqa: PT018 - either says nothing
            rows.append(row)
    return Table(name=name, rows=tuple(rows))


async def check(table: Table, keeper: Keeper) -> None:
    """Run every row, one by one; the first answer that is not as expected raises AssertionError and names its line."""
    for row in table.rows:
        said = table.message(row)
        body = await _answer(keeper, said)
        try:
            _check(table, row, body)
        except AssertionError as error:
            raise AssertionError(f"{table.name}:{row.line_no}: {row.verb} {' '.join(row.words)}\n{error}") from None


async def _answer(keeper: Keeper, said: Json) -> Json:
    if isinstance(_CATALOG.understand(REVENUE, json.dumps(said).encode()), NotUnderstood):
        return {"type": "invalid"}
    ((_, _, body),) = await keeper.decide([said])
    return body


def _check(table: Table, row: Row, body: Json) -> None:
    outcome = body["type"].rpartition(".")[2]
    outcome = f"!{body['code']}" if outcome == "rejected" else outcome
    outcome += " (replayed)" if body.get("replayed") else ""
    assert outcome == row.expected, f"got {outcome}: {body}"
    for each in row.more:
        about: Json = body if each.verb == "field" else body["details"]
        for name, value in _pairs(each.words):
            assert str(about.get(name)) == str(table.meant(name, value)), about


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, _, value = word.partition("=")
        yield name, value
