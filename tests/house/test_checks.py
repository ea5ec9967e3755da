"""What operators read of the audit's checks is what the checks promise."""

from partita.app import CONTEXTS
from processor.engine.audit import ENGINE_CHECKS
from tests.house.tree import ROOT


def test_the_page_for_operators_lists_every_check_with_its_promise() -> None:
    page = ROOT.joinpath("docs", "operations.md").read_text("utf-8")
    listed = page.partition("| check | promise |")[2].partition("\n\n")[0].splitlines()[2:]
    checks = [*ENGINE_CHECKS, *(check for context in CONTEXTS for check in context.checks)]
    assert listed == [f"| `{check.name}` | {check.promise} |" for check in checks]
