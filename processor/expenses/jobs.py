"""The jobs of the expenses: what recurs because time has passed.

Cost      Three statements for a page of recurring entries; one look into an index where none is due.
Invariant A day is due because it has begun and has no expense, so what was applied is due no more. It is named by its
          user, entry and date, and falls due at one instant: everybody says it under the same command id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import islice, takewhile
from typing import Final

from contracts.recurring import RecurringMaterialise
from processor.database import Connection, named_queries
from processor.engine.jobs import Again, Chore, Due, Every, Job, Place
from processor.expenses.families.recurring import days_made, rules_of
from processor.expenses.recurrence import days_from
from processor.expenses.sweeping import SWEEP
from processor.expenses.values import RecurringRule, User

_SQL: Final = named_queries("processor.expenses", "jobs.sql")
_BEFORE_ALL: Final = (datetime(1800, 1, 1, tzinfo=UTC), 0, "", date.min)

Key = tuple[int, str]  # of a recurring entry: its user's number, and its own id


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A recurring entry that lacks days. ``made`` are those behind ``next_on`` that it does not lack."""

    owner: User
    recurring_id: str
    rules: Sequence[RecurringRule]
    next_on: date
    next_due_at: datetime
    made: frozenset[date]

    @property
    def key(self) -> Key:
        return self.owner.user_no, self.recurring_id

    def place(self, day: date) -> Place:
        """Return where *day* stands: days of an entry follow one another, wherever the entry itself moves to."""
        return (self.next_due_at, *self.key, day)

    def lacks(self, as_of: datetime, place: Place) -> Iterator[date]:
        """Yield the days that have begun and are not made; of the entry at *place* those behind it."""
        said = place[-1] if place[1:3] == self.key else date.min
        today = self.owner.day(as_of)
        begun = takewhile(lambda day: day <= today, days_from(self.rules, self.next_on))
        return (day for day in begun if day > said and day not in self.made)

    def due(self, day: date) -> Due:
        """Return *day* as something to say."""
        user_id = self.owner.user_id
        return Due(
            subject=f"{user_id}/{self.recurring_id}/{day}",
            period=self.owner.begins(day),
            place=self.place(day),
            says=partial(RecurringMaterialise, user_id=user_id, recurring_id=self.recurring_id, date=day.isoformat()),
        )


async def due_days(connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
    """Return the days of recurring entries that are due, each day of its own: one without a rate holds up no other."""
    found: list[Due] = []
    rows, begin = limit + 1, place  # one more: the entry at the place may have nothing left to say
    while len(found) < limit:
        page = await _entries(connection, as_of, begin, rows)
        for entry in page:
            lacking = islice(entry.lacks(as_of, place), limit - len(found))
            found += [entry.due(day) for day in lacking]
        if len(page) < rows:
            break
        begin = page[-1].place(date.max)
    return found


async def _entries(connection: Connection, as_of: datetime, place: Place, limit: int) -> list[_Entry]:
    rows = await connection.fetch(_SQL["due_recurring"], as_of, *place[:3], limit)
    if not rows:
        return []
    user_nos, ids, next_days = ([row[name] for row in rows] for name in ("user_no", "recurring_id", "next_on"))
    rules = await rules_of(connection, user_nos, ids)
    made = await days_made(connection, user_nos, ids, next_days)
    return [
        _Entry(
            owner=User(*(row[name] for name in User.__struct_fields__)),
            recurring_id=row["recurring_id"],
            rules=rules[key],
            next_on=row["next_on"],
            next_due_at=row["next_due_at"],
            made=frozenset(made.get(key, ())),
        )
        for row in rows
        for key in [(row["user_no"], row["recurring_id"])]
    ]


EXPENSES_JOBS: Final[Sequence[Job | Chore]] = (
    Job(name="recurring-expenses", every=Every.DAY, first=_BEFORE_ALL, due=due_days, again=Again.DAILY),
    SWEEP,
)
