"""Guards that rules of several families share; each takes the refusals of the family that asks."""

from contracts.envelope import CommonRefusal, Refusal
from contracts.ids import is_reserved
from processor.engine.decision import Refused
from processor.ledger.rules.draft import refused
from processor.ledger.values import Account, Status


def opened(account: Account | None, account_id: str, *, not_found: Refusal, closed: Refusal) -> Account | Refused:
    """Return *account*, which was looked up by its id, unless it is the house's, or is missing or closed."""
    if is_reserved(account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    if account is None:
        return refused(not_found, account_id)
    if account.status == Status.CLOSED:
        return refused(closed, account_id)
    return account
