"""The oracle on what partitions decide at the same time, on the house's side of fees, and on what is held at last."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from partita.oracle.books import Answer
from partita.oracle.history import Booked, History, Standing, Told
from partita.oracle.judge import findings
from partita.oracle.rules import Bank

Json = dict[str, Any]
Step = tuple[int, int, str, Json, str]  # partition, second, type, fields, the code if it is refused whatever is right
START, DAY = datetime(2026, 3, 1, tzinfo=UTC), 24 * 60 * 60
OPENING = {"account_type": "CHECKING", "currency": "USD"}
CUSTOMER = {"name": "Ann", "date_of_birth": "1980-02-29", "ssn": "123456789", "address": "", "kyc_status": "VERIFIED"}


def uuid(number: int) -> str:
    return str(UUID(int=number))


class Run:
    """A run in which every step is answered, each right but where it has a code."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.bank = Bank()
        self.history = History(records={}, events=[], entries=[], accounts=[])
        self._house: dict[tuple[str, int], list[int]] = defaultdict(list)
        for step in steps:
            self._take(*step)
        self._close()

    def _take(self, partition: int, second: int, type_: str, fields: Json, code: str) -> None:
        command = {"type": type_, "command_id": uuid(len(self.history.events) + 1), **fields}
        instant, family = f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%fZ}", type_.partition(".")[0]
        refusal = {"code": code, "details": {"account_id": fields.get("account_id")}}
        answer = Answer(type=f"{family}.rejected", fields=refusal) if code else self.bank.decide(dict(command), instant)
        seq = 1 + sum(told.partition == partition for told in self.history.events)
        self.history.records[partition, seq] = json.dumps(command)
        self.history.events.append(
            Told(
                partition=partition,
                seq=seq,
                kind=1,
                source_offset=seq,
                occurred_at=instant,
                command_id=command["command_id"],
                type=answer.type,
                payload=answer.fields | {"type": answer.type, "occurred_at": instant},
            )
        )
        for name, number, amount, after in answer.booked:
            self._enter(name, number, (partition, seq), amount, after)
        for name, amount in answer.house.items():
            sums = self._house[name, partition]
            sums.append(int(amount * 100))
            self._enter(name, len(sums), (partition, seq), amount, Decimal(sum(sums)) / 100)

    def _enter(self, name: str, number: int, place: tuple[int, int], amount: Decimal, after: Decimal) -> None:
        cents = {"amount_minor": int(amount * 100), "balance_after_minor": int(after * 100)}
        self.history.entries.append(Booked(account_id=name, entry_no=number, partition=place[0], seq=place[1], **cents))

    def _close(self) -> None:
        for name, account in self.bank.accounts.items():
            held = sum(hold.remaining for hold in account.open)
            self._stand(name, -1, int(account.balance * 100), int((account.balance - held) * 100), account.status)
        for (name, partition), sums in self._house.items():
            self._stand(name, partition, sum(sums), sum(sums), "")

    def _stand(self, name: str, partition: int, ledger: int, available: int, status: str) -> None:
        minor = {"ledger_minor": ledger, "available_minor": available}
        standing = Standing(account_id=name, partition=partition, currency="USD", status=status, **minor)
        self.history.accounts.append(standing)


A: Json = {"account_id": "A"}
N: Json = {"account_id": "N", **OPENING}
X: Json = {"customer_id": "X"}
OPEN: tuple[str, Json] = ("account.open", {"account_id": "X", **OPENING})
# What is made, what misses it, and the code that says so; A is there before.
MISSES: list[tuple[str, Json, str, Json, str]] = [
    ("customer.create", X | CUSTOMER, "account.open", X | N, "customer_not_found"),
    ("customer.create", X | CUSTOMER, "customer.update", X, "customer_not_found"),
    ("product.set", {"product": "X", **OPENING}, "account.open", {"product": "X", **N}, "product_not_found"),
    ("product.set", {"product": "X", **OPENING}, "account.set_product", A | {"product": "X"}, "product_not_found"),
    (*OPEN, "account.link_protection", A | {"protection_account_id": "X"}, "protection_account_not_found"),
    (*OPEN, "settlement.post", A | {"amount": "1", "destination_account_id": "X"}, "destination_not_found"),
    (*OPEN, "hold.release", {"account_id": "X", "hold_id": "h"}, "account_not_found"),
    (
        "settlement.post",
        A | {"amount": "1"},
        "settlement.refund",
        A | {"transaction_id": uuid(2)},
        "transaction_not_found",
    ),
]


@pytest.mark.parametrize("miss", MISSES, ids=[f"{miss[2]}-{miss[4]}" for miss in MISSES])
@pytest.mark.parametrize(
    ("partition", "second", "justified"),
    [(1, 12, True), (0, 12, False), (1, 13, False), (1, 12 + 3 * DAY, True), (1, 13 + DAY, False)],
)
def test_what_another_partition_is_making_may_be_missed_for_a_while(
    miss: tuple[str, Json, str, Json, str], partition: int, second: int, *, justified: bool
) -> None:
    make, made, type_, fields, code = miss
    steps = [(0, 1, "account.open", {"account_id": "A", **OPENING}, ""), (0, 2, make, made, "")]
    found = findings(Run([*steps, (partition, second, type_, fields, code)]).history)
    assert (found == []) == justified, found


def test_what_is_there_is_not_missed_because_something_else_of_its_name_was_just_made() -> None:
    opened = (1, 1, "account.open", {"account_id": "X", **OPENING}, "")
    made = (0, 20, "customer.create", {"customer_id": "X", **CUSTOMER}, "")
    asked = (1, 21, "hold.release", {"account_id": "X", "hold_id": "h"}, "account_not_found")
    (found,) = findings(Run([opened, made, asked]).history)
    assert found.endswith("says account_not_found, right is hold.rejected hold_not_found")


