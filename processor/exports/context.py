"""Exports as a context of the engine: its rules, and jobs in the place of tables of its own."""

from collections.abc import Iterable

from contracts.specs import EXPORTS as NAME
from processor.engine.context import Context
from processor.engine.exporting import ExportKind
from processor.engine.families import rules_in
from processor.engine.job_rows import JOB_RACES
from processor.exports import rules
from processor.exports.board import ExportBoard
from processor.exports.checks import EXPORTS_CHECKS
from processor.exports.store import ExportsStore


def exports_of(kinds: Iterable[ExportKind]) -> Context[ExportBoard]:
    """Return the context that exports *kinds*, of whichever contexts they are."""
    named = {kind.name: kind for kind in kinds}
    return Context(name=NAME, rules=rules_in(rules), store=ExportsStore(named), checks=EXPORTS_CHECKS, races=JOB_RACES)
