"""The register: the accounts and records that a batch of revenue decides on, and the rows its decisions leave behind.

Promise   Rules read accounts and records here and never change them; ``apply`` makes a decision part of the register
          and collects the rows to write.
Invariant Nothing here knows a driver, a clock or a setting.
"""

from typing import Final

from processor.engine.shelving import ShelvedWorld
from processor.revenue.values import Account, Record

ACCOUNT: Final = "revenue_account"
RECORD: Final = "revenue_record"


class Register(ShelvedWorld):
    """The world of the rules of revenue. Shelves are keyed: accounts by id; records by (account_no, record_id)."""

    numbered = ACCOUNT

    def account(self, account_id: str) -> Account | None:
        """Return an account, deleted ones too, or None."""
        found: Account | None = self.shelved(ACCOUNT, account_id)
        return found

    def record(self, account: Account, record_id: str) -> Record | None:
        """Return a record of *account*, deleted ones too, or None."""
        found: Record | None = self.shelved(RECORD, (account.account_no, record_id))
        return found
