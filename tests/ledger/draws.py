"""What may be drawn next, by what the oracle knows: amounts that just fit or just do not, instants that just matter."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

from contracts.envelope import moment_text
from partita.oracle import products
from partita.oracle.state import ZERO, Account, Hold
from partita.oracle.transfers import REVERSIBLE
from tests.ledger.two_banks import TwoBanks
from tests.rows import Json

T = TypeVar("T")

SETTLEMENTS: Final = ("settlement.capture", "settlement.post")
UNKNOWN: Final = "ffffffff-ffff-4fff-bfff-ffffffffffff"
TICK: Final = timedelta(microseconds=1)
_AMOUNTS: Final = ("0.01", "1", "2", "5", "5.0", "10", "12.34", "30")
_ODD_AMOUNTS: Final = ("0.001", "10000000000000")
_STEPS: Final = (timedelta(seconds=1), timedelta(minutes=30), timedelta(hours=1), *[timedelta(days=1)] * 2)


class _Interest(NamedTuple):
    kind: str | None = None
    tiers: list[Json] | None = None


_TIERS: Final = [{"from": "0", "rate": "0.0123456789"}, {"from": "10", "rate": "0.9"}, {"from": "30", "rate": "0.1"}]
_INTEREST: Final = (
    *(_Interest("simple", [{"from": "0", "rate": "9.99"}]), _Interest("simple", _TIERS)),
    *[_Interest("compound", _TIERS)] * 2,
)
_SENSELESS: Final = (_Interest("simple", _TIERS[::-1]), _Interest(None, _TIERS))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws for one step."""

    luck: Random
    banks: TwoBanks

    def one_of(self, choices: Iterable[T]) -> T:
        """Draw one of *choices*."""
        return self.luck.choice(list(choices))

    def coin(self) -> bool:
        """Draw one of two sides."""
        return self.one_of([True, False])

    def maybe(self, *choices: Any) -> Any:
        """Draw one of *choices*, or None as often as not."""
        return self.one_of([*choices, *[None] * len(choices)])

    def account(self) -> str:
        """Draw an account: mostly one that is live, more often one of the first two, where things come together."""
        return self.one_of([*self.live() * 5, *self.live()[:2] * 5, self.odd()])

    def odd(self) -> str:
        """Draw any other account, or none."""
        live = self.live()
        others = [each.id for each in self.banks.oracle.accounts.values() if each.id not in live]
        return self.one_of([*others[-3:], "nobody", "house:cash:USD"])

    def live(self) -> list[str]:
        """Return the accounts in dollars that are not closed; there are few others."""
        accounts = self.banks.oracle.accounts.values()
        return [each.id for each in accounts if each.status != "CLOSED" and each.currency == "USD"]

    def pair(self) -> list[str]:
        """Draw two accounts: mostly two between which money may move."""
        live = self.live()
        fit = self.one_of([True] * 8 + [False]) and len(live) > 1
        return self.luck.sample(live, 2) if fit else [self.account(), self.account()]

    def amount(self, account_id: str, *edges: Decimal) -> str:
        """Draw an amount: as often as not at one of *edges*, else at the edge of what the account has, or any."""
        account = self.banks.oracle.accounts.get(account_id)
        just = _at(account, edges)
        if just and self.coin():
            return self.one_of(just)
        own = () if account is None else self._edges(account)
        return self.one_of([*_AMOUNTS, *_at(account, own), *_ODD_AMOUNTS])

    def money(self, account_id: str, *edges: Decimal) -> Json:
        """Draw an amount, and its currency where it is given."""
        currency = self.one_of([*[""] * 24, *["USD"] * 6, "JPY", "XXX"])
        return {"amount": self.amount(account_id, *edges)} | ({"currency": currency} if currency else {})

    def hold(self) -> Json:
        """Draw a hold, mostly an open one, or a name that none has."""
        accounts = self.banks.oracle.accounts.values()
        held = [(each.id, hold) for each in accounts for hold in each.open]
        open_ = [(account_id, hold.id) for account_id, hold in held for _ in range(4 if hold.captured else 1)]
        ended = [(each.id, hold_id) for each in accounts for hold_id in each.holds]
        account_id, hold_id = self.one_of([*open_ * 8, *ended[-2:], (self.account(), "none")])
        return {"account_id": account_id, "hold_id": hold_id}

    def held(self, which: Json) -> Hold | None:
        """Return the hold that was drawn."""
        account = self.banks.oracle.accounts.get(which["account_id"])
        return account.holds.get(which["hold_id"]) if account else None

    def deed(self, types: tuple[str, ...]) -> Json:
        """Draw a transaction, mostly one of *types*, and the account that it was made from."""
        done = self.banks.oracle.transactions
        fit = [deed for deed, made in done.items() if made.type in types and not made.refused]
        deed = self.one_of([*fit[-6:] * 4, *list(done)[-4:], UNKNOWN])
        maker = done[deed].maker if deed in done else ""
        account_id = self.one_of([*[maker or self.account()] * 12, self.account()])
        return {"account_id": account_id, "transaction_id": deed}

    def reversible(self) -> Json:
        """Draw a transaction that may be reversed, mostly; often a batch, whose legs may have passed money on."""
        return self.deed(self.one_of([REVERSIBLE, ("transfer.batch",)]))

    def fresh_hold(self) -> Json:
        """Draw an account, the name of a hold, mostly one that it has not, and when that is to expire, if ever."""
        account_id = self.account()
        account = self.banks.oracle.accounts.get(account_id)
        holds = [*account.holds] if account else []
        name = self.one_of([*[f"H{len(holds)}"] * 6, *holds[-2:]])
        until = self.one_of([None, self.expiry(), self.expiry()])
        return {"account_id": account_id, "hold_id": name, "expires_at": until}

    def capturable(self, which: Json) -> list[Decimal]:
        """Return what is left of a hold, and half of it, if that is anything."""
        hold = self.held(which)
        if hold is None or hold.remaining <= 1:
            return []
        return [hold.remaining, (hold.remaining / 2).quantize(hold.remaining)]

    def refundable(self, which: Json) -> list[Decimal]:
        """Return what has not come back of a transaction, if it is one."""
        made = self.banks.oracle.transactions.get(which["transaction_id"])
        return [made.legs[0].amount - made.refunded] if made and made.legs else []

    def leg(self) -> Json:
        """Draw what a transfer says, a debit or a credit."""
        one, other = self.pair()
        money = self.money(one)
        if self.one_of([True, False, False]):
            return {"source_account_id": other, "destination_account_id": one, "direction": "credit"} | money
        return {"source_account_id": one, "destination_account_id": other} | money

    def destination(self) -> Json:
        """Draw where a settlement goes to."""
        return {"destination_account_id": self.one_of([None, None, self.account(), self.account(), self.odd()])}

    def terms(self) -> Json:
        """Draw what a product says of fees and of interest."""
        flags = [None, True, False, False]
        interest = self.one_of([*[_Interest()] * 4, *_INTEREST * 2, *_SENSELESS])
        return {
            "overdraft_fee": self.one_of([*["2", "5", "1"] * 3, "0", "0.01", "0.001", None]),
            "fees_per_day": self.one_of([1, 2, 2, 3, *[None] * 4, 0]),
            "fees_per_month": self.one_of([1, 2, 2, 4, *[None] * 4, 0]),
            "first_fee_waived": self.one_of(flags),
            "fee_may_exceed_limit": self.one_of(flags),
            "grace_hours": self.one_of([None, 1, 24, 24, 100, 100]),
            **self.earning(interest),
        }

    def earning(self, interest: _Interest | None = None) -> Json:
        """Draw what a product says of interest, something sensible where nothing is given."""
        interest = interest or self.one_of(_INTEREST)
        more = {"tier_mode": self.one_of([None, "marginal"]), "day_count": self.one_of([None, 360])}
        return {"interest": interest.kind, "tiers": interest.tiers, **more}

    def expiry(self) -> str:
        """Draw when a hold is to expire, rarely an instant that is past."""
        now = self.banks.now
        instant = self.one_of([*self._ahead(), now, now - timedelta(hours=1)])
        return self.one_of([moment_text(instant), instant.astimezone(self.banks.terms.zone).isoformat()])

    def later(self) -> datetime:
        """Draw an instant to come: soon, at the turn of a day, month or year, or when something is due or over."""
        now, accounts = self.banks.now, self.banks.oracle.accounts.values()
        expiries = [hold.expires_at for each in accounts for hold in each.open if hold.expires_at]
        due = [*map(datetime.fromisoformat, expiries), *chain.from_iterable(map(self._graces, accounts))]
        matters = [when for instant in due for when in (instant - TICK, instant, instant + TICK) if when > now]
        return self.one_of(matters if matters and self.coin() else self._ahead())

    def overdraft(self) -> tuple[str, str]:
        """Draw an account, and an amount beyond what is available: less than, just or more than it may be."""
        account = self.banks.oracle.accounts[self.one_of(self.live() or self.banks.oracle.accounts)]
        available, *edges = self._edges(account)
        beyond = [edge for edge in edges if edge > available]
        return account.id, self.one_of(_at(account, [available, *beyond, available + 1, available + 2]) or ["1"])

    def debt(self) -> tuple[str, str, datetime]:
        """Draw an account, mostly one that is overdrawn, what brings it back to zero or just does not, and until when.

        Until then, or a tick too late, a fee of it comes back; if none does, that is now.
        """
        accounts = list(self.banks.oracle.accounts.values())
        graced, indebted = (
            [each for each in accounts if self._graces(each)],
            [each for each in accounts if each.balance < 0],
        )
        account = self.one_of([*graced * 6, *indebted * 3, *accounts])
        until = self.one_of(
            [last + late for last in self._graces(account) for late in (timedelta(0), TICK)] or [self.banks.now]
        )
        return account.id, self.one_of(_at(account, [-account.balance]) or ["1"]), until

    def _graces(self, account: Account) -> list[datetime]:
        """Return until when each fee of an account comes back."""
        graces = [datetime.fromisoformat(fee.until) for fee in account.fees if fee.until and not fee.refunded]
        return [until for until in graces if until > self.banks.now]

    def _ahead(self) -> list[datetime]:
        now, today = self.banks.now, self.banks.today
        days = [
            *[today + timedelta(days=1)] * 3,
            (today.replace(day=1) + timedelta(days=32)).replace(day=1),
            today.replace(today.year + 1, 1, 1),
        ]
        turns = [datetime.combine(day, time(), self.banks.terms.zone).astimezone(UTC) for day in days]
        before = [turn - TICK for turn in turns if turn - TICK > now]
        return [*(now + step for step in _STEPS * 3), *before, *(turn for turn in turns if turn > now)]

    def _edges(self, account: Account) -> list[Decimal]:
        oracle, instant = self.banks.oracle, moment_text(self.banks.now)
        available = account.available(instant)
        within = available + account.limit
        fee = Decimal(products.of(oracle, account.product).fee_minor).scaleb(-account.decimals)
        by = oracle.accounts.get(account.protection or "")
        protected = [max(ZERO, available) + by.available(instant)] if by else []
        return [available, within, within - fee, account.balance, -account.balance, *protected]


def _at(account: Account | None, edges: Iterable[Decimal]) -> list[str]:
    """Return what is just below, at and just above each edge, as far as it is an amount."""
    least = Decimal(1).scaleb(-(account.decimals if account else 2))
    near = chain.from_iterable((edge - least, edge, edge + least) for edge in edges)
    return [f"{amount:f}" for amount in near if amount > 0]
