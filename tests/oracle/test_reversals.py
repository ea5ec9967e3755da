"""The oracle on batches that go back: what stands in the way of any leg, and what is left to be named afterwards."""

from typing import Any

import pytest

from partita.oracle.rules import Bank

LEGS = [{"source_account_id": "A", "destination_account_id": to, "amount": "1"} for to in "BC"]


class Told:
    """A bank that is told one command after another; each returns its code, or yes."""

    def __init__(self) -> None:
        self.bank, self.count = Bank(), 0

    def __call__(self, type_: str, **fields: Any) -> str:
        self.count += 1
        command = {"type": type_, "command_id": str(self.count), **fields}
        code: str = self.bank.decide(command, "2026-01-01T00:00:00.000000Z").fields.get("code", "yes")
        return code


@pytest.fixture
def say() -> Told:
    """Return a bank whose fifth command was a batch: A has paid 1 to B and 1 to C."""
    say = Told()
    for account_id in "ABC":
        assert say("account.open", account_id=account_id, account_type="CHECKING", currency="USD") == "yes"
    assert say("transfer.deposit", account_id="A", amount="2") == "yes"
    assert say("transfer.batch", legs=LEGS) == "yes"
    return say


def test_what_stands_against_any_leg_is_told_in_order_of_precedence(say: Told) -> None:
    codes = []
    for type_, fields in [
        ("transfer.withdraw", {"account_id": "C", "amount": "1"}),
        ("account.freeze", {"account_id": "B", "reason": "r"}),
        ("account.close", {"account_id": "C"}),
    ]:
        assert say(type_, **fields) == "yes"
        codes.append(say("transfer.reverse", account_id="A", transaction_id="5"))
    assert codes == ["insufficient_funds", "account_frozen", "account_closed"]


def test_a_reversal_was_made_from_the_account_that_gave_back_first(say: Told) -> None:
    assert say("transfer.reverse", account_id="A", transaction_id="5") == "yes"
    assert say("transfer.reverse", account_id="B", transaction_id="6") == "account_differs"
    assert say("transfer.reverse", account_id="C", transaction_id="6") == "not_reversible"
