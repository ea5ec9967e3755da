"""Activity as a context of the engine: its rules, jobs in the place of tables that batches write, and its checks."""

from collections.abc import Callable

from contracts.specs import ACTIVITY as NAME
from processor.activity import rules
from processor.activity.board import ImportBoard
from processor.activity.checks import ACTIVITY_CHECKS
from processor.activity.store import ActivityStore
from processor.engine.context import Context
from processor.engine.families import rules_in
from processor.engine.job_rows import JOB_RACES


def activity_of(allows: Callable[[str], bool]) -> Context[ImportBoard]:
    """Return the context that imports files, of which *allows* says whether they may be read."""
    return Context(
        name=NAME, rules=rules_in(rules), store=ActivityStore(allows), checks=ACTIVITY_CHECKS, races=JOB_RACES
    )
