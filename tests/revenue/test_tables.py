"""The rules of revenue, judged by text tables of attempts and expected answers, as the model and the engine are."""

import ast
import sys
from pathlib import Path

import pytest
from asyncpg.connection import LoggedQuery

from contracts.envelope import CommonRefusal, type_of
from tests.revenue.attempts import Table, check, read, tables
from tests.revenue.keepers import SPECS, Json, ModelKeeper, RulesKeeper, engine, saying

TABLES = tables()
FOR_RULES = [table for table in TABLES if table.name != "repeats"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_the_model_gives_every_attempt_the_answer_that_its_table_expects(table: Table) -> None:
    await check(table, ModelKeeper())


@pytest.mark.parametrize("table", FOR_RULES, ids=lambda table: table.name)
async def test_the_rules_give_every_attempt_the_answer_that_its_table_expects(table: Table) -> None:
    await check(table, RulesKeeper())


async def test_the_engine_gives_every_attempt_the_answer_that_its_table_expects(database_url: str) -> None:
    async with engine(database_url) as keeper:
        for table in TABLES:
            await check(table, keeper)


async def test_a_batch_takes_as_many_statements_whatever_its_size(database_url: str) -> None:
    async with engine(database_url) as keeper:
        session = await keeper.desk.database.connection()
        counts = list[int]()
        for number, size in enumerate((1, 1, 40)):  # the first has statements prepared
            lives = [life_of(f"B{number}.{account}") for account in range(size)]
            await keeper.decide([each for life in lives for each in life[:3]])
            said = [each for life in lives for each in life[3:]] + life_of(f"C{number}")
            seen = list[str]()

            def log(record: LoggedQuery, seen: list[str] = seen) -> None:
                seen.append(record.query)

            session.add_query_logger(log)
            assert all(body["type"] != "revenue.rejected" for *_, body in await keeper.decide(said))
            session.remove_query_logger(log)
            counts.append(len(seen))
        assert counts[2] == counts[1] <= counts[0]


def life_of(account_id: str) -> list[Json]:
    """Return commands of every kind for a new account."""
    period = {"currency": "EUR", "period_start": "2026-01-01", "period_end": "2026-01-31"}
    more = [
        ("record", {"record_id": "r1", "amount": "1"} | period),
        ("record", {"record_id": "r2", "amount": "1"} | period),
        ("change_record", {"record_id": "r1", "amount": "2"}),
        ("delete_record", {"record_id": "r1"}),
        ("update_account", {"tier": "free"}),
        ("delete_account", {}),
    ]
    first = saying("create_account", account_id=account_id, name="N", tier="pro")
    return [first, *(saying(kind, account_id=account_id, **fields) for kind, fields in more)]


def test_every_command_is_applied_and_every_code_of_it_reached_by_a_row() -> None:
    promised = {(spec.type, f"!{code.value}") for spec in SPECS for code in spec.codes}
    promised -= {(spec.type, f"!{CommonRefusal.COMMAND_ID_REUSED.value}") for spec in SPECS}
    promised |= {(spec.type, type_of(event).partition(".")[2]) for spec in SPECS for event in spec.applied}
    reached = {outcome for table in FOR_RULES for outcome in table.reached()}
    assert reached - {(spec.type, "invalid") for spec in SPECS} == promised


def test_the_model_imports_only_the_standard_library() -> None:
    tree = ast.parse(Path(__file__).with_name("model.py").read_text("utf-8"))
    found = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))
    assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names


async def test_a_row_that_is_wrong_is_named_with_what_was_got() -> None:
    table = read("test", "create A1 One pro -> account_created\n field version=2")
    with pytest.raises(AssertionError, match=r"test:1: create A1 One pro\n.*'version': 1"):
        await check(table, RulesKeeper())
