"""Advances where no table of commands leads: settings, an account that somebody closed, payments in any order."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final

import msgspec
import pytest

from contracts.accounts import AccountOpen
from contracts.advances import AdvanceRefusal, AdvanceRepay, AdvanceRequest
from partita.app import App
from partita.settings import Settings
from processor.engine.decision import Refused
from processor.ledger.bank import limits_of
from processor.ledger.context import LEDGER
from processor.ledger.lending import Advance, AdvanceStatus, CarryOver, Payment, PaymentStatus
from processor.ledger.rules import advances
from processor.ledger.rules.payments import Debt, carried, due_days, filled, scheduled
from processor.ledger.store import LedgerStore
from processor.ledger.values import Account, Status
from producers.command_ids import new_command_id
from tests.ledger.tables.rules_bank import START, RulesBank
from tests.rows import Json

DAY: Final = date(2026, 3, 2)


def payment(number: int, *, days: int, amount: int = 10, paid: int = 0) -> Payment:
    return Payment(1, "V", number, DAY + timedelta(days=days), PaymentStatus.SCHEDULED, amount, paid)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("", {}),
        ("EUR:1000.00", {"EUR": 100_000}),
        ("EUR:1000, USD:0 ,JPY:5,KWD:1.234", {"EUR": 100_000, "USD": 0, "JPY": 5, "KWD": 1234}),
    ],
)
def test_limits_are_read_by_currency(text: str, limits: dict[str, int]) -> None:
    assert limits_of(text) == limits


@pytest.mark.parametrize(
    "text", ["EUR", "EUR:", "EUR:1.234", "JPY:0.5", "eur:1", "XXX:1", "EUR:-1", "EUR:1,EUR:2", "EUR:1e3"]
)
def test_what_is_no_list_of_limits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name each currency once"):
        limits_of(text)


def test_an_installation_grants_and_carries_over_as_its_settings_say() -> None:
    store = App(settings=Settings(advance_limits="EUR:5,JPY:7", advance_carry_over="extra")).set_up(LEDGER).store
    assert isinstance(store, LedgerStore)
    assert (store.bank.advance_limits, store.bank.carry_over) == ({"EUR": 500, "JPY": 7}, CarryOver.EXTRA)


def test_a_repayment_fills_what_is_due_first_whatever_its_number() -> None:
    late, early, middle = payment(1, days=9, paid=3), payment(2, days=0), payment(3, days=5)
    changed = filled([late, early, middle], 25)
    assert [(each.payment_no, each.paid_minor, each.status) for each in changed] == [
        (2, 10, PaymentStatus.REPAID),
        (3, 10, PaymentStatus.REPAID),
        (1, 8, PaymentStatus.SCHEDULED),
    ]


def test_a_closed_account_repays_nothing_although_its_advance_is_open() -> None:
    bank = RulesBank()
    which: Json = {"account_id": "A", "advance_id": "V"}
    opening = AccountOpen(command_id=new_command_id(), account_id="A", account_type="CHECKING", currency="EUR")
    bank.decide_now(opening.canonical())
    bank.decide_now(AdvanceRequest(command_id=new_command_id(), **which, amount="12"))
    row = bank.book.rows["A"]
    row.account = msgspec.structs.replace(row.account, status=Status.CLOSED)

    decision = advances.repay(bank.book, AdvanceRepay(command_id=new_command_id(), **which), START)

    assert decision == Refused(AdvanceRefusal.ACCOUNT_CLOSED, {"account_id": "A"})


def debts() -> Iterator[tuple[Debt, CarryOver, Random]]:
    """Yield advances of all sizes, with what a bank does about what fails."""
    for seed in range(300):
        draws = Random(seed)
        count, amount = draws.randint(1, 15), draws.randint(15, 100_000)
        dues = due_days(DAY, count=count, interval_days=draws.randint(1, 40))
        assert dues is not None
        opened = datetime(2026, 1, 1, tzinfo=UTC)
        account = Account(1, "A", 1, "EUR", "plain", Status.ACTIVE, 0, 0, 0, 0, opened, None)
        advance = Advance(1, "V", AdvanceStatus.OPEN, amount, amount, 0, count, count, 7, opened)
        yield Debt(account, advance, scheduled(advance, dues)), draws.choice(list(CarryOver)), draws


def test_whatever_fails_and_is_repaid_the_parts_sum_to_the_advance() -> None:
    for debt, carry_over, draws in debts():
        left, amount, today = debt, debt.advance.amount_minor, DAY
        assert [each.payment_no for each in debt.payments] == list(range(1, debt.advance.payments + 1))
        assert max(each.amount_minor for each in debt.payments[:-1] or debt.payments) <= debt.payments[-1].amount_minor
        while left.owed_minor:
            today += timedelta(days=draws.randint(1, 20))
            due = [each for each in left.payments if each.owed_minor and each.due <= today]
            if due and draws.random() < 0.8:
                changed = [*carried(left, draws.choice(due), today=today, carry_over=carry_over)]
                assert changed[1].payment_no > changed[0].payment_no
                assert changed[1].due > changed[0].due
            else:
                changed = filled(left.payments, draws.randint(1, left.owed_minor))
            left = left.after(changed)
            assert left.accounted_minor == amount
            assert left.advance.outstanding_minor == left.owed_minor
        assert left.advance.status == AdvanceStatus.REPAID
