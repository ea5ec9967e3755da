"""What the books that all families share promise, each as a check that the audit runs; ``families`` has the others.

Promise   Balances, numbers, hashes and double entries are recomputed from the rows; none of the ledger's own code runs.
Cost      Five passes over the entries in the order of their key, five in the order of time, one over transactions and
          answers; one over the versions of holds.
Invariant Each statement is one snapshot of running books, whatever the slices are; ``audit.sql`` says why.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, Slice, Slicing, by_lane, keys_cut_by

_SQL = named_queries("processor.ledger", "audit.sql")

_ENTRIES_PER_PAGE: Final = 50
_PAGES_SAMPLED: Final = 50  # for each slice: enough to cut it within some per cent of its size


by_entry: Final = keys_cut_by(_SQL["next_entry_slice"], first=(-END, 0), last=(END, 0))


async def by_time(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut time into spans of about *rows* entries: (from, until), None for the two ends."""
    pages = await connection.fetchval(_SQL["entry_pages"])
    wanted = ceil(pages * _ENTRIES_PER_PAGE / rows)
    if wanted <= 1:
        return [(None, None)]
    percent = min(100.0, 100.0 * _PAGES_SAMPLED * wanted / pages)
    fractions = [number / wanted for number in range(1, wanted)]
    cuts = [row["cut"] for row in await connection.fetch(_SQL["time_cuts"], percent, fractions)]
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _check(name: str, promise: str, slicing: Slicing, *more: Part) -> Check:
    return Check(name=name, promise=promise, parts=(Part(statement=_SQL[name], slicing=slicing), *more))


# fmt: off
LEDGER_CHECKS: Final = (
    _check("account_balance",
        "Each account's balance is the sum of its entries and the balance after the last of them.", by_entry),
    _check("account_available",
        "What is available on each account is its balance less its open holds that had not expired.", by_entry),
    _check("balance_floor",
        "Available money and the limit of its time covered each debit and hold that needs it.", by_entry),
    _check("entry_numbers",
        "The entries of each account are numbered from 1 to last_entry_no without a gap, in order of time.", by_entry),
    _check("entry_chain",
        "Each entry's hash fits it and the entry before it, and the account's chain ends with the last.", by_entry),
    _check("running_balance",
        "Each entry takes its account's balance from the one before it by exactly its amount.", by_entry),
    _check("transaction_balance",
        "The entries of each transaction sum to zero and share one currency.", by_time),
    _check("transaction_entries",
        "Each posted transaction has exactly the entries it claims, and no entry is without one.", by_time,
        Part(statement=_SQL["batch_legs"], slicing=by_lane), Part(statement=_SQL["side_legs"], slicing=by_lane)),
    _check("transaction_answers",
        "Each transaction carries the stamp of the answer that told of it, and each answer tells the truth.", by_lane),
    _check("reversals",
        "Each reversal undoes one posted transaction, once, entry by entry.", by_time,
        Part(statement=_SQL["reversal_links"], slicing=by_lane)),
    _check("house_lanes",
        "Each house account's row takes entries of its own lane only.", by_time),
    _check("money_conserved",
        "In each currency all entries sum to zero: money only moves.", by_time),
)
# fmt: on
