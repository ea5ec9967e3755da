"""What may be asked next, by what the model knows: few names and small amounts, so that the rules meet."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.revenue.keepers import Json
from tests.revenue.model import Account, Model

TIERS: Final = ("free", "pro", "enterprise")
_NAMES: Final = ("Acme", "=cmd()", 'A "quoted", name', "two\nlines", "Ταξίδια", "-1")
_CURRENCIES: Final = ("EUR", "EUR", "EUR", "USD", "JPY", "KWD")
_AMOUNTS: Final = ("1", "100", "33", "-33", "-7", "250", "12.30", "0.05", "-0.125", "9999999999999", "10000000000000")
_DAYS: Final = ("2024-02-29", "2024-03-01", "2024-03-31", "2024-12-31", "2025-01-01", "2025-05-15", "2025-02-30")


class Draws:
    """Draws commands, numbered from 1; each kind about as often as its weight says."""

    def __init__(self, model: Model, *, seed: int) -> None:
        self.model, self.luck = model, Random(seed)
        self._asked: list[Json] = []
        self._names: list[str] = []  # of accounts that were asked for
        self._ways: dict[Callable[[], Json], int] = {
            self._create: 5, self._update: 4, self._remove: 2, self._record: 30, self._change: 14, self._delete: 6,
        }  # fmt: skip

    def command(self, *, again: bool = False) -> Json:
        """Draw a command; some were drawn before, or are another under an id that was, where *again* allows it."""
        if again and self._asked and self.luck.random() < 0.1:
            said = self.luck.choice(self._asked)
            other = self.luck.choice(self._asked) | {"command_id": said["command_id"]}
            return self.luck.choice([said, said | {"metadata": {"tried": "twice"}}, other])
        (way,) = self.luck.choices(list(self._ways), list(self._ways.values()))
        said = {"command_id": f"00000000-0000-7000-8000-{len(self._asked) + 1:012}"} | way()
        self._asked.append(said)
        return said

    def _account(self) -> str:
        """Draw an account, mostly one that is there."""
        gone = {name for name, each in self.model.accounts.items() if each.deleted_at}
        live = [name for name in self._names if name not in gone]
        return "nobody" if self.luck.random() < 0.05 else self.luck.choice([*live * 4, *sorted(gone), "A0"])

    def _fields(self, **values: Any) -> Json:
        """Draw some of *values*."""
        return {name: value for name, value in values.items() if self.luck.random() < 0.5}

    def _create(self) -> Json:
        name = self.luck.choice([f"A{len(self._names)}"] * 4 + ["A0"])
        self._names.append(name)
        return {"type": "revenue.create_account", "account_id": name} | self._about()

    def _about(self) -> Json:
        return {"name": self.luck.choice(_NAMES), "tier": self.luck.choice(TIERS)}

    def _update(self) -> Json:
        return {"type": "revenue.update_account", "account_id": self._account()} | self._fields(**self._about())

    def _remove(self) -> Json:
        return {"type": "revenue.delete_account", "account_id": self._account()}

    def _period(self) -> Json:
        first, last = self.luck.choice(_DAYS), self.luck.choice(_DAYS)
        if self.luck.random() < 0.8:
            first, last = sorted((first, last))
        return {"period_start": first, "period_end": last}

    def _money(self) -> Json:
        return {"amount": self.luck.choice(_AMOUNTS), "currency": self.luck.choice([*_CURRENCIES * 3, "XXX"])}

    def _place(self) -> Json:
        name = self._account()
        known = self.model.accounts.get(name, Account(name="", tier="", created_at="")).records
        return {"account_id": name, "record_id": self.luck.choice([*known, "R0"])}

    def _record(self) -> Json:
        name = f"R{self.luck.choice([len(self._asked), len(self._asked), self.luck.randrange(20)])}"
        place = {"account_id": self._account(), "record_id": name}
        return {"type": "revenue.record"} | place | self._money() | self._period()

    def _change(self) -> Json:
        return {"type": "revenue.change_record"} | self._place() | self._fields(**self._money(), **self._period())

    def _delete(self) -> Json:
        return {"type": "revenue.delete_record"} | self._place()


def met(seen: Counter[str], said: Json, body: Json) -> None:
    """Count what a command was answered with."""
    outcome = "replayed" if body.get("replayed") else body.get("code", "applied")
    seen[f"{said['type']} {outcome}"] += 1
