"""What a book keeps of the rows it was given and has made, beside what the rules see of them."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from msgspec import Struct

from processor.ledger.values import Account

GENESIS: Final = bytes(32)

# What no posting and no hold changes of an account.
TERMS: Final = (
    *("status", "overdraft_limit_minor", "closed_at", "product", "protection_id", "good_standing"),
    *("fee_day", "fees_on_day", "fees_in_month", "fee_year", "hold_expiry", "grace_until"),
    "advance_id",
)
terms: Final = attrgetter(*TERMS)

# What was agreed on, of which every version is kept.
agreed: Final = attrgetter("overdraft_limit_minor", "good_standing", "product", "protection_id")


class Row(Struct, gc=False):
    """An account's row: what the rules see of it, and the bookkeeping that they do not."""

    account: Account
    lane_no: int = 0
    chain: bytes = GENESIS
    version: int = 0  # as it was read; 0 where the row is new
    changed: bool = False
    restated: bool = False  # changed in more than its balances


class Ties:
    """Which accounts a customer has, and which an account steps in for."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.owned: dict[str, set[str]] = {}
        self.protected: dict[str, set[str]] = {}
        for account in accounts:
            self.add(account)

    def add(self, account: Account) -> None:
        """Tie *account* to its customer and to whoever steps in for it."""
        if account.protection_id is not None:
            self.protected.setdefault(account.protection_id, set()).add(account.account_id)
        if account.customer_id is not None:
            self.owned.setdefault(account.customer_id, set()).add(account.account_id)

    def remove(self, account: Account) -> None:
        """Untie *account* from whoever steps in for it."""
        if account.protection_id is not None:
            self.protected[account.protection_id].discard(account.account_id)
