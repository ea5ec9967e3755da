"""A bank that is told commands by a table: a line is what is asked -> what is answered, after all lines before it.

``name: type field=value ... -> yes field=value ...`` or ``-> code``. A name stands for the command's id in later lines;
``@ instant`` sets the clock; legs are ``A>B:10``, tiers ``0:0.01``, entries ``A:O10.00`` (account, letter of the type,
amount), a schedule ``2026-03-08:8.33``. Whatever is refused leaves everything as it was, and what is booked sums to
zero.
"""

import json
from copy import deepcopy
from datetime import UTC, tzinfo
from typing import Any
from uuid import UUID

from partita.oracle.books import Answer
from partita.oracle.commands import understood
from partita.oracle.rules import Bank

Json = dict[str, Any]
WORDS = {"true": True, "false": False, "null": None}
NUMBERS = (
    *("day_count", "fees_per_day", "fees_per_month", "grace_hours"),
    *("payments", "interval_days", "payment_no"),
)
LETTERS = {
    "DEPOSIT": "D",
    "WITHDRAWAL": "W",
    "TRANSFER_OUT": "O",
    "TRANSFER_IN": "I",
    "FEE": "F",
    "REVERSAL": "R",
    "INTEREST": "T",
}


class Attempts:
    """A bank that is told a table; ``answers`` are those of named lines."""

    def __init__(self, zone: tzinfo = UTC, **settings: Any) -> None:
        self.bank = Bank(zone, **settings)
        self.answers: dict[str, Answer] = {}
        self._ids: dict[str, str] = {}
        self._count = 0
        self._instant = "2026-01-01T00:00:00.000000Z"

    def tell(self, table: str) -> None:
        """Tell every line of *table*, and hold the answers against it."""
        for line in table.strip().splitlines():
            if line.startswith("@ "):
                self._instant = f"{line[2:]}.000000Z"
            elif line.strip() and not line.startswith("#"):
                self._tell(line)

    def _tell(self, line: str) -> None:
        said, _, right = line.partition(" -> ")
        words = said.split()
        name = words.pop(0)[:-1] if words[0].endswith(":") else ""
        answer = self._asked(name, words)
        code, *facts = right.split()
        assert answer.fields.get("code", "yes") == code, line
        for fact in facts:
            field, _, value = fact.partition("=")
            assert shown(answer, field) == value, f"{line}: its {field} is {shown(answer, field)}"

    def _asked(self, name: str, words: list[str]) -> Answer:
        self._count += 1
        command_id = self._ids[name] = str(UUID(int=self._count))
        fields = {field: self._meant(field, value) for field, _, value in (word.partition("=") for word in words[1:])}
        command = understood(json.dumps({"type": words[0], "command_id": command_id, **fields}))
        assert command is not None, words
        before = deepcopy(self._state())
        answer = self.answers[name] = self.bank.decide(command, self._instant)
        if "code" in answer.fields:
            after = self._state()
            after[-1].pop(command_id, None)
            assert after == before, f"{words} was refused, and has changed something"
        assert sum(amount for _, _, amount, _ in answer.booked) + sum(answer.house.values()) == 0, words
        return answer

    def _state(self) -> list[Json]:
        bank = self.bank
        return [bank.customers, bank.products, bank.accounts, dict(bank.transactions)]

    def _meant(self, field: str, value: str) -> Any:
        if field == "transaction_id":
            return self._ids.get(value, str(UUID(int=0)))
        if field == "tiers":
            return [dict(zip(("from", "rate"), one.split(":"), strict=True)) for one in value.split(";") if one]
        if field == "legs":
            return [leg(one) for one in value.split(";")]
        return int(value) if field in NUMBERS else WORDS.get(value, value)


def leg(text: str) -> Json:
    sides, _, amount = text.partition(":")
    source, _, destination = sides.partition(">")
    return {"source_account_id": source, "destination_account_id": destination, "amount": amount}


def shown(answer: Answer, field: str) -> str:
    """Return what *answer* shows as a table writes it: a field, one of its details or of its overdrafts."""
    if field == "entries":
        return ",".join(
            f"{one['account_id']}:{LETTERS[one['entry_type']]}{one['amount']}" for one in answer.fields["entries"]
        )
    if field == "schedule":
        return ",".join(f"{one['due']}:{one['amount']}" for one in answer.fields["schedule"])
    if field == "house":
        return ",".join(f"{name}:{amount}" for name, amount in sorted(answer.house.items()))
    overdraft = answer.fields.get("overdraft", {})
    parts = overdraft if isinstance(overdraft, list) else [overdraft]
    if field in parts[0]:
        return ",".join(written(one[field]) for one in parts)
    return written((answer.fields | answer.fields.get("details", {})).get(field))


def written(value: Any) -> str:
    return next((word for word, meant in WORDS.items() if meant is value), str(value))
