"""Expenses told a second time, by the standard library alone: what every command is answered with, and what is left.

Nothing is kept but what was said: sums are taken of the expenses whenever one is asked for.
"""

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from tests.expenses.model_money import DECIMALS, SUM_MAX, UNITS_MAX, Rates, Ratio, fits, money, nearest, plain, units
from tests.expenses.model_state import (
    Expense,
    No,
    User,
    about,
    agreed_view,
    asked_amount,
    asked_day,
    require_currency,
    scrubbed,
    view,
)
from tests.expenses.model_time import Recurring, today, zones

Json = dict[str, Any]
Told = tuple[Json, list[Json]]  # the answer and what else is told


class Model:
    """All users and rates."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.rates = Rates()

    def decide(self, command: Json, instant: datetime) -> Told:
        """Return the answer to *command* at *instant*, and what else is told, both without their frames."""
        family, _, what = command["type"].partition(".")
        said = dict(command)
        if "category" in said:
            said["category"] = normalize("NFC", said["category"])
        try:
            answer, extras = getattr(self, f"_{family}_{what}")(said, instant)
        except No as no:
            return {"type": f"{family}.rejected", "code": no.code, "details": no.details}, []
        return answer, extras

    def summary(self, user_id: str, month: str) -> dict[str, tuple[int, int]]:
        """Return by category what was spent in *month*, in minor units, and on how many expenses."""
        user = self.users[user_id]
        counted = user.counted(month)
        return {
            name: (units(user.spent(name, month), user.base), sum(each.category == name for each in counted))
            for name in {each.category for each in counted}
        }

    def progress(self, user_id: str, month: str) -> dict[str, tuple[int, int, int | None]]:
        """Return by category with a budget in *month*: spent and limit in minor units, and their percentage."""
        user, shown = self.users[user_id], dict[str, tuple[int, int, int | None]]()
        for category in {category for category, _ in user.budgets}:
            if (limit := user.limit(category, month)) is not None:
                spent = user.spent(category, month)
                percent = int(100 * spent / limit) if limit else None
                shown[category] = units(spent, user.base), units(limit, user.base), percent
        return shown

    def feed(self, user_id: str, after: int = 0) -> list[Json]:
        """Return the changes of a user behind number *after*, in order."""
        return self.users[user_id].feed[after:]

    def due(self, instant: datetime) -> list[tuple[str, str, str]]:
        """Return user, recurring entry and day of every expense that is due at *instant* and was not made."""
        return [
            (user.id, name, day.isoformat())
            for user in self.users.values()
            if not user.erased
            for name, recurring in user.recurring.items()
            for day in recurring.missing(today(instant, user.zone))
        ]

    def _user(self, said: Json) -> User:
        user = self.users.get(said["user_id"])
        if user is None or user.erased:
            raise No("user_not_found", user_id=said["user_id"])
        return user

    def _user_create(self, said: Json, _: datetime) -> Told:
        require_currency(said["base_currency"])
        if said["user_id"] in self.users:
            raise No("user_exists", user_id=said["user_id"])
        zone = said.get("timezone", "UTC")
        if zone not in zones():
            raise No("timezone_unknown")
        user = self.users[said["user_id"]] = User(said["user_id"], said["base_currency"], zone)
        return {"type": "user.created"} | about(user), []

    def _user_update(self, said: Json, _: datetime) -> Told:
        user = self._user(said)
        zone = said.get("timezone", user.zone)
        if zone not in zones():
            raise No("timezone_unknown")
        user.zone = zone
        return {"type": "user.updated"} | about(user), []

    def _user_erase(self, said: Json, _: datetime) -> Told:
        user = self._user(said)
        user.erased, user.zone = True, "UTC"
        for body in user.feed:
            user.names.setdefault(body["category"], f"erased-{len(user.names) + 1}")
        user.feed = [scrubbed(body, user.names) for body in user.feed]
        for each in user.expenses.values():
            gone = replace(each, category=user.names[each.category], notes="", device=None)
            user.expenses[each.id] = gone
        user.budgets = {(user.names[name], month): limit for (name, month), limit in user.budgets.items()}
        user.told = {(user.names[name], month, percent) for name, month, percent in user.told}
        return {"type": "user.erased", "user_id": user.id, "last_change_no": len(user.feed)}, []

    def _expense_add(self, said: Json, _: datetime) -> Told:
        amount = asked_amount(said["amount"], said["currency"])
        day = asked_day(said["date"], "date")
        user = self._user(said)
        if said["expense_id"] in user.expenses or said["expense_id"].startswith("recurring:"):
            raise No("expense_exists", expense_id=said["expense_id"])
        return self._spend(user, said["expense_id"], said | {"amount": amount}, day)

    def _spend(self, user: User, name: str, said: Json, day: date, recurring: str | None = None) -> Told:
        ratio, base = self._converted(user, said["amount"], said["currency"], day)
        fields = said["amount"], said["currency"], said["category"], day, said.get("notes", ""), said.get("device_id")
        return self._put(user, Expense(name, *fields, recurring, ratio, base), "expense.added")

    def _converted(self, user: User, amount: Fraction, currency: str, day: date) -> tuple[Ratio, Fraction]:
        ratio = self.rates.ratio(currency, user.base, day)
        if ratio is None:
            raise No("rate_unknown")
        base = nearest(amount * ratio.exact, user.base)
        if units(base, user.base) >= UNITS_MAX:
            raise No("amount_invalid", field="base_amount")
        return ratio, base

    def _put(self, user: User, expense: Expense, told: str) -> Told:
        """Let *expense* be as it is here; tell of the thresholds that it takes the sum of its category over."""
        category, month = expense.category, expense.month
        before, known = user.spent(category, month), user.expenses.get(expense.id)
        user.expenses[expense.id] = replace(expense, change_no=len(user.feed) + 1)
        spent = user.spent(category, month)
        if spent > before and units(spent, user.base) > SUM_MAX:
            user.expenses.pop(expense.id)
            user.expenses.update({} if known is None else {known.id: known})
            raise No("amount_invalid", field="base_amount")
        body = user.record({"type": told} | view(user, user.expenses[expense.id]))
        return body, self._reached(user, category, month) if spent > before else []

    def _reached(self, user: User, category: str, month: str) -> list[Json]:
        limit, spent, extras = user.limit(category, month), user.spent(category, month), []
        for percent in (80, 100):
            over = limit is not None and (spent / limit * 100 >= percent if limit else spent > 0)
            if limit is not None and over and (category, month, percent) not in user.told:
                user.told.add((category, month, percent))
                cell: Json = {"user_id": user.id, "category": category, "month": month, "percent": percent}
                sums = {"limit": money(limit, user.base), "spent": money(spent, user.base), "base_currency": user.base}
                extras.append({"type": "budget.threshold_reached"} | cell | sums)
        return extras

    def _expense_change(self, said: Json, _: datetime) -> Told:
        if "currency" in said:
            require_currency(said["currency"])
            if "amount" in said:
                asked_amount(said["amount"], said["currency"])
        day = asked_day(said["date"], "date") if "date" in said else None
        user = self._user(said)
        known = self._current(user, said)
        currency, day = said.get("currency", known.currency), day or known.day
        amount = asked_amount(said["amount"], currency) if "amount" in said else known.amount
        if not fits(amount, currency):
            raise No("amount_invalid", currency=currency, decimals=DECIMALS[currency])
        ratio, base = known.ratio, known.base
        if (amount, currency, day) != (known.amount, known.currency, known.day):
            ratio, base = self._converted(user, amount, currency, day)
        changed = replace(known, amount=amount, currency=currency, day=day, ratio=ratio, base=base)
        texts = {"category": said.get("category", known.category), "notes": said.get("notes", known.notes)}
        written = replace(changed, **texts, device=said.get("device_id"), version=known.version + 1)
        return self._put(user, written, "expense.changed")

    def _expense_delete(self, said: Json, _: datetime) -> Told:
        user = self._user(said)
        known = self._current(user, said)
        gone = replace(known, deleted=True, version=known.version + 1, device=None)
        return self._put(user, gone, "expense.deleted")

    def _current(self, user: User, said: Json) -> Expense:
        known = user.expenses.get(said["expense_id"])
        if known is None:
            raise No("expense_not_found", expense_id=said["expense_id"])
        if known.deleted:
            raise No("expense_deleted", expense=view(user, known))
        if known.version != said["base_version"]:
            raise No("version_stale", expense=view(user, known))
        return known

    def _budget_set(self, said: Json, _: datetime) -> Told:
        user = self.users.get(said["user_id"])
        limit, month = None, said.get("month")
        if said["limit"] is not None and user is not None and not user.erased:
            limit = asked_amount(said["limit"], user.base)
        if month is not None:
            asked_day(f"{month}-01", "month")
        user = self._user(said)
        user.budgets.pop((said["category"], month), None)
        if limit is not None:
            user.budgets[said["category"], month] = limit
        cell = {"user_id": user.id, "category": said["category"], "month": month, "base_currency": user.base}
        shown = None if limit is None else money(limit, user.base)
        return user.record({"type": "budget.defined"} | cell | {"limit": shown}), []

    def _recurring_set(self, said: Json, instant: datetime) -> Told:
        amount = asked_amount(said["amount"], said["currency"])
        starts_on = asked_day(said["starts_on"], "starts_on")
        ends_on = asked_day(said["ends_on"], "ends_on") if said.get("ends_on") else None
        user = self._user(said)
        if ends_on is not None and ends_on < starts_on:
            raise No("ends_before_start")
        recurring = user.recurring.setdefault(said["recurring_id"], Recurring())
        agreed = recurring.define(said | {"amount": amount}, today(instant, user.zone))
        return user.record({"type": "recurring.defined"} | agreed_view(user, recurring, agreed)), []

    def _recurring_stop(self, said: Json, instant: datetime) -> Told:
        user = self._user(said)
        recurring = self._recurring(user, said)
        agreed = recurring.stop(today(instant, user.zone))
        return user.record({"type": "recurring.stopped"} | agreed_view(user, recurring, agreed)), []

    def _recurring_materialise(self, said: Json, instant: datetime) -> Told:
        day = asked_day(said["date"], "date")
        user = self._user(said)
        recurring = self._recurring(user, said)
        if day in recurring.made:
            raise No("already_materialised", recurring_id=said["recurring_id"])
        meant = recurring.on(day)
        if meant is None or day > today(instant, user.zone):
            raise No("not_due", recurring_id=said["recurring_id"])
        name = f"{said['recurring_id']}:{said['date']}"
        if len(name) > 64 - len("recurring:"):
            name = sha256(name.encode()).hexdigest()[:32]
        told = self._spend(user, f"recurring:{name}", meant, day, said["recurring_id"])
        recurring.made[day] = f"recurring:{name}"
        return told

    @staticmethod
    def _recurring(user: User, said: Json) -> Recurring:
        if said["recurring_id"] not in user.recurring:
            raise No("recurring_not_found", recurring_id=said["recurring_id"])
        return user.recurring[said["recurring_id"]]

    def _rate_set(self, said: Json, _: datetime) -> Told:
        base, quote, text = said["base"], said["quote"], said["rate"]
        require_currency(base)
        require_currency(quote)
        day = asked_day(said["date"], "date")
        whole, _, decimals = text.partition(".")
        if base == quote or not Fraction(text) or len(whole) > 12 or len(decimals) > 12:
            raise No("rate_invalid")
        pair = {"base": base, "quote": quote, "date": said["date"]}
        return {"type": "rate.defined"} | pair | {
            "rate": plain(text),
            "version": self.rates.put(base, quote, day, text),
        }, []
