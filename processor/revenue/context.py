"""Revenue as a context of the engine: its rules, tables and checks, gathered."""

from typing import Final

from contracts.specs import REVENUE as NAME
from processor.engine.context import Context
from processor.engine.families import rules_in
from processor.revenue import rules
from processor.revenue.checks import REVENUE_CHECKS
from processor.revenue.register import Register
from processor.revenue.store import RevenueStore

REVENUE: Final[Context[Register]] = Context(
    name=NAME,
    rules=rules_in(rules),
    store=RevenueStore(),
    checks=REVENUE_CHECKS,
    races=frozenset({"revenue_account_exists"}),
)
