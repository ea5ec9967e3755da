"""The page of what can be exported: as it would be written, and nothing in it twice."""

from typing import Final

from partita import exporting
from processor.ledger.bank import Bank
from tests.house.tree import ROOT

KINDS: Final = exporting.export_kinds(Bank())


def test_the_page_of_columns_is_as_it_would_be_written() -> None:
    written = (ROOT / "docs" / exporting.PAGE).read_text("utf-8")
    assert written == exporting.page_text(KINDS), "run `partita contracts`"


def test_no_name_stands_for_two_things() -> None:
    names = [kind.name for kind in KINDS]
    assert sorted(set(names)) == sorted(names)
    for kind in KINDS:
        columns = [column.name for column in kind.columns]
        assert sorted(set(columns)) == sorted(columns), kind.name


def test_sentences_of_columns_are_sentences() -> None:
    for kind in KINDS:
        for column in kind.columns:
            assert column.about.endswith("."), (kind.name, column.name)
