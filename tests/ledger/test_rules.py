"""The rules, judged by text tables of attempts and expected answers."""

import pytest

from contracts.envelope import CommonRefusal, type_of
from contracts.specs import Spec
from contracts.transfers import TransferMake
from processor.ledger.context import LEDGER
from tests.ledger.tables.rules_bank import RulesBank
from tests.table_runs import Run
from tests.tables import Table, read, tables

TABLES = tables()
FOR_RULES = [table for table in TABLES if table.judged_by != "engine"]


# No command leads there: an account with an advance stays open, and the payments of an advance sum to it.
BEYOND_COMMANDS = {("advance.repay", "account_closed"), ("advance.audit", "audit_failed")}


def _outcomes(spec: Spec) -> list[tuple[str, str]]:
    return [(spec.type, type_of(applied).partition(".")[2]) for applied in spec.applied]


@pytest.mark.parametrize("table", FOR_RULES, ids=lambda table: table.name)
async def test_every_attempt_gets_the_answer_that_its_table_expects(table: Table) -> None:
    await Run(table=table, bank=RulesBank(table.bank)).all()


def test_every_refusal_code_of_every_command_is_reached_by_a_row() -> None:
    promised = {(spec.type, code.value) for spec in LEDGER.own_specs for code in spec.codes}
    promised -= {(spec.type, CommonRefusal.COMMAND_ID_REUSED.value) for spec in LEDGER.own_specs}
    reached = {outcome for table in FOR_RULES for outcome in table.reached()}
    assert sorted(promised - reached - BEYOND_COMMANDS) == []


def test_every_code_that_refuses_a_transfer_refuses_a_leg_in_some_row() -> None:
    (make,) = (spec for spec in LEDGER.own_specs if spec.command is TransferMake)
    codes = {code.value for code in make.codes} - {CommonRefusal.COMMAND_ID_REUSED.value}
    assert sorted(codes - {code for table in FOR_RULES for what, code in table.reached() if what == "leg"}) == []


def test_every_command_is_applied_by_a_row() -> None:
    reached = {outcome for table in FOR_RULES for outcome in table.reached()}
    promised = {outcome for spec in LEDGER.own_specs for outcome in _outcomes(spec)}
    assert promised - reached - BEYOND_COMMANDS == set()


def test_no_row_expects_a_code_that_the_catalog_does_not_promise() -> None:
    known = {(spec.type, code.value) for spec in LEDGER.own_specs for code in spec.codes}
    known |= {outcome for spec in LEDGER.own_specs for outcome in _outcomes(spec)}
    known |= {(spec.type, "invalid") for spec in LEDGER.own_specs}
    rows = {(what, outcome) for table in TABLES for what, outcome in table.reached() if what != "leg"}
    assert rows - known == set()


def test_ids_that_are_used_twice_are_left_to_the_engine() -> None:
    reused = {table.name for table in TABLES for _, outcome in table.reached() if outcome == "command_id_reused"}
    assert reused
    assert reused == {table.name for table in TABLES if table.judged_by == "engine"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("transfer T1 A1 A2 101 -> posted", "test:3: transfer T1 A1 A2 101 -> posted\ngot insufficient_funds"),
        ("balance A1 99.99", "test:3: balance A1 99.99"),
        ("transfer T1 A1 A2 1 -> posted\n entry A1 1 TRANSFER_OUT DEBIT 1.00 99.00 99.00", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n used 0.01", "test:3: transfer"),
        ("transfer T1 A1 A1 1 -> accounts_must_differ\n details account_id=A2", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n overdraft 0.00 fee 1", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n overdraft 0.00 waived", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n overdraft 0.00 by A2", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n overdraft 0.00 back 1", "test:3: transfer"),
        ("transfer T1 A1 A2 1 -> posted\n used 0.00 0.00", "test:3: transfer"),
        ("hold A1 H1 OPEN 1 0 1", "test:3: hold A1 H1 OPEN 1 0 1 -> \nthere is no such hold"),
        ("place A1 H1 1 -> placed\nhold A1 H1 OPEN 1 1 0", "test:4: hold A1 H1 OPEN 1 1 0"),
        ("available A1 99.99", "test:3: available A1 99.99"),
        ("protector A1 A2", "test:3: protector A1 A2"),
        ("last_fee A1 plain 1 0", "test:3: last_fee A1 plain 1 0"),
        ("at 2025-12-31T23:59:59Z", "test:3: at 2025-12-31T23:59:59Z -> \nthe clock only goes forward"),
        ("account A1 USD posted 1", "test:3: account"),
    ],
)
async def test_a_row_that_is_wrong_is_named_with_what_was_got(wrong: str, named: str) -> None:
    table = read("test", f"account A1 USD posted 100\naccount A2 USD\n{wrong}")
    with pytest.raises(AssertionError) as caught:
        await Run(table=table, bank=RulesBank()).all()
    assert str(caught.value).startswith(named)


@pytest.mark.parametrize("line", ["transfr T1 A1 A2 1 -> posted", "transfer T1 A1 A2 1", "balance A1 1 -> posted"])
def test_a_line_that_says_nothing_is_no_table(line: str) -> None:
    with pytest.raises((ValueError, AssertionError), match="test:1"):
        read("test", line)
