"""The ledger as a context of the engine: the rules, tables and checks of its families, gathered."""

from typing import Final

from contracts.advances import AdvanceAuditFailed
from contracts.specs import LEDGER as NAME
from processor.engine.context import Context
from processor.engine.families import checks_in, rules_in
from processor.ledger import families, rules
from processor.ledger.bank import Bank
from processor.ledger.book import Book
from processor.ledger.checks import LEDGER_CHECKS
from processor.ledger.jobs import jobs_of
from processor.ledger.store import LedgerStore

LEDGER: Final[Context[Book]] = Context(
    name=NAME,
    rules=rules_in(rules),
    store=LedgerStore(),
    checks=(*LEDGER_CHECKS, *checks_in(families)),
    races=frozenset(
        {
            *("account_exists", "customer_exists", "product_exists", "product_version_is_unique", "hold_exists"),
            "advance_exists",
            *("reversal_happens_once", "fee_comes_back_once"),
        }
    ),
    jobs=jobs_of(Bank()),
    alarms={AdvanceAuditFailed: "advance_audits_failed"},
)
