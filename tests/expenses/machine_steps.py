"""The steps of the machine of expenses: each asks for something that the draws make interesting.

Hypothesis draws which of a few rules comes next far from evenly; so there is one, and the luck that it hands out draws
the step by its weight.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.expenses.draws import CURRENCIES, DEVICES, RECURRING, ZONES, Draws
from tests.expenses.model_money import money

Json = dict[str, Any]
LIVE: Final = 3  # users at most that are not erased


class Steps:
    """Steps for a machine that says how to ``ask``, to ``settle`` what waits, and to let time pass."""

    draws: Draws

    def ask(self, type_: str, **fields: Any) -> None:
        """Ask for something."""
        raise NotImplementedError

    def settle(self) -> None:
        """Have everything that waits decided."""
        raise NotImplementedError

    def let_time_pass(self) -> None:
        """Let time pass."""
        raise NotImplementedError

    def steps(self) -> Mapping[Callable[[], None], int]:
        """Return the steps with their weights."""
        return {
            self.manage_users: 3,
            self.forget_a_user: 2,
            self.spend: 8,
            self.spend_up_to_a_budget: 8,
            self.change: 14,
            self.move: 4,
            self.delete: 3,
            self.read_the_feed: 3,
            self.set_a_budget: 5,
            self.set_an_entry: 5,
            self.agree_on_the_way: 2,
            self.stop_an_entry: 4,
            self.make_what_is_due: 6,
            self.make_one_and_change_it: 4,
            self.make_any: 4,
            self.set_rates: 8,
            self.let_time_pass: 6,
        }

    def manage_users(self) -> None:
        draws, user = self.draws, self.draws.user()
        zone = draws.one_of([*ZONES, "Mars/Base", "Mars/Base", None])
        if len(draws.live()) < LIVE and draws.rarely(3):
            name = draws.one_of([f"U{len(draws.model.users) + 1}"] * 2 + ["U1"])
            base = draws.one_of([*CURRENCIES, *CURRENCIES, "XXX"])
            self.ask("user.create", user_id=name, base_currency=base, timezone=zone)
        else:
            self.ask("user.update", user_id=draws.name_of(user), timezone=zone)

    def forget_a_user(self) -> None:
        if len(self.draws.live()) > 1 and self.draws.rarely(2):
            gone = [name for name, user in self.draws.model.users.items() if user.erased]
            self.ask("user.erase", user_id=self.draws.one_of([*[self.draws.user().id] * 2, *gone[-1:]]))

    def spend(self) -> None:
        draws, user = self.draws, self.draws.user()
        name = draws.one_of([*[f"E{draws.next_no}"] * 9, *list(user.expenses)[:1], "recurring:R1:2026-01-01"])
        self.ask(
            "expense.add",
            user_id=draws.name_of(user),
            expense_id=name,
            category=draws.category(),
            date=draws.day(user),
            device_id=draws.one_of([*DEVICES, None]),
            notes=draws.maybe("", "why"),
            **draws.money(user),
        )

    def spend_up_to_a_budget(self) -> None:
        draws, user = self.draws, self.draws.user()
        if short := draws.short_of(user):
            device = draws.one_of(DEVICES)
            self.ask("expense.add", user_id=user.id, expense_id=f"E{draws.next_no}", device_id=device, **short)

    def change(self) -> None:
        draws, user = self.draws, self.draws.user()
        if (expense := draws.expense(user)) is None:
            return
        fields: dict[str, Callable[[], str]] = {
            "category": draws.category,
            "date": lambda: draws.one_of([draws.day(user), expense.day.isoformat()]),
            "amount": lambda: draws.one_of([draws.amount(expense.currency), money(expense.amount, expense.currency)]),
            "currency": lambda: draws.one_of([draws.currency(user), expense.currency]),
            "notes": lambda: draws.one_of(["", "else"]),
        }
        chosen = draws.luck.sample(sorted(fields), draws.one_of([0, 1, 1, 2, 3]))
        self._change(
            user.id, "unknown" if draws.rarely(30) else expense.id, **{each: fields[each]() for each in chosen}
        )

    def move(self) -> None:
        """Move an expense to where there is a budget."""
        user = self.draws.user()
        expense, places = self.draws.expense(user), sorted(user.budgets, key=str)
        if expense is not None and places:
            category, month = self.draws.one_of(places)
            self._change(user.id, expense.id, category=category, date=f"{month or expense.month}-15")

    def _change(self, user_id: str, expense_id: str, **fields: str) -> None:
        device = self.draws.one_of(DEVICES)
        about = self._about(device, user_id, expense_id)
        self.ask("expense.change", **about, device_id=self.draws.one_of([device, device, None]), **fields)

    def delete(self) -> None:
        user = self.draws.user()
        if (expense := self.draws.expense(user)) is not None:
            self.ask("expense.delete", **self._about(self.draws.one_of(DEVICES), user.id, expense.id))

    def _about(self, device: str, user_id: str, expense_id: str) -> Json:
        user = self.draws.model.users[user_id]
        version = self.draws.version(device, user, user.expenses.get(expense_id))
        return {"user_id": self.draws.name_of(user), "expense_id": expense_id, "base_version": version}

    def read_the_feed(self) -> None:
        self.settle()
        self.draws.sync(self.draws.one_of(DEVICES))

    def set_a_budget(self) -> None:
        draws, user = self.draws, self.draws.user()
        month = draws.maybe(draws.day(user, back=20)[:7])
        said = {"user_id": draws.name_of(user), "category": draws.category(), "limit": draws.limit(user)}
        self.ask("budget.set", **said, **({"month": month} if month else {}))

    def set_an_entry(self) -> None:
        draws, user = self.draws, self.draws.user()
        frequency = draws.one_of(["daily", "weekly", "monthly"])
        self.ask(
            "recurring.set",
            user_id=draws.name_of(user),
            recurring_id=draws.one_of(RECURRING),
            category=draws.category(),
            frequency=frequency,
            starts_on=draws.day(user, back=6 if frequency == "daily" else 70, ahead=8),
            ends_on=draws.day(user, back=30, ahead=60) if draws.rarely(4) else None,
            notes=draws.maybe("flat"),
            **draws.money(user),
        )

    def agree_on_the_way(self) -> None:
        """Set or stop an entry in the far east, and again in the far west, where it is still yesterday."""
        user = self.draws.user()
        name = self.draws.entry(user)
        for zone in ("Pacific/Kiritimati", "Pacific/Honolulu"):
            self.ask("user.update", user_id=user.id, timezone=zone)
            self.settle()
            due = [day for owner, each, day in self.draws.model.due(self.draws.now) if (owner, each) == (user.id, name)]
            for day in due[-4 : self.draws.one_of([-1, None])]:
                self.ask("recurring.materialise", user_id=user.id, recurring_id=name, date=day)
            if self.draws.rarely(4):
                self.ask("recurring.stop", user_id=user.id, recurring_id=name)
            self.ask(
                "recurring.set",
                user_id=user.id,
                recurring_id=name,
                category=self.draws.category(),
                frequency=self.draws.one_of(["daily", "daily", "weekly"]),
                starts_on=self.draws.day(user, back=6, ahead=1),
                **self.draws.money(user),
            )

    def stop_an_entry(self) -> None:
        user = self.draws.user()
        self.ask("recurring.stop", user_id=self.draws.name_of(user), recurring_id=self.draws.entry(user))

    def make_what_is_due(self) -> None:
        self.settle()
        for user_id, name, day in self.draws.model.due(self.draws.now)[: self.draws.one_of([1, 2, 6])]:
            self.ask("recurring.materialise", user_id=user_id, recurring_id=name, date=day)

    def make_one_and_change_it(self) -> None:
        self.settle()
        if due := self.draws.due():
            user_id, name, day = due
            self.ask("recurring.materialise", user_id=user_id, recurring_id=name, date=day)
            said: Json = {"user_id": user_id, "expense_id": f"recurring:{name}:{day}", "base_version": 1}
            if self.draws.rarely(3):
                self.ask("expense.delete", **said)
            else:
                user = self.draws.model.users[user_id]
                self.ask("expense.change", **said, category=self.draws.category(), currency=self.draws.currency(user))

    def make_any(self) -> None:
        draws, user = self.draws, self.draws.user()
        name = draws.entry(user)
        made = [day.isoformat() for day in user.recurring[name].made] if name in user.recurring else []
        day = draws.one_of([draws.day(user), *made[-2:]])
        self.ask("recurring.materialise", user_id=draws.name_of(user), recurring_id=name, date=day)

    def set_rates(self) -> None:
        draws, user = self.draws, self.draws.user()
        for _ in range(draws.one_of([1, 2, 3])):
            pair = draws.luck.sample(CURRENCIES, 2)
            base, quote = draws.one_of([pair, pair, [pair[0], user.base]])
            quote = "XXX" if draws.rarely(20) else quote
            self.ask("rate.set", base=base, quote=quote, date=draws.day(user, ahead=5), rate=draws.rate())