def test_a_hold_is_never_missed_for_it_lies_below_its_account() -> None:
    steps = [
        (0, 1, "account.open", {"account_id": "A", **OPENING}, ""),
        (0, 2, "hold.place", {"account_id": "A", "hold_id": "h", "amount": "1", "reason": "LEGAL"}, ""),
        (1, 3, "hold.release", {"account_id": "A", "hold_id": "h"}, "hold_not_found"),
    ]
    found = findings(Run(steps).history)
    assert found[0].endswith("says hold_not_found, right is hold.released yes")


FEES: list[Step] = [
    (0, 1, "product.set", {"product": "p", **OPENING, "overdraft_fee": "5", "first_fee_waived": False}, ""),
    (0, 2, "account.open", {"account_id": "A", **OPENING, "product": "p", "overdraft_limit": "9"}, ""),
    (0, 3, "hold.place", {"account_id": "A", "hold_id": "h", "amount": "4", "reason": "LEGAL"}, ""),
    (0, 4, "transfer.withdraw", {"account_id": "A", "amount": "2"}, ""),
]
Plant = Callable[[History], None]


def fee_to_the_cash(history: History) -> None:
    entries = history.entries
    entries[-1] = replace(entries[-1], account_id="house:cash:USD", entry_no=2, balance_after_minor=700)
    history.accounts[-1:] = []
    history.accounts[-1] = replace(history.accounts[-1], ledger_minor=700)


def fee_not_told(history: History) -> None:
    payload = history.events[-1].payload or {}
    history.events[-1] = replace(
        history.events[-1], payload=payload | {"overdraft": payload["overdraft"] | {"fee": "0.00"}}
    )


def hold_forgotten(history: History) -> None:
    history.accounts[0] = replace(history.accounts[0], available_minor=history.accounts[0].ledger_minor)


def number_told(history: History) -> None:
    history.events[0] = replace(history.events[0], payload=(history.events[0].payload or {}) | {"version": 2})


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (
            fee_to_the_cash,
            "the house got {'house:cash:USD': 700}, right is {'house:cash:USD': 200, 'house:fees:USD': 500}",
        ),
        (fee_not_told, "its overdraft is "),
        (hold_forgotten, "account A: ends as (-700, -700, 'USD', 'ACTIVE'), right is (-700, -1100, 'USD', 'ACTIVE')"),
        (number_told, "its version is 2, right is 1"),
    ],
)
def test_what_is_wrong_with_a_fee_a_hold_or_a_product_is_found(plant: Plant, finding: str) -> None:
    history = Run(FEES).history
    assert findings(history) == []
    plant(history)
    (found,) = findings(history)
    assert finding in found


V: Json = A | {"advance_id": "v"}
OVER_TIME: list[Step] = [
    (0, 1, "account.open", A | OPENING | {"account_type": "SAVINGS", "product": "savings"}, ""),
    (0, 2, "transfer.deposit", A | {"amount": "3650"}, ""),
    (0, 3 + DAY, "interest.accrue", A | {"date": "2026-03-01"}, ""),
    (0, 4 + DAY, "advance.request", V | {"amount": "10", "payments": 2, "first_due": "2026-03-01"}, ""),
    (0, 5 + DAY, "transfer.withdraw", A | {"amount": "3656"}, ""),
    (0, 6 + DAY, "advance.collect", V | {"payment_no": 1}, ""),
]


@pytest.mark.parametrize(
    ("index", "name", "told", "finding"),
    [
        (2, "accrued", "0.200001", "its accrued is 0.200001, right is 0.200000"),
        (2, "days", 2, "its days is 2, right is 1"),
        (3, "schedule", [], "its schedule is [], right is [{'payment_no': 1, 'due': '2026-03-01', 'amount': '5.00', "),
        (3, "outstanding", "9.99", "its outstanding is 9.99, right is 10.00"),
        (5, "moved_to", 3, "its moved_to is 3, right is 2"),
    ],
)
def test_what_is_wrong_with_a_day_or_a_payment_is_found(index: int, name: str, told: object, finding: str) -> None:
    history = Run(OVER_TIME).history
    assert findings(history) == []
    event = history.events[index]
    history.events[index] = replace(event, payload=(event.payload or {}) | {name: told})
    (found,) = findings(history)
    assert finding in found


def test_a_number_that_is_told_is_found() -> None:
    history = Run([(0, 1, "customer.create", {"customer_id": "C", **CUSTOMER}, "")]).history
    assert findings(history) == []
    history.events[0] = replace(history.events[0], payload=(history.events[0].payload or {}) | {"ssn": "123456789"})
    (found,) = findings(history)
    assert "its ssn is" in found


@pytest.mark.parametrize(
    ("moved", "available", "right"), [(4, 300, True), (4, 700, True), (4, 500, False), (6, 700, True), (6, 300, False)]
)
def test_what_has_expired_is_held_at_last_no_longer_than_until_the_next_entry(
    moved: int, available: int, *, right: bool
) -> None:
    hold = {"hold_id": "h", "amount": "4", "reason": "LEGAL", "expires_at": "2026-03-01T00:00:05Z"}
    steps: list[Step] = [
        (0, 1, "account.open", {**A, **OPENING}, ""),
        (0, 2, "hold.place", A | hold, ""),
        (0, moved, "transfer.deposit", A | {"amount": "7"}, ""),
        (0, 9, "account.open", N, ""),
    ]
    history = Run(steps).history
    history.accounts[0] = replace(history.accounts[0], available_minor=available)
    assert (findings(history) == []) == right
