"""The same commands to the product and to the oracle: each answer is compared, and at the end everything on the books.

The oracle is told only when a command was decided and what was asked; what follows from that it says by itself. What
was seen on the way is counted, so that a run can show that it was about something.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import msgspec

from contracts.catalog import Catalog
from contracts.envelope import Command, moment_text
from contracts.specs import LEDGER
from partita.oracle import products
from partita.oracle.commands import same, understood
from partita.oracle.rules import Bank
from partita.oracle.state import Account, Advance, Hold
from processor.ledger.bank import Bank as Terms
from processor.ledger.lending import CarryOver
from tests.ledger.tables.rules_bank import START
from tests.rows import Json
from tests.table_runs import DECIMALS, Advanced, Fee, Held, Holding, Paying

_CATALOG: Final = Catalog()
_FRAME: Final = ("type", "command_id", "command_type", "occurred_at", "replayed")
_REFUSED: Final = ("reason", "details", "transaction_id")  # a sentence, and what depends on the code
# Where rules meet: what a run is counted to have come to, besides commands that were applied and codes.
MET: Final = (
    *("overdrawn", "charged", "waived", "refunded", "protected", "posted beside a lapsed hold"),
    *("earned", "interest paid", "interest kept back", "interest paid at last"),
    *("collected", "moved on", "moved behind the last"),
)
_COUNTED: Final = {
    "interest.accrued": ("earned", "accrued", "0.000000"),
    "interest.posted": ("interest paid", "transaction_id", None),
    "advance.payment_collected": ("collected", "payment_no", None),
}


class Entries(NamedTuple):
    """What was booked: (account, number, amount, balance after) for customers, the sum for each of the house's."""

    customers: list[tuple[str, int, int, int]]
    house: dict[str, int]


class OurBank(Protocol):
    """What is compared with the oracle."""

    async def decide_all(self, commands: Sequence[Command]) -> Sequence[tuple[int, str, Json]]:
        """Return place, type and body of the answer to each command, in the order of their decision."""

    async def move_to(self, instant: datetime) -> None:
        """Let what comes next be decided at *instant*, or as soon after it as can be."""

    async def holding(self, account_id: str) -> Holding | None:
        """Return what the books hold of an account."""

    async def entries(self) -> Entries:
        """Return everything that was booked."""


