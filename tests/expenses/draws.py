"""What may be drawn next, by what the model knows: few names and small amounts, so that the rules meet."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any, Final, TypeVar

from tests.expenses.machine_keepers import ModelKeeper
from tests.expenses.model import Model
from tests.expenses.model_money import DECIMALS, money, nearest, plain
from tests.expenses.model_state import Expense, User
from tests.expenses.model_time import DAY, start_of, today

T = TypeVar("T")
Json = dict[str, Any]

DEVICES: Final = ("phone", "tablet")
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Honolulu", "Africa/Cairo")
CURRENCIES: Final = ("EUR", "USD", "JPY", "KWD", "GBP")
_CATEGORIES: Final = ("Food", "Fun", "Café", "Cafe\u0301", "erased-1")
_AMOUNTS: Final = ("0.01", "1", "2.50", "8", "12.345", "20", "79.99", "80", "100")
_ODD_AMOUNTS: Final = ("0.001", "10000000000000", "9999999999999")
_RATES: Final = ("0.5", "1.25", "3", "0.333333333333", "150", "0.0066", "0.9", "1.1", "2", "7.77")
_EXTREME_RATES: Final = ("999999999999", "0.000000000001")
_ODD_RATES: Final = ("0", "0.000", "1000000000000", "1.0000000000000")
_ODD_DAYS: Final = ("2026-02-30", "1899-12-31", "9999-01-01")
RECURRING: Final = ("R1", "R2", "R3")


@dataclass(kw_only=True)
class Draws:
    """Draws for one step, and what each device knows of the versions of expenses."""

    luck: Random
    keeper: ModelKeeper
    numbers: int = 0
    known: dict[str, dict[tuple[str, str], int]] = field(default_factory=lambda: {device: {} for device in DEVICES})

    @property
    def model(self) -> Model:
        """Return the model that knows everything that was decided."""
        return self.keeper.model

    @property
    def now(self) -> datetime:
        """Return the instant of the next decision."""
        return self.keeper.instant

    @property
    def next_no(self) -> int:
        """Return a number that none was called by before."""
        self.numbers += 1
        return self.numbers

    def one_of(self, choices: Iterable[T]) -> T:
        """Draw one of *choices*."""
        return self.luck.choice(list(choices))

    def rarely(self, times: int = 12) -> bool:
        """Draw what comes once in so many *times*."""
        return self.luck.randrange(times) == 0

    def maybe(self, *choices: Any) -> Any:
        """Draw one of *choices*, or None as often as not."""
        return self.one_of([*choices, *[None] * len(choices)])

    def live(self) -> list[User]:
        """Return the users that were not erased."""
        return [user for user in self.model.users.values() if not user.erased]

    def user(self) -> User:
        """Draw a user that was not erased."""
        return self.one_of(self.live())

    def name_of(self, user: User) -> str:
        """Return the id of *user*, or now and then one that is not known any more, or never was."""
        erased = [each.id for each in self.model.users.values() if each.erased]
        return self.one_of([*erased[-1:], "nobody"]) if self.rarely(12) else user.id

    def category(self) -> str:
        """Draw a category."""
        return self.one_of(_CATEGORIES)

    def currency(self, user: User) -> str:
        """Draw a currency, mostly the user's own."""
        return "XXX" if self.rarely(20) else self.one_of([*[user.base] * 4, *CURRENCIES])

    def amount(self, currency: str) -> str:
        """Draw an amount that mostly is one of *currency*."""
        if self.rarely():
            return self.one_of(_ODD_AMOUNTS)
        return plain(money(max(nearest(Fraction(self.one_of(_AMOUNTS)), currency), Fraction(1)), currency))

    def day(self, user: User, *, back: int = 40, ahead: int = 20) -> str:
        """Draw a day round the user's own; a month's ends more often than others."""
        if self.rarely(15):
            return self.one_of(_ODD_DAYS)
        day = today(self.now, user.zone) + timedelta(days=self.luck.randint(-back, ahead))
        first = day.replace(day=1)
        return self.one_of([day, day, day, first, first - DAY]).isoformat()

    def money(self, user: User) -> Json:
        """Draw an amount and its currency."""
        currency = self.currency(user)
        return {"amount": self.amount(currency if currency in DECIMALS else "EUR"), "currency": currency}

    def expense(self, user: User) -> Expense | None:
        """Draw an expense of *user*, mostly one that was not deleted, or None where there is none."""
        live = [each for each in user.expenses.values() if not each.deleted]
        made = [each for each in live if each.recurring]
        found = [*live[-6:] * 3, *made[-2:] * 3, *list(user.expenses.values())[-6:]]
        return self.one_of(found) if found else None

    def version(self, device: str, user: User, expense: Expense | None) -> int:
        """Return the version of an expense that a device knows; it may have asked just now."""
        if expense is None:
            return 1
        known = self.known[device].get((user.id, expense.id), 1)
        return self.one_of([*[known, expense.version, expense.version] * 5, expense.version + 1])

    def learn(self, said: Json, answer: Json) -> None:
        """Let a device know the version that it has written, or was shown when it was refused."""
        shown = answer.get("details", {}).get("expense", answer)
        device = said.get("device_id")
        if device in DEVICES and "version" in shown:
            self.known[device][said["user_id"], said["expense_id"]] = shown["version"]

    def entry(self, user: User) -> str:
        """Draw a recurring entry, mostly one that there is."""
        return self.one_of([*RECURRING, *list(user.recurring) * 6])

    def sync(self, device: str) -> None:
        """Let a device read every feed, as the model has it."""
        for user in self.live():
            for body in self.model.feed(user.id):
                if "expense_id" in body:
                    self.known[device][user.id, body["expense_id"]] = body["version"]

    def short_of(self, user: User) -> Json | None:
        """Draw what takes a budget just to 80 or 100 per cent, or a minor unit less; None where no budget is near."""
        unit = Fraction(1, 10 ** DECIMALS[user.base])
        found = []
        for (category, budgeted), limit in user.budgets.items():
            month = budgeted or today(self.now, user.zone).isoformat()[:7]
            for percent in (80, 100):
                short = nearest(limit * percent / 100, user.base) - user.spent(category, month)
                if short > unit:
                    found.append((category, month, self.one_of([short, short, short - unit])))
        if not found:
            return None
        category, month, short = self.one_of(found)
        about = {"category": category, "currency": user.base, "date": f"{month}-{self.luck.randint(1, 28):02}"}
        return about | {"amount": plain(money(short, user.base))}

    def limit(self, user: User) -> str | None:
        """Draw a budget's limit."""
        odd = ["1.2345"] if self.rarely(20) else []
        if odd:
            return odd[0]
        return self.one_of(
            [None, "0", *[plain(money(nearest(Fraction(each), user.base), user.base)) for each in (9, 50, 100)] * 2]
        )

    def rate(self) -> str:
        """Draw a rate."""
        return self.one_of([*_ODD_RATES, *_EXTREME_RATES] if self.rarely() else _RATES)

    def due(self) -> tuple[str, str, str] | None:
        """Draw something that is due, or None where nothing is."""
        due = self.model.due(self.now)
        return self.one_of(due) if due else None

    def later(self) -> datetime:
        """Draw an instant that lies ahead: a day or a month later, or where a user's day begins."""
        user, second = self.user(), timedelta(seconds=1)
        day = today(self.now, user.zone) + self.one_of([1, 1, 1, 7, 30]) * DAY
        midnight = start_of(day, user.zone)
        edges = [edge for edge in (midnight, midnight - second) if edge > self.now + second]
        return self.one_of([*edges, *(self.now + span for span in (second * 3600, DAY / 3, DAY))])
