"""What the model knows of users, and how it shows it: bodies as they go on the wire, without their frames."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.expenses.model_money import DECIMALS, Ratio, amount_of, money
from tests.expenses.model_time import Agreed, Recurring, day_of

Json = dict[str, Any]


class No(Exception):
    """A command is refused."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code, self.details = code, details


@dataclass(frozen=True)
class Expense:
    """One expense, as its last version says."""

    id: str
    amount: Fraction
    currency: str
    category: str
    day: date
    notes: str
    device: str | None
    recurring: str | None
    ratio: Ratio
    base: Fraction
    version: int = 1
    change_no: int = 0
    deleted: bool = False

    @property
    def month(self) -> str:
        return self.day.isoformat()[:7]


@dataclass
class User:
    """A user with all that is theirs; *feed* are the bodies of their visible changes, in order."""

    id: str
    base: str
    zone: str
    erased: bool = False
    expenses: dict[str, Expense] = field(default_factory=dict)
    budgets: dict[tuple[str, str | None], Fraction] = field(default_factory=dict)
    recurring: dict[str, Recurring] = field(default_factory=dict)
    told: set[tuple[str, str, int]] = field(default_factory=set)
    feed: list[Json] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # what became of categories once the user was erased

    def counted(self, month: str) -> list[Expense]:
        """Return the expenses of *month* that were not deleted."""
        return [each for each in self.expenses.values() if not each.deleted and each.month == month]

    def spent(self, category: str, month: str) -> Fraction:
        """Return what was spent on *category* in *month*."""
        return sum((each.base for each in self.counted(month) if each.category == category), Fraction(0))

    def limit(self, category: str, month: str) -> Fraction | None:
        """Return the budget of *category* in *month*, its own before every month's."""
        return self.budgets.get((category, month), self.budgets.get((category, None)))

    def record(self, body: Json) -> Json:
        """Make *body* the next change of the feed."""
        body["change_no"] = len(self.feed) + 1
        self.feed.append(body)
        return body


def about(user: User) -> Json:
    """Return what is shown of a user."""
    return {"user_id": user.id, "base_currency": user.base, "timezone": user.zone}


def view(user: User, expense: Expense) -> Json:
    """Return what is shown of an expense."""
    return {
        "expense_id": expense.id,
        "user_id": user.id,
        "version": expense.version,
        "amount": money(expense.amount, expense.currency),
        "currency": expense.currency,
        "category": expense.category,
        "date": expense.day.isoformat(),
        "notes": expense.notes,
        "device_id": expense.device,
        "recurring_id": expense.recurring,
        "base_amount": money(expense.base, user.base),
        "base_currency": user.base,
        "rate": expense.ratio.shown,
        "change_no": expense.change_no,
    }


def agreed_view(user: User, recurring: Recurring, agreed: Agreed) -> Json:
    """Return what is shown of a recurring entry after *agreed* was agreed on."""
    said, next_on = agreed.said, recurring.next_on()
    same = ("recurring_id", "user_id", "currency", "category", "frequency", "starts_on")
    return {name: said[name] for name in same} | {
        "amount": money(said["amount"], said["currency"]),
        "ends_on": said.get("ends_on"),
        "notes": said.get("notes", ""),
        "effective_from": agreed.since.isoformat(),
        "next_on": None if next_on is None else next_on.isoformat(),
    }


def scrubbed(body: Json, names: dict[str, str]) -> Json:
    """Return *body* without what its user wrote, at every depth; *names* say what stands for categories."""
    gone = {"category": names.get(body.get("category", "")), "notes": "", "device_id": None, "timezone": "UTC"}
    deep = {name: scrubbed(value, names) for name, value in body.items() if isinstance(value, dict)}
    return {name: gone.get(name, value) for name, value in body.items()} | deep


def asked_amount(text: str, currency: str) -> Fraction:
    """Return an amount in *currency*, or refuse it."""
    require_currency(currency)
    amount = amount_of(text, currency)
    if amount is None:
        raise No("amount_invalid", currency=currency, decimals=DECIMALS[currency])
    return amount


def asked_day(text: str, name: str) -> date:
    """Return a day of the calendar, or refuse what the field *name* says."""
    day = day_of(text)
    if day is None:
        raise No("date_invalid", field=name)
    return day


def require_currency(code: str) -> None:
    """Refuse a *code* that no currency has."""
    if code not in DECIMALS:
        shaped = len(code) == 3 and code.isascii() and code.isalpha()  # or it may be anything, and is not repeated
        raise No("currency_unknown", **({"currency": code} if shaped else {}))
