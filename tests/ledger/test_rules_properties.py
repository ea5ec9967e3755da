"""The rules against the oracle's: whatever is asked in whatever order, both answer alike and no money is lost.

Every step goes to both, and every field that the oracle expects is compared. A refusal must also leave the product's
book as it was, to the last hash: ``RulesBank`` asserts that by itself.
"""

import re
from collections import Counter
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.catalog import LEDGER, Catalog
from contracts.envelope import Command
from partita.oracle.books import DECIMALS
from partita.oracle.commands import understood
from partita.oracle.rules import Bank
from partita.oracle.transfers import REVERSIBLE
from processor.ledger.values import Status
from tests.ledger.tables.rules_bank import RulesBank

ACCOUNTS: Final = ("J", "K", "D", "house:cash:USD")  # besides A, B and C, which most commands are about
CATALOG: Final = Catalog()

an_account = st.sampled_from([*["A", "B", "C"] * 8, *ACCOUNTS])
a_currency = st.sampled_from([*[""] * 20, *["USD"] * 5, "JPY", "XXX"])
an_amount = st.sampled_from([*["1", "2", "5", "5.0", "10", "0.01", "12.34", "50"] * 4, "0.001", "10000000000000"])
a_leg = st.tuples(an_account, an_account, an_amount, a_currency)
a_pair = st.sampled_from([*permutations("ABC", 2), ("J", "K")])
a_small_leg = st.tuples(a_pair, st.sampled_from(["1", "5", "10", "50"])).map(lambda leg: (*leg[0], leg[1], ""))