@dataclass(kw_only=True)
class TwoBanks:
    """Both banks, which have the same *terms*, and what was asked of them so far."""

    bank: OurBank
    terms: Terms
    seen: Counter[str]
    now: datetime = START
    asked: list[Json] = field(default_factory=list)
    waiting: list[tuple[Json, Command]] = field(default_factory=list)  # as the oracle and the product understand it
    alike: bool = True

    def __post_init__(self) -> None:
        limits = {code: Decimal(minor).scaleb(-DECIMALS[code]) for code, minor in self.terms.advance_limits.items()}
        extra = self.terms.carry_over == CarryOver.EXTRA
        self.oracle = Bank(self.terms.zone, advance_limits=limits, carried_extra=extra)
        self._answers: dict[str, tuple[Json, Json]] = {}  # id -> what was asked first, what was answered
        self._entries = Entries([], Counter())
        self._fees: dict[str, Fee] = {}  # the last one that fell due, by account
        self._fee_counts = Counter[str]()
        self._story: list[str] = []

    @property
    def today(self) -> date:
        """Return the bank's day."""
        return self.terms.day(self.now)

    def ask(self, type_: str, **fields: Any) -> None:
        """Let a new command wait for its decision; what is None is left out, but for a protection that ends."""
        given = {name: value for name, value in fields.items() if value is not None or name == "protection_account_id"}
        self.say({"command_id": str(UUID(int=len(self.asked) + 1)), "type": type_} | given)

    def say(self, said: Json) -> None:
        """Let a command wait, new or not."""
        self.asked.append(said)
        text = msgspec.json.encode(said)
        meant, command = understood(text.decode()), _CATALOG.understand(LEDGER, text)
        assert isinstance(command, Command), f"{said}: {command}"
        assert meant is not None, said
        self.waiting.append((meant, command))

    async def settle(self) -> None:
        """Have everything that waits decided, and compare the answers."""
        asked, self.waiting = self.waiting, []
        if not asked:
            return
        for place, type_, body in await self.bank.decide_all([command for _, command in asked]):
            self._judge(asked[place][0], type_, body)

    async def move_to(self, instant: datetime) -> None:
        """Have what waits decided, then let time pass until *instant*."""
        await self.settle()
        await self.bank.move_to(instant)
        self.now = instant

    async def end(self) -> None:
        """Compare what the books of both say."""
        await self.move_to(self.now + timedelta(seconds=1))  # everything was decided before
        for account_id, account in self.oracle.accounts.items():
            ours = await self.bank.holding(account_id)
            theirs = _holding(account, moment_text(self.now), self._fees.get(account_id))
            assert ours == theirs, "\n".join([*self._story, account_id])
        booked = await self.bank.entries()
        assert sorted(booked.customers) == sorted(self._entries.customers), "\n".join(self._story)
        house = {account_id: minor for account_id, minor in self._entries.house.items() if minor}
        assert {account_id: minor for account_id, minor in booked.house.items() if minor} == house

    def _judge(self, meant: Json, type_: str, body: Json) -> None:
        self.now = max(self.now, datetime.fromisoformat(body["occurred_at"]))
        said = {name: value for name, value in meant.items() if name not in ("command_id", "type")}
        self._story.append(f"{body['occurred_at']} {meant['type']} {said} -> {body.get('code', type_)}")
        try:
            if meant["command_id"] in self._answers:
                self._judge_again(meant, type_, body)
            else:
                self._judge_first(meant, type_, body)
        except AssertionError as error:
            self.alike = False
            raise AssertionError("\n".join([*self._story, str(error)])) from None

    def _judge_first(self, meant: Json, type_: str, body: Json) -> None:
        deed = meant["command_id"]
        self._answers[deed] = meant, body
        lapsed = any(hold.expired(body["occurred_at"]) for each in self.oracle.accounts.values() for hold in each.open)
        right = self.oracle.decide(meant, body["occurred_at"])
        assert (type_, body.get("code")) == (right.type, right.fields.get("code")), f"right is {right}"
        expected = {name: value for name, value in right.fields.items() if value is not None}
        details, told = expected.pop("details", {}), body.get("details", {})
        assert {name: told.get(name) for name in details} == details
        if "code" in expected:
            assert body["reason"]
            assert body.get("transaction_id", deed) == deed
        about = (*_FRAME, *_REFUSED) if "code" in expected else _FRAME
        said = {name: value for name, value in body.items() if name not in about and value is not None}
        assert said == expected, f"said {said}, right is {expected}"
        self.seen["interest paid at last"] += right.type == "account.closed" and any(
            "interest" in to for to in right.house
        )
        self._book(right.booked, right.house)
        for account_id in {account_id for account_id, *_ in right.booked}:
            self._note_fee(self.oracle.accounts[account_id])
        self._count(meant["type"], body, lapsed=lapsed)

    def _judge_again(self, meant: Json, type_: str, body: Json) -> None:
        first, answer = self._answers[meant["command_id"]]
        if same(first, meant):
            assert body == answer | {"replayed": True}
            self.seen["repeat"] += 1
        else:
            rejected = f"{meant['type'].partition('.')[0]}.rejected"
            assert (type_, body.get("code"), "transaction_id" in body) == (rejected, "command_id_reused", False)
            self.seen["reuse"] += 1

    def _book(self, booked: Sequence[tuple[str, int, Decimal, Decimal]], house: dict[str, Decimal]) -> None:
        for account_id, number, amount, balance in booked:
            decimals = self.oracle.accounts[account_id].decimals
            self._entries.customers.append((account_id, number, _minor(amount, decimals), _minor(balance, decimals)))
        for account_id, amount in house.items():
            self._entries.house[account_id] += _minor(amount, DECIMALS[account_id[-3:]])

    def _note_fee(self, account: Account) -> None:
        """Remember the last fee of an account as it was when it fell due: its product may change."""
        if len(account.fees) > self._fee_counts[account.id]:
            self._fee_counts[account.id] = len(account.fees)
            version = products.of(self.oracle, account.product).version
            last = account.fees[-1]
            minor = _minor(last.amount, account.decimals) if last.charged else 0
            self._fees[account.id] = Fee(product=account.product, version=version, amount_minor=minor)

    def _count(self, asked: str, body: Json, *, lapsed: bool) -> None:
        self.seen[f"{asked} {body.get('code', 'applied')}"] += 1
        if body.get("code") == "leg_refused":
            self.seen[f"leg {body['details']['code']}"] += 1
        views = body.get("overdraft", [])
        for view in views if isinstance(views, list) else [views]:
            self.seen["waived"] += view["waived"]
            self.seen["charged"] += Decimal(view["fee"]) > 0
            self.seen["refunded"] += Decimal(view["fee_refunded"]) > 0
            self.seen["protected"] += view["protected_by"] is not None
            self.seen["overdrawn"] += Decimal(view["used"]) > 0
        self.seen["posted beside a lapsed hold"] += lapsed and "overdraft" in body
        if body["type"] in _COUNTED:
            what, name, nothing = _COUNTED[body["type"]]
            self.seen[what] += body.get(name) != nothing
        if body["type"] == "interest.posted":
            self.seen["interest kept back"] += bool(self.oracle.accounts[body["account_id"]].accrual.months)
        if body["type"] == "advance.payment_failed":
            advance = self.oracle.accounts[body["account_id"]].advances[body["advance_id"]]
            self.seen["moved behind the last" if body["moved_to"] > advance.planned else "moved on"] += 1


def _holding(account: Account, instant: str, last_fee: Fee | None) -> Holding:
    return Holding(
        currency=account.currency,
        status=account.status,
        ledger_minor=_minor(account.balance, account.decimals),
        available_minor=_minor(account.available(instant), account.decimals),
        overdraft_limit_minor=_minor(account.limit, account.decimals),
        protector_id=account.protection,
        holds={hold_id: _held(hold, account.decimals) for hold_id, hold in account.holds.items()},
        last_fee=last_fee,
        advances={name: _advanced(advance, account.decimals) for name, advance in account.advances.items()},
    )


def _advanced(advance: Advance, decimals: int) -> Advanced:
    payments = {
        payment.number: Paying(
            due=payment.due,
            status=payment.status,
            amount_minor=_minor(payment.amount, decimals),
            paid_minor=_minor(payment.paid, decimals),
            moved_to=payment.moved_to,
        )
        for payment in advance.payments
    }
    return Advanced(
        status=advance.status,
        amount_minor=_minor(advance.amount, decimals),
        outstanding_minor=_minor(advance.outstanding, decimals),
        written_off_minor=_minor(advance.written_off, decimals),
        payments=payments,
    )


def _held(hold: Hold, decimals: int) -> Held:
    return Held(
        status=hold.status,
        amount_minor=_minor(hold.amount, decimals),
        captured_minor=_minor(hold.captured, decimals),
        remaining_minor=_minor(hold.remaining, decimals),
    )


def _minor(amount: Decimal, decimals: int) -> int:
    minor = amount.scaleb(decimals)
    assert minor == int(minor), "money is counted in minor units"
    return int(minor)
