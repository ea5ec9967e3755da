"""A state machine that asks whatever it can, in whatever order, of a bank and of the oracle: each command has its step.

Few accounts, few holds and small amounts, so that the rules meet. ``Machine`` leaves open which bank that is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle
from random import Random
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from processor.ledger.bank import Bank
from processor.ledger.lending import CarryOver
from tests.ledger.draws import SETTLEMENTS, Draws
from tests.ledger.over_time import OverTime
from tests.ledger.two_banks import OurBank, TwoBanks
from tests.rows import Json

ZONES: Final = ("UTC", "America/New_York", "Pacific/Kiritimati")
LUCK: Final = st.randoms(
    use_true_random=True
)  # a seed is drawn, and all else by it: the same example twice is the same
FEW: Final = 2  # accounts in dollars that are not closed, at least
LIVE: Final = 5  # and at most
LIMITS: Final = {"USD": 40_00}  # of advances
_PERSON: Final = {"name": "Ada", "date_of_birth": "1990-05-17", "ssn": "123-45-6789", "address": "here"}
_CUSTOMERS: Final = ("P", "P", "P", "P", "Q", "N", "N", "nobody")
_PRODUCTS: Final = (*["own"] * 6, *["yen"] * 4, "plain", "standard", "standard", "savings", "none", "none")


class Machine(OverTime):
    """The same to both banks; as many commands wait to be decided together as *together* says in turn."""

    together: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, seen: Counter[str]) -> None:
        super().__init__()
        self._seen = seen
        self._runner = asyncio.Runner()
        self._sizes = cycle(self.together)
        self._size = next(self._sizes)

    async def open_bank(self, terms: Bank) -> OurBank:
        """Open the bank that is compared with the oracle."""
        raise NotImplementedError

    async def check_books(self) -> None:
        """Check what else must hold of the bank's books at the end."""

    async def close_bank(self) -> None:
        """Let the bank go."""

    @initialize(zone=st.sampled_from(ZONES), carry_over=st.sampled_from(CarryOver), luck=LUCK)
    def begin(self, zone: str, carry_over: CarryOver, luck: Random) -> None:
        terms = Bank(zone=ZoneInfo(zone), advance_limits=LIMITS, carry_over=carry_over)
        bank = self._runner.run(self.open_bank(terms))
        self.banks = TwoBanks(bank=bank, terms=terms, seen=self._seen)
        self.draws = Draws(luck=luck, banks=self.banks)
        for name, kyc in (("P", "VERIFIED"), ("Q", "VERIFIED"), ("N", "PENDING")):
            self.ask("customer.create", customer_id=name, kyc_status=kyc, **_PERSON)
        for name, currency in (("own", "USD"), ("yen", "JPY")):
            said = self.draws.terms() | self.draws.earning() | {"overdraft_fee": "5"}
            self.ask("product.set", product=name, account_type="CHECKING", currency=currency, **said)
        for name, currency, limit, more in (
            ("A", "USD", "20", {"customer_id": "P", "product": "own"}),
            ("B", "USD", "50", {"customer_id": "P"}),
            ("C", "USD", "10", {"customer_id": "P", "product": "own"}),
            ("J", "JPY", "9", {}),
            ("Z", "USD", "0", {}),
        ):
            about = {"account_type": "CHECKING", "currency": currency, "overdraft_limit": limit}
            self.ask("account.open", account_id=name, **about | more)
            self.ask("transfer.deposit", account_id=name, amount="30")
        self.ask("account.close", account_id="Z", payout_account_id="C")
        self.ask("account.link_protection", account_id="A", protection_account_id="B")
        self.ask("account.link_protection", account_id="B", protection_account_id="C")
        self._runner.run(self.banks.settle())

    @rule()
    def manage_customers_and_products(self) -> None:
        self.draws.one_of([self._create_customer, self._update_customer, self._set_product])()

    def _create_customer(self) -> None:
        days = map(str, (self.banks.today, self.banks.today + timedelta(days=1)))
        person = _PERSON | {"date_of_birth": self.draws.one_of(["1990-05-17", "1990-02-30", *days])}
        kyc = self.draws.one_of([None, "VERIFIED", "REJECTED"])
        self.ask("customer.create", customer_id=self.draws.one_of(_CUSTOMERS), kyc_status=kyc, **person)

    def _update_customer(self) -> None:
        draws = self.draws
        standing, address = draws.one_of([None, True, False, False]), draws.maybe("", "there")
        kyc = draws.one_of([None, None, "PENDING", "VERIFIED", "VERIFIED"])
        who = draws.one_of(_CUSTOMERS)
        self.ask("customer.update", customer_id=who, good_standing=standing, kyc_status=kyc, address=address)

    def _set_product(self) -> None:
        name = self.draws.one_of(["own", "own", "own", "own", "yen", "standard"])
        account_type = self.draws.one_of(["CHECKING", "CHECKING", "CHECKING", "SAVINGS"])
        currency = self.draws.one_of([*["USD"] * 6, "JPY", "XXX"])
        self.ask("product.set", product=name, account_type=account_type, currency=currency, **self.draws.terms())

    @rule()
    def manage_accounts(self) -> None:
        steps = [self._open, self._limit, self._give_product]
        if len(self.draws.live()) < LIVE:
            steps += [self._open] * 3
        self.draws.one_of(steps)()

    def _open(self) -> None:
        draws = self.draws
        fresh = [f"A{len(self.banks.oracle.accounts)}"] * 8 if len(draws.live()) < LIVE else []
        self.ask(
            "account.open",
            account_id=draws.one_of([*fresh, "A", "A", "house:cash:USD"]),
            account_type=draws.one_of(["CHECKING", "CHECKING", "CHECKING", "SAVINGS", "MONEY_MARKET"]),
            currency=draws.one_of([*["USD"] * 12, "JPY", "XXX"]),
            customer_id=draws.maybe(*_CUSTOMERS),
            overdraft_limit=draws.maybe("0", "5", "20", "0.001"),
            product=draws.maybe(*_PRODUCTS),
        )

    def _limit(self) -> None:
        account_id = self.draws.account()
        limit = self.draws.one_of(["0", "0", "5", "20", "50", self.draws.amount(account_id)])
        self.ask("account.set_overdraft", account_id=account_id, overdraft_limit=limit)

    def _give_product(self) -> None:
        self.ask("account.set_product", account_id=self.draws.account(), product=self.draws.one_of(_PRODUCTS))

    @rule(thaw=st.booleans())
    def freeze(self, *, thaw: bool) -> None:
        frozen = [each.id for each in self.banks.oracle.accounts.values() if each.status == "FROZEN"]
        account_id = self.draws.one_of([*frozen * 6 * thaw, self.draws.account()])
        self.ask("account.unfreeze" if thaw else "account.freeze", account_id=account_id, reason="r")

    @precondition(lambda machine: len(machine.draws.live()) > FEW)
    @rule(days=st.sampled_from([0, 1, 1]))
    def close(self, days: int) -> None:
        self.pass_time(timedelta(days=days))
        account_id, payout = self.draws.pair()
        to = self.draws.one_of([payout, payout, self.draws.odd(), self.draws.odd(), None])
        self.ask("account.close", account_id=account_id, payout_account_id=to)

    @rule()
    def link(self) -> None:
        by = self.draws.one_of([None, *[self.draws.account()] * 4, self.draws.odd()])
        self.ask("account.link_protection", account_id=self.draws.account(), protection_account_id=by)

    @rule(how=st.sampled_from(["transfer.deposit", "transfer.withdraw"]))
    def at_the_counter(self, how: str) -> None:
        draws = self.draws
        account_id, why = draws.account(), draws.maybe("why")
        self.ask(how, account_id=account_id, **draws.money(account_id), reason=why, reference=draws.maybe("r"))

    @rule()
    def transfer(self) -> None:
        self.ask("transfer.make", **self.draws.leg())

    @rule(count=st.integers(1, 4))
    def batch(self, count: int) -> None:
        self.ask("transfer.batch", legs=[self.draws.leg() for _ in range(count)])

    @rule()
    def reverse(self) -> None:
        self.ask("transfer.reverse", **self.draws.reversible())

    @rule(
        how=st.sampled_from(["transfer.withdraw", "transfer.make", "settlement.post"]), days=st.sampled_from([0, 0, 1])
    )
    def overdraw(self, how: str, days: int) -> None:
        self.pass_time(timedelta(days=days))
        account_id, amount = self.draws.overdraft()
        if how == "transfer.make":
            self.ask(how, source_account_id=account_id, destination_account_id=self.draws.account(), amount=amount)
        else:
            self.ask(how, account_id=account_id, amount=amount)

    @rule(by_transfer=st.sampled_from([False, False, True]), at_last=st.booleans())
    def restore(self, *, by_transfer: bool, at_last: bool) -> None:
        account_id, amount, until = self.draws.debt()
        if at_last and until > self.banks.now:
            self._move_to(until)
        if by_transfer:
            source_id = self.draws.account()
            self.ask("transfer.make", source_account_id=source_id, destination_account_id=account_id, amount=amount)
        else:
            self.ask("transfer.deposit", account_id=account_id, amount=amount)

    @rule()
    def place(self) -> None:
        draws = self.draws
        about = draws.fresh_hold()
        reason = draws.one_of(["DEBIT_CARD_AUTH", "DEBIT_CARD_AUTH", "PENDING_ACH", "LEGAL"])
        self.ask("hold.place", **about, **draws.money(about["account_id"]), reason=reason)

    @rule()
    def capture(self) -> None:
        draws, which = self.draws, self._a_hold()
        money = draws.money(which["account_id"], *draws.capturable(which))
        final = draws.one_of([None, False, False, False])
        self.ask("settlement.capture", **which, **money, **draws.destination(), final=final)

    @rule(
        how=st.sampled_from(
            ["hold.adjust", "hold.adjust", "hold.extend", "hold.release", "hold.expire", "hold.expire", ""]
        )
    )
    def change_hold(self, how: str) -> None:
        draws, which = self.draws, self._a_hold()
        if not how:
            self.capture()
        elif how == "hold.adjust":
            hold = draws.held(which)
            edges = [hold.amount, hold.captured, hold.captured - 1] if hold else []
            self.ask(how, **which, amount=draws.amount(which["account_id"], *edges))
        else:
            self.ask(how, **which, expires_at=draws.expiry() if how == "hold.extend" else None)

    def _a_hold(self) -> Json:
        """Draw a hold; place one where none is open, for nothing else could be said of it."""
        if not any(each.open for each in self.banks.oracle.accounts.values()):
            self.place()
        return self.draws.hold()

    @rule()
    def post(self) -> None:
        account_id = self.draws.account()
        money = self.draws.money(account_id)
        self.ask("settlement.post", account_id=account_id, **money, **self.draws.destination())

    @rule()
    def refund(self) -> None:
        if not any(made.type in SETTLEMENTS for made in self.banks.oracle.transactions.values()):
            self.post()
        which = self.draws.deed(SETTLEMENTS)
        amount = self.draws.amount(which["account_id"], *self.draws.refundable(which))
        self.ask("settlement.refund", **which, amount=self.draws.maybe(amount))

    @rule()
    def let_time_pass(self) -> None:
        self._runner.run(self.banks.settle())  # what is due is known by what was decided
        self._move_to(self.draws.later())

    def teardown(self) -> None:
        try:
            if hasattr(self, "banks") and self.banks.alike:
                self._runner.run(self.banks.end())
                self._runner.run(self.check_books())
        finally:
            self._runner.run(self.close_bank())
            self._runner.close()

    def ask(self, type_: str, **fields: object) -> None:
        """Ask for something; it is decided once enough is waiting."""
        self.banks.ask(type_, **fields)
        self.decide_what_waits()

    def decide_what_waits(self) -> None:
        """Have what waits decided if it is enough."""
        if len(self.banks.waiting) >= self._size:
            self._size = next(self._sizes)
            self._runner.run(self.banks.settle())

    def pass_time(self, span: timedelta) -> None:
        """Let *span* pass, if it is anything; what waits is decided before."""
        if span:
            self._move_to(self.banks.now + span)

    def _move_to(self, instant: datetime) -> None:
        self._runner.run(self.banks.move_to(instant))


def run(machine: Callable[[], Machine], *, tens: int, steps: int) -> None:
    """Run *tens* times ten machines of so many *steps* each, always the same.

    With more than ten at a time Hypothesis would mostly vary the one before. Nothing is shrunk: that takes minutes, and
    a failure tells everything that was asked.
    """
    plan = settings(max_examples=10, stateful_step_count=steps, database=None, deadline=None, phases=[Phase.generate])
    for number in range(tens):
        made: Any = seed(number)(partial(machine))  # hypothesis takes whatever makes a machine
        run_state_machine_as_test(made, settings=plan)