class TwoBanks(RuleBasedStateMachine):
    """The same commands to both."""

    def __init__(self) -> None:
        super().__init__()
        self.bank, self.other = RulesBank(), Bank()
        self.asked: list[str] = []

    @initialize()
    def begin(self) -> None:
        for name, currency, limit in (
            ("A", "USD", "20"),
            ("B", "USD", "0"),
            ("C", "USD", "5"),
            ("J", "JPY", "0"),
            ("K", "JPY", "9"),
        ):
            self.open(name, currency, limit)
            self.deposit(name, "30", "")

    @rule(name=an_account, currency=st.sampled_from(["USD", "USD", "JPY", "XXX"]), limit=an_amount | st.just("0"))
    def open(self, name: str, currency: str, limit: str) -> None:
        said = {"account_id": name, "currency": currency, "overdraft_limit": limit, "account_type": "CHECKING"}
        self.both("account.open", said)

    @rule(name=an_account, amount=an_amount, currency=a_currency)
    def deposit(self, name: str, amount: str, currency: str) -> None:
        self.both("transfer.deposit", {"account_id": name} | _money(amount, currency))

    @rule(name=an_account, amount=an_amount, currency=a_currency)
    def withdraw(self, name: str, amount: str, currency: str) -> None:
        self.both("transfer.withdraw", {"account_id": name} | _money(amount, currency))

    @rule(leg=a_leg, credit=st.booleans())
    def transfer(self, leg: tuple[str, str, str, str], *, credit: bool) -> None:
        source, target, amount, currency = leg
        sides = {"source_account_id": source, "destination_account_id": target}
        if credit:
            sides = {"source_account_id": target, "destination_account_id": source, "direction": "credit"}
        self.both("transfer.make", sides | _money(amount, currency))

    @rule(legs=st.lists(a_small_leg | a_small_leg | a_leg, min_size=1, max_size=4))
    def batch(self, legs: list[tuple[str, str, str, str]]) -> None:
        said = [
            {"source_account_id": source, "destination_account_id": target} | _money(amount, currency)
            for source, target, amount, currency in legs
        ]
        self.both("transfer.batch", {"legs": said})

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        deed = data.draw(st.sampled_from([*self.moved() * 4, *self.asked[-6:], str(UUID(int=2**128 - 1))]))
        legs = self.other.transactions[deed].legs if deed in self.other.transactions else []
        makers = [side for leg in legs for side in (leg.source, leg.destination) if side]
        name = data.draw(st.sampled_from([*makers[:1] * 8, *makers, *ACCOUNTS]))
        self.both("transfer.reverse", {"account_id": name, "transaction_id": deed.upper()})

    @rule(pair=a_pair, over=st.booleans(), payout=st.booleans())
    def to_the_limit(self, pair: tuple[str, str], *, over: bool, payout: bool) -> None:
        account = self.other.accounts[pair[0]]
        smallest = Decimal(1).scaleb(-DECIMALS[account.currency])
        all_there_is = account.balance + account.limit + smallest * over
        if all_there_is > 0 and payout:
            self.withdraw(pair[0], f"{all_there_is:f}", "")
        elif all_there_is > 0:
            self.transfer((*pair, f"{all_there_is:f}", ""), credit=over)
        elif account.balance < 0:
            self.limit(pair[0], f"{-account.balance - smallest * over:f}")

    @rule(kept=st.integers(1, 3))
    def undo(self, kept: int) -> None:
        if moved := self.moved():
            deed = moved[-kept:][0]
            first = self.other.transactions[deed].legs[0]
            maker = first.source or first.destination
            self.both("transfer.reverse", {"account_id": maker, "transaction_id": deed})

    @rule(name=an_account)
    def freeze(self, name: str) -> None:
        self.both("account.freeze", {"account_id": name, "reason": "r"})

    @rule(name=an_account)
    def unfreeze(self, name: str) -> None:
        self.both("account.unfreeze", {"account_id": name, "reason": "r"})

    @rule(name=an_account, limit=an_amount | st.just("0"))
    def limit(self, name: str, limit: str) -> None:
        self.both("account.set_overdraft", {"account_id": name, "overdraft_limit": limit})

    @rule(name=an_account, payout=an_account | st.just(""))
    def close(self, name: str, payout: str) -> None:
        self.both("account.close", {"account_id": name} | ({"payout_account_id": payout} if payout else {}))

    def moved(self) -> list[str]:
        """Return the commands that moved money, undone since or not."""
        done = self.other.transactions.items()
        return [deed for deed, what in done if what.type in REVERSIBLE and not what.refused]

    def both(self, kind: str, said: dict[str, Any]) -> None:
        deed = str(UUID(int=len(self.asked) + 1))
        self.asked.append(deed)
        text = msgspec.json.encode({"command_id": deed, "type": kind} | said)
        command, meant = CATALOG.understand(LEDGER, text), understood(text.decode())
        assert isinstance(command, Command), command
        assert meant is not None, said
        type_, body = self.bank.decide_now(command)
        right = self.other.decide(meant, body["occurred_at"])
        asked = f"{kind} {said}"
        assert (type_, body.get("code")) == (right.type, right.fields.get("code")), asked
        expected = dict(right.fields)
        assert expected.pop("details", {}).items() <= body.get("details", {}).items(), asked
        assert {name: body.get(name) for name in expected} == expected, asked

    @invariant()
    def money_is_conserved(self) -> None:
        theirs = Counter[str]()
        for account in self.other.accounts.values():
            theirs[account.currency] += int(account.balance.scaleb(DECIMALS[account.currency]))
        ours = {row.account.currency: row.account.ledger_minor for row in self.bank.book.house.values()}
        assert {currency: -minor for currency, minor in ours.items() if minor} == {
            currency: minor for currency, minor in theirs.items() if minor
        }

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.bank.book.rows.keys() == self.other.accounts.keys()
        for name, theirs in self.other.accounts.items():
            ours = self.bank.book.rows[name].account
            assert Decimal(ours.ledger_minor).scaleb(-DECIMALS[theirs.currency]) == theirs.balance
            assert Decimal(ours.overdraft_limit_minor).scaleb(-DECIMALS[theirs.currency]) == theirs.limit
            assert (ours.currency, Status(ours.status).name) == (theirs.currency, theirs.status)
            assert ours.last_entry_no == theirs.entries

    @invariant()
    def nobody_owes_more_than_allowed(self) -> None:
        for row in self.bank.book.rows.values():
            assert row.account.available_minor == row.account.ledger_minor
            assert row.account.available_minor + row.account.overdraft_limit_minor >= 0

    @invariant()
    def entries_are_numbered_without_gaps(self) -> None:
        numbers: dict[int, list[int]] = {}
        for account_no, entry_no, *_ in self.bank.book.entries:
            assert isinstance(account_no, int)
            assert isinstance(entry_no, int)
            numbers.setdefault(account_no, []).append(entry_no)
        for written in numbers.values():
            assert written == list(range(1, len(written) + 1))


def _money(amount: str, currency: str) -> dict[str, str]:
    return {"amount": amount} | ({"currency": currency} if currency else {})


TestTwoBanks = TwoBanks.TestCase
# Not shrunk: that takes minutes, and forty steps can be read.
TestTwoBanks.settings = settings(
    max_examples=250, stateful_step_count=40, derandomize=True, deadline=None, phases=[Phase.generate]
)


def test_every_command_is_a_step() -> None:
    steps = re.findall(r'self\.both\("([\w.]+)"', Path(__file__).read_text("utf-8"))
    assert {spec.type for spec in CATALOG.specs.values() if spec.context == LEDGER} - {*steps} == set()
