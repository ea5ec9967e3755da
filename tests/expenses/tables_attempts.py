"""The words of expenses in text tables of attempts and expected answers (``tests.rows``); ``tables_run`` runs them.

In a command in full, and in options, ``null`` is null, ``''`` the empty text, and ``~`` in a text a blank. Below an
attempt stand ``field`` of the answer, ``details`` of a refusal, ``state`` of the expense in those details, and
``threshold`` (category, month, per cent, spent, limit) for everything that is told besides: no row, nothing told.
``LOOKS`` look at the books: ``sum`` at what was spent on a category in a month, and on how many expenses; ``next`` at
the first day of a recurring entry that has no expense, and the instant it begins at; ``changes`` at how many there are
in the feed.

``at`` moves the clock on. Days below belong to the year in which a table begins, and no other table has that year: the
tables share a database, in which rates are everybody's. ``judged by engine`` marks a table that needs the engine's
memory of earlier answers, or rows that only the engine changes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.rows import Language, Sheet, Verb

FOLDER: Final = Path(__file__).parent / "tables"

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
WORDS: Final = Language(
    verbs=VERBS, more=("field", "details", "state", "threshold"), alone=("at", *LOOKS), about=("judged",)
)
_TEXTS: Final = ("category", "notes")
_EMPTY: Final = "''"


@dataclass(frozen=True, kw_only=True)
class Table(Sheet):
    """A file of rows. Its users and commands share no id with those of another table."""

    language: ClassVar = WORDS

    @property
    def begins(self) -> str:
        """Return the instant that the table begins at."""
        assert self.rows[0].verb == "at", f"{self.name} does not say when it begins"
        return self.rows[0].words[0]

    def user_id(self, word: str) -> str:
        return f"{self.name}.{word}"

    def meant(self, name: str, word: str) -> str:
        """Return what a *word* of a field stands for: users are the table's own."""
        if name == "user_id":
            return self.user_id(word)
        return text_of(word) if name in _TEXTS or word == _EMPTY else word

    def sent(self, name: str, word: str) -> Any:
        """Return the JSON value that a *word* of a field stands for."""
        if word == "null":
            return None
        return int(word) if name == "base_version" else self.meant(name, word)


def text_of(word: str) -> str:
    """Return the text that a *word* stands for."""
    return "" if word == _EMPTY else word.replace("~", " ")


def tables() -> list[Table]:
    """Return every table, in the order in which they begin."""
    found = [read(path.stem, path.read_text("utf-8")) for path in FOLDER.glob("*.txt")]
    return sorted(found, key=lambda table: table.begins)


read: Final = Table.read
