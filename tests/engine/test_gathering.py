"""What families have of their own is gathered whole, and nothing of it can be overlooked or had twice."""

import importlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from contracts.catalog import Catalog
from contracts.envelope import Command, Event, OtherEvent
from contracts.specs import CATALOG, Spec
from contracts.transfers import TransferMake
from processor.engine import families
from processor.engine.decision import Applied, Stamp
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from tests.contracts.samples import FULL, ID

every_command = pytest.mark.parametrize("spec", LEDGER.own_specs, ids=lambda spec: spec.type)
TABLE = "from processor.engine.copy import Table\nTABLES = (Table('mark', lane_no='int4', seq='int8', {}),)\n"
CHECK = "from processor.engine.audit import Check\nCHECKS = (Check(name='marks', promise='', parts=()),)\n"
SHELF = (
    "from processor.engine.shelves import Shelf\n"
    "SHELVES = (Shelf(table=Table('thing', id='int8'), update='', made=print, changed=print),)\n"
)
STAMPED = TABLE.format("made_at='timestamptz'") + CHECK + SHELF


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> ModuleType:
    """Return a package with these modules."""
    made = folder / folder.name
    made.mkdir()
    for name, text in {"__init__": "", **modules}.items():
        made.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(folder.name)


def test_modules_are_found_by_being_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = "TABLES = SHELVES = CHECKS = ()\n"
    found = package(tmp_path, monkeypatch, marks=STAMPED + "RULES = {int: print}\n", others=others)

    rules: Any = families.rules_in(found)
    assert rules == {int: print}
    assert list(families.tables_in(found)) == ["mark"]
    assert [shelf.table.name for shelf in families.shelves_in(found)] == ["thing"]
    assert [check.name for check in families.checks_in(found)] == ["marks"]


def test_nothing_is_had_by_two_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = package(tmp_path, monkeypatch, **dict.fromkeys(("one", "two"), STAMPED + "RULES = {int: print}\n"))

    for gather in (families.rules_in, families.tables_in, families.shelves_in, families.checks_in):
        with pytest.raises(AssertionError, match="two families have"):
            gather(found)


def test_a_table_without_a_stamp_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = package(tmp_path, monkeypatch, marks=TABLE.format("words='text'") + CHECK)

    with pytest.raises(AssertionError, match="mark does not begin with lane, number and instant"):
        families.tables_in(found)


def test_a_command_without_a_rule_makes_no_context() -> None:
    with pytest.raises(AssertionError, match="rules and catalog name different commands"):
        replace(LEDGER, rules={command: rule for command, rule in LEDGER.rules.items() if command is not TransferMake})


def test_the_catalog_refuses_a_command_that_stands_twice() -> None:
    again = [replace(spec, context="other") for spec in CATALOG if spec.command is TransferMake]
    with pytest.raises(AssertionError, match=r"the type transfer\.make stands twice in the catalog"):
        Catalog((*CATALOG, *again))


def test_the_catalog_refuses_two_results_of_one_type() -> None:
    class Posted(Event, tag="transfer.posted", frozen=True, kw_only=True):
        pass

    with pytest.raises(AssertionError, match=r"the type transfer\.posted stands twice in the catalog"):
        Catalog((replace(CATALOG[0], applied=(Posted,)), *CATALOG[1:]))


def test_the_book_refuses_a_change_that_it_does_not_know() -> None:
    decision = Applied(OtherEvent(fields={}), ("a change",))
    stamp = Stamp(1, 1, datetime.now(UTC), 1, 1)
    with pytest.raises(AssertionError, match="the book knows no change of the kind str"):
        Book(rows=()).apply(Command(command_id=ID), decision, stamp)


@every_command
def test_every_field_that_names_an_account_is_said_to(spec: Spec) -> None:
    own = {field for field in spec.command.__struct_fields__ if field.endswith("account_id")}
    assert set(spec.command.accounts) == own


@every_command
def test_every_account_that_a_command_names_at_any_depth_is_looked_up(spec: Spec) -> None:
    command = msgspec.convert(FULL[spec.type], spec.command)
    assert set(command.account_ids()) == set(named(FULL[spec.type]))


def named(said: Any) -> list[str]:
    """Return what every field holds that is called so."""
    if isinstance(said, list):
        return [account_id for each in said for account_id in named(each)]
    if not isinstance(said, dict):
        return []
    here = [value for name, value in said.items() if name.endswith("account_id")]
    return here + [account_id for each in said.values() for account_id in named(each)]
