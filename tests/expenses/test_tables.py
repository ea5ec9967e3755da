"""The rules of expenses, judged by text tables of attempts and expected answers, as the model is."""

import ast
import sys
from pathlib import Path

import pytest

from contracts.envelope import CommonRefusal, type_of
from contracts.specs import CATALOG, EXPENSES
from tests.expenses.machine_keepers import ModelKeeper, RulesKeeper
from tests.expenses.tables_attempts import Table, read, tables
from tests.expenses.tables_run import Run

TABLES = tables()
FOR_RULES = [table for table in TABLES if table.judged_by != "engine"]
REMEMBERED = ("(replayed)", CommonRefusal.COMMAND_ID_REUSED.value)
SPECS = [spec for spec in CATALOG if spec.context == EXPENSES]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_the_model_gives_every_attempt_the_answer_that_its_table_expects(table: Table) -> None:
    await Run(table=table, keeper=ModelKeeper()).all()


@pytest.mark.parametrize("table", FOR_RULES, ids=lambda table: table.name)
async def test_every_attempt_gets_the_answer_that_its_table_expects(table: Table) -> None:
    await Run(table=table, keeper=RulesKeeper(careful=True)).all()


def test_every_refusal_code_of_every_command_is_reached_by_a_row() -> None:
    promised = {(spec.type, code.value) for spec in SPECS for code in spec.codes}
    promised -= {(spec.type, CommonRefusal.COMMAND_ID_REUSED.value) for spec in SPECS}
    reached = {outcome for table in FOR_RULES for outcome in table.reached()}
    assert sorted(promised - reached) == []


def test_every_command_is_applied_by_a_row_and_no_row_expects_what_the_catalog_does_not_promise() -> None:
    applied = {(spec.type, type_of(event).partition(".")[2]) for spec in SPECS for event in spec.applied}
    rows = {(what, outcome.removesuffix(" (replayed)")) for table in TABLES for what, outcome in table.reached()}
    known = {(spec.type, code.value) for spec in SPECS for code in spec.codes}
    assert applied - rows == set()
    assert rows - applied - known - {(spec.type, "invalid") for spec in SPECS} == set()


def test_repeats_and_ids_that_are_used_twice_are_left_to_the_engine() -> None:
    reused = {table.name for table in TABLES for _, outcome in table.reached() if outcome.endswith(REMEMBERED)}
    assert reused
    assert reused <= {table.name for table in TABLES if table.judged_by == "engine"}


def test_the_model_imports_only_the_standard_library_and_itself() -> None:
    found = set[str]()
    for path in Path(__file__).parent.glob("model*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not isinstance(node, ast.Import), path.name
            found |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
    own = {name for name in found if name.startswith("tests.expenses.model_")}
    assert own
    assert {name.partition(".")[0] for name in found - own} <= sys.stdlib_module_names


def test_no_two_tables_share_a_year() -> None:
    years = [table.begins[:4] for table in TABLES]
    assert sorted(set(years)) == years


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("add U1 E1 1 USD Food 2030-01-01 -> added", "test:3: add U1 E1 1 USD Food 2030-01-01 -> added\ngot rate_unk"),
        ("add U1 E1 1 EUR Food 2030-01-01 -> added\n field amount=1", "test:3: add"),
        ("add U1 E1 1 USD Food 2030-01-01 -> rate_unknown\n details user_id=U2", "test:3: add"),
        ("add U1 E1 8 EUR Fun 2030-01-01 -> added", "test:3: add"),
        ("add U1 E1 8 EUR Food 2030-01-01 -> added\n threshold Food 2030-01 80 8.00 10.00", "test:3: add"),
        ("change U1 E0 7 -> version_stale\n state version=2", "test:3: change"),
        ("sum U1 2030-01 Food 0.01 0", "test:3: sum U1 2030-01 Food 0.01 0"),
        ("next U1 R1 2030-01-02", "test:3: next"),
        ("next U1 R1 2030-01-01 2030-01-01T00:00:01Z", "test:3: next"),
        ("changes U1 0", "test:3: changes"),
        ("at 2029-12-31T23:59:59Z", "test:3: at 2029-12-31T23:59:59Z -> \nthe clock only goes forward"),
    ],
)
async def test_a_row_that_is_wrong_is_named_with_what_was_got(wrong: str, named: str) -> None:
    made = "user.create user_id=U1 base_currency=EUR -> created"
    text = f"at 2030-01-01T00:00:00Z\n{made}\n{wrong}"
    keeper = RulesKeeper()
    before = """at 2029-12-31T23:59:59Z
        user U1 EUR -> created
        add U1 E0 1 EUR Fun 2029-01-01 -> added
        budget U1 Fun 10 -> defined
        recur U1 R1 1 EUR Food daily 2030-01-01 -> defined"""
    await Run(table=read("test", before), keeper=keeper).all()
    with pytest.raises(AssertionError) as caught:
        await Run(table=read("test", text.replace(made, "")), keeper=keeper).all()
    assert str(caught.value).startswith(named)


@pytest.mark.parametrize("line", ["ad U1 E1 1 EUR Food 2030-01-01 -> added", "erase U1", "changes U1 1 -> updated"])
def test_a_line_that_says_nothing_is_no_table(line: str) -> None:
    with pytest.raises((ValueError, AssertionError), match="test:1"):
        read("test", line)


async def test_the_sum_of_a_category_and_month_stops_where_it_would_pass_what_a_sum_may_be() -> None:
    most = "9999999999999.99"  # 10^15 - 1 minor units, 900 times: 900 less than the limit
    rows = ["at 2030-01-01T00:00:00Z", "user U1 EUR -> created"]
    rows += [f"add U1 E{number} {most} EUR Food 2030-01-01 -> added" for number in range(900)]
    rows += [
        f"add U1 F1 {most} EUR Food 2030-01-01 -> amount_invalid",
        "details field=base_amount",
        "add U1 F1 9.01 EUR Food 2030-01-01 -> amount_invalid",
        "add U1 F1 9.00 EUR Food 2030-01-01 -> added",
        "change U1 F1 1 amount 9.01 -> amount_invalid",
        f"add U1 F2 {most} EUR Food 2030-02-01 -> added",
        "change U1 F2 1 date 2030-01-02 -> amount_invalid",
        "change U1 F1 1 amount 8.99 -> changed",
        "sum U1 2030-01 Food 8999999999999999.99 901",
        "delete U1 E1 1 -> deleted",
        "change U1 F2 1 date 2030-01-02 -> changed",
    ]
    await Run(table=read("test", "\n".join(rows)), keeper=RulesKeeper()).all()
