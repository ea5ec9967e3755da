"""The register: the accounts and records that a batch of revenue decides on, and the rows its decisions leave behind.

Promise   Rules read accounts and records here and never change them; ``apply`` makes a decision part of the register
          and collects the rows to write.
Invariant Nothing here knows a driver, a clock or a setting.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from contracts.envelope import Command
from processor.engine.decision import Applied, Decision, Stamp
from processor.engine.shelving import Kept, Put, Shelves, Shelving
from processor.revenue.values import Account, Record

ACCOUNT: Final = "revenue_account"
RECORD: Final = "revenue_record"


class Register(Shelving):
    """The world of the rules of revenue.

    Shelves are keyed: accounts by id; records by (account_no, record_id). *numbers* are fresh account numbers, one for
    each account that the batch may create.
    """

    def __init__(
        self, shelves: Shelves | None = None, *, numbers: Iterable[int] = (), last_changed_at: datetime | None = None
    ) -> None:
        super().__init__(shelves)
        self.last_changed_at = last_changed_at
        self.instant: datetime | None = None  # of the decisions that were applied
        self._numbers = iter(numbers)
        self.fresh_no = next(self._numbers, 0)  # the number of the next account that is created

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:  # noqa: ARG002 - a world's signature
        """Make *decision* part of the register; a refusal leaves nothing."""
        if not isinstance(decision, Applied):
            return
        self.instant = stamp.instant
        for change in decision.changes:
            if isinstance(change, Kept):
                self.keep(change.table, stamp, change.values)
                continue
            assert isinstance(change, Put), f"the register knows no change of the kind {type(change).__name__}"
            if change.table == ACCOUNT and change.key not in self.shelves.get(ACCOUNT, {}):
                self.fresh_no = next(self._numbers, 0)
            self.shelve(change, stamp)

    def account(self, account_id: str) -> Account | None:
        """Return an account, deleted ones too, or None."""
        found: Account | None = self.shelved(ACCOUNT, account_id)
        return found

    def record(self, account: Account, record_id: str) -> Record | None:
        """Return a record of *account*, deleted ones too, or None."""
        found: Record | None = self.shelved(RECORD, (account.account_no, record_id))
        return found
