"""Expenses as a context of the engine: the rules, tables, jobs and checks of its families, gathered."""

from typing import Final

from contracts.specs import EXPENSES as NAME
from processor.engine.context import Context
from processor.engine.families import rules_in
from processor.expenses import rules
from processor.expenses.checks import EXPENSES_CHECKS
from processor.expenses.jobs import EXPENSES_JOBS
from processor.expenses.store import ExpensesStore
from processor.expenses.tracker import Tracker

EXPENSES: Final[Context[Tracker]] = Context(
    name=NAME,
    rules=rules_in(rules),
    store=ExpensesStore(),
    checks=EXPENSES_CHECKS,
    races=frozenset({"user_exists"}),
    jobs=EXPENSES_JOBS,
)
