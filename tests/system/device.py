"""A device of a user: what it knows it has from the feed alone, and what it wants it asks for like anybody else."""

import random
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from contracts.budgets import BudgetSet
from contracts.envelope import Command, Rejected, type_of
from contracts.expenses import ExpenseAdd, ExpenseChange, ExpenseDelete
from processor.database import Connection
from processor.expenses.feed import Change, changes, feed_seal
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher

USER: Final = "U-1"
CATEGORIES: Final = ("Food", "Rent", "Travel")
MONTHS: Final = ("2026-01", "2026-02")
PAGE: Final = 20  # so that whoever was away catches up in pages

_seal = feed_seal(b"devices")


@dataclass(kw_only=True)
class Device:
    """One device. ``told`` is the feed as it was read; ``accepted`` what the device was told of its own wishes."""

    name: str
    publisher: CommandPublisher
    connection: Connection
    dice: random.Random
    told: list[Change] = field(default_factory=list)
    replica: dict[tuple[str, ...], Change] = field(default_factory=dict)
    accepted: dict[int, dict[str, Any]] = field(default_factory=dict)
    merged: int = 0
    too_late: int = 0
    pages: int = 0
    _token: str = ""
    _added: int = 0

    async def read_feed(self) -> None:
        """Take over what has changed since the last time."""
        while True:
            page = await changes(self.connection, USER, self._token, seal=_seal, limit=PAGE)
            self._token = page.next_token
            self.pages += 1
            for change in page.changes:
                self.told.append(change)
                self.replica[place(change)] = change
            if page.complete:
                return

    async def wish(self) -> None:
        """Add, change or delete something of what the device knows, which may be old."""
        known = [
            key[1] for key, change in self.replica.items() if key[0] == "expense" and not vars_of(change)["deleted"]
        ]
        turn = self.dice.random()
        if turn < 0.05:
            await self._ask(self._budget())
        elif turn < 0.35 or not known:
            self._added += 1
            await self._ask(self._expense(f"{self.name}-{self._added}"))
        else:
            await self._change(self.dice.choice(known[-5:]), delete=turn > 0.9)

    async def _change(self, expense_id: str, *, delete: bool) -> None:
        """Change or delete an expense; where it is no more what the device knows, merge, and ask again."""
        version = vars_of(self.replica["expense", expense_id])["version"]
        wanted = self._fields(self.dice.choice(("amount", "category", "date", "notes")))
        while True:
            at = {"command_id": new_command_id(), "user_id": USER, "expense_id": expense_id, "base_version": version}
            command = ExpenseDelete(**at) if delete else ExpenseChange(**at, **wanted, device_id=self.name)
            refused = await self._ask(command)
            if refused is None:
                return
            if refused.code == "expense_deleted":
                self.too_late += 1
                return
            assert refused.code == "version_stale", refused
            assert refused.details["expense"]["version"] > version, "a stale version is an old one"
            version = refused.details["expense"]["version"]  # one's own field over the others' state
            self.merged += 1

    async def _ask(self, command: Command) -> Rejected | None:
        """Return why *command* was refused, or None where it was applied."""
        event = (await self.publisher.ask(command, timeout_s=60)).event
        if isinstance(event, Rejected):
            return event
        fields = vars_of(event)
        assert fields["change_no"] not in self.accepted
        if isinstance(command, ExpenseChange | ExpenseDelete):
            assert fields["version"] == command.base_version + 1, "nobody else's change is written over"
        self.accepted[fields["change_no"]] = fields | {"deleted": type_of(event) == "expense.deleted"}
        return None

    def _expense(self, expense_id: str) -> Command:
        fields = self._fields("amount") | self._fields("category") | self._fields("date") | self._fields("notes")
        at = {"command_id": new_command_id(), "user_id": USER, "expense_id": expense_id}
        return msgspec.convert(at | fields | {"currency": "EUR", "device_id": self.name}, ExpenseAdd)

    def _budget(self) -> Command:
        limit = self.dice.choice(("100.00", "200.00", None))
        category = self.dice.choice(CATEGORIES)
        return BudgetSet(command_id=new_command_id(), user_id=USER, category=category, limit=limit)

    def _fields(self, name: str) -> dict[str, Any]:
        drawn = {
            "amount": f"{self.dice.randint(1, 99)}.{self.dice.randint(10, 99)}",
            "category": self.dice.choice(CATEGORIES),
            "date": f"{self.dice.choice(MONTHS)}-{self.dice.randint(10, 28)}",
            "notes": f"{self.name} {self.dice.random()}",
        }
        return {name: drawn[name]}


def vars_of(shown: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a result or a change."""
    return msgspec.structs.asdict(shown)


def place(change: Change) -> tuple[str, ...]:
    """Return what *change* is about."""
    fields = vars_of(change)
    kind = type(change).__struct_config__.tag
    names = {"expense": ("expense_id",), "budget": ("category", "month"), "recurring": ("recurring_id",)}
    return (str(kind), *(str(fields[name]) for name in names[str(kind)]))
