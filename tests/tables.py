"""The ledger's words in text tables of attempts and expected answers (``tests.rows``); ``tests.table_runs`` runs them.

``account`` makes an account with what is on it; ``LOOKS`` look at one: ``hold A1 H1`` at status, amount, captured and
remaining of its hold, ``last_fee`` at product, version and amount of the last fee that fell due, ``advance A1 V1`` at
status, amount, outstanding and written off, ``payment A1 V1 1`` at due day, status, amount, paid, and the payment that
it moved to, if any. Below an attempt stand ``leg`` (of a batch), ``entry`` (all of the answer's, in order),
``overdraft`` (used; ``fee``, ``waived``, ``by`` and ``back`` where there was such a thing; a row for each of a batch's
legs), ``used`` (the same for several legs that cost nothing), ``details`` and ``field`` (of the answer). Where a row
has a place for the name of its command (T1), a reversal or a repeat can use it again.

``at`` moves the clock on: the next attempt is decided at that very instant, those after it within microseconds.
``zone`` says where the bank's days begin, if not in UTC, ``limits`` and ``carry_over`` what it has set for advances.
``judged by rules`` marks a table that takes too many commands for a database; ``judged by engine`` one that needs its
memory of earlier answers: repeats, and ids that are used twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from processor.ledger.bank import Bank, limits_of
from processor.ledger.lending import CarryOver
from processor.ledger.products import BUILT_IN
from tests.rows import Json, Language, Row, Sheet, Verb

FOLDER: Final = Path(__file__).parent / "ledger" / "tables"

_PERSON = {"born": "date_of_birth", "ssn": "ssn", "name": "name", "address": "address", "kyc": "kyc_status"}
_SOMEBODY = {
    "name": "Ada",
    "date_of_birth": "1990-05-17",
    "ssn": "123-45-6789",
    "address": "here",
    "kyc_status": "VERIFIED",
}
_TERMS = {
    "type": "account_type",
    "interest": "interest",
    "mode": "tier_mode",
    "tiers": "tiers",
    "days": "day_count",
    "fee": "overdraft_fee",
    "a_day": "fees_per_day",
    "a_month": "fees_per_month",
    "first_waived": "first_fee_waived",
    "beyond": "fee_may_exceed_limit",
    "grace": "grace_hours",
}
_OPEN = {"type": "account_type", "overdraft": "overdraft_limit", "customer": "customer_id", "product": "product"}
_TEXTS = {"description": "description", "reference": "reference"}
_CASH = {"reason": "reason", "reference": "reference"}
_SETTLED = {"to": "destination_account_id", "reference": "reference"}
_MOVE = "source_account_id destination_account_id amount currency?"
_HOLD = "account_id hold_id"
_ADVANCE = "account_id advance_id"
_SAID = {"reason": "a table says so"}
VERBS: Final = {
    "customer": Verb(type="customer.create", places="customer_id", options=_PERSON, given=_SOMEBODY),
    "update": Verb(type="customer.update", places="customer_id", options={**_PERSON, "standing": "good_standing"}),
    "product": Verb(type="product.set", places="product currency", options=_TERMS, given={"account_type": "CHECKING"}),
    "open": Verb(type="account.open", places="account_id currency", options=_OPEN, given={"account_type": "CHECKING"}),
    "freeze": Verb(type="account.freeze", places="account_id", given=_SAID),
    "unfreeze": Verb(type="account.unfreeze", places="account_id", given=_SAID),
    "close": Verb(type="account.close", places="account_id", options={"to": "payout_account_id"}),
    "limit": Verb(type="account.set_overdraft", places="account_id overdraft_limit"),
    "set_product": Verb(type="account.set_product", places="account_id product"),
    "link": Verb(type="account.link_protection", places="account_id protection_account_id"),
    "transfer": Verb(type="transfer.make", places=f"NAME {_MOVE}", options=_TEXTS),
    "credit": Verb(type="transfer.make", places=f"NAME {_MOVE}", options=_TEXTS, given={"direction": "credit"}),
    "deposit": Verb(type="transfer.deposit", places="NAME account_id amount currency?", options=_CASH),
    "withdraw": Verb(type="transfer.withdraw", places="NAME account_id amount currency?", options=_CASH),
    "reverse": Verb(type="transfer.reverse", places="NAME account_id transaction_id", options={"reason": "reason"}),
    "batch": Verb(type="transfer.batch", places="NAME", options={"source": "source_account_id"}),
    "place": Verb(
        type="hold.place",
        places=f"{_HOLD} amount currency?",
        options={"reason": "reason", "until": "expires_at"},
        given={"reason": "DEBIT_CARD_AUTH"},
    ),
    "adjust": Verb(type="hold.adjust", places=f"{_HOLD} amount"),
    "extend": Verb(type="hold.extend", places=f"{_HOLD} expires_at"),
    "release": Verb(type="hold.release", places=_HOLD),
    "expire": Verb(type="hold.expire", places=_HOLD),
    "capture": Verb(
        type="settlement.capture", places=f"NAME {_HOLD} amount currency?", options={**_SETTLED, "final": "final"}
    ),
    "settle": Verb(type="settlement.post", places="NAME account_id amount currency?", options=_SETTLED),
    "request": Verb(
        type="advance.request",
        places=f"{_ADVANCE} amount currency?",
        options={"in": "payments", "every": "interval_days", "first": "first_due"},
    ),
    "collect": Verb(type="advance.collect", places=f"{_ADVANCE} payment_no"),
    "repay": Verb(type="advance.repay", places=f"{_ADVANCE} amount?"),
    "write_off": Verb(type="advance.write_off", places=_ADVANCE, given=_SAID),
    "check": Verb(type="advance.audit", places=_ADVANCE),
    "refund": Verb(type="settlement.refund", places="NAME account_id transaction_id amount?"),
    "accrue": Verb(type="interest.accrue", places="account_id date"),
    "post": Verb(type="interest.post", places="account_id month"),
}
LEGS: Final = {
    "leg": Verb(type="", places=_MOVE, options=_TEXTS),
    "leg_credit": Verb(type="", places=_MOVE, options=_TEXTS, given={"direction": "credit"}),
}
LOOKS: Final = ("balance", "available", "limit_of", "status", "hold", "protector", "last_fee", "advance", "payment")
WORDS: Final = Language(
    verbs=VERBS,
    more=(*LEGS, "entry", "overdraft", "used", "details", "field"),
    alone=("account", "at", *LOOKS),
    about=("judged", "zone", "limits", "carry_over"),
)
_FLAGS: Final = ("good_standing", "first_fee_waived", "fee_may_exceed_limit", "final")
_NUMBERS: Final = (
    *("fees_per_day", "fees_per_month", "grace_hours", "day_count"),
    *("payments", "interval_days", "payment_no"),
)


@dataclass(frozen=True, kw_only=True)
class Table(Sheet):
    """A file of rows. Its accounts, customers, products and commands share no id with those of another table."""

    language: ClassVar = WORDS
    zone: str = "UTC"
    limits: str = ""
    carry_over: str = "next"

    @property
    def is_timed(self) -> bool:
        return self.bank != Bank() or any(row.verb == "at" for row in self.rows)

    @property
    def defines(self) -> bool:
        """Say whether a product is defined."""
        return any(row.type == "product.set" for row in self.rows)

    @property
    def bank(self) -> Bank:
        """Return the bank whose settings the table gives."""
        limits, carry_over = limits_of(self.limits), CarryOver(self.carry_over)
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        return Bank(zone=zone, advance_limits=limits, carry_over=carry_over)

    def account_id(self, word: str) -> str:
        return word if word.startswith("house:") or word == "None" else f"{self.name}.{word}"

    def product(self, word: str) -> str:
        return word if word in BUILT_IN else f"{self.name}.{word}"

    def message(self, row: Row) -> Json:
        """Return the attempt of *row* as the object that goes on the wire."""
        said = super().message(row)
        if row.verb == "batch":
            said["legs"] = [self._leg(leg) for leg in row.more if leg.verb in LEGS]
        return said

    def _leg(self, row: Row) -> Json:
        return {name: self.sent(name, word) for name, word in LEGS[row.verb].fields(list(row.words)).items()}

    def meant(self, name: str, value: str) -> str:
        """Return what the *value* of a field stands for: ids are the table's own."""
        if name.endswith("account_id") or (name == "customer_id" and value != "None"):
            return self.account_id(value)
        if name == "product":
            return self.product(value)
        return self.command_id(value) if name.endswith("transaction_id") and value != "None" else value

    def sent(self, name: str, word: str) -> Any:
        """Return the JSON value that a *word* of a field stands for."""
        return _typed(name, self.meant(name, word))

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield (command type, expected answer) of each attempt, and of each leg that is refused."""
        for row in self.rows:
            if row.is_attempt:
                outcome, *leg = row.expected.split()
                yield row.type, outcome
                if outcome == "leg_refused":
                    yield "leg", leg[1]


def _typed(name: str, value: str) -> Any:
    """Return *value* as the JSON value that the field takes."""
    if name in _FLAGS:
        return {"yes": True, "no": False}[value]
    if name in _NUMBERS:
        return int(value)
    if name == "tiers":
        return [dict(zip(("from", "rate"), tier.split(":"), strict=True)) for tier in value.split(",")]
    return None if name == "protection_account_id" and value == "None" else value


def tables(folder: Path = FOLDER) -> list[Table]:
    """Return every table, in the order of their names."""
    return [read(path.stem, path.read_text("utf-8")) for path in sorted(folder.glob("*.txt"))]


read: Final = Table.read
