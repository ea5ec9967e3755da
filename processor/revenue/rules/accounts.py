"""The rules of revenue accounts. What a change leaves out stays; a deletion takes all records with it by one row."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from contracts.envelope import Command, Event, moment_text
from contracts.revenue import (
    RevenueAccountCreated,
    RevenueAccountDeleted,
    RevenueAccountUpdated,
    RevenueCreateAccount,
    RevenueDeleteAccount,
    RevenueRefusal,
    RevenueUpdateAccount,
)
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.revenue.register import ACCOUNT, Register
from processor.revenue.rules.guards import account_of
from processor.revenue.rules.views import account_fields
from processor.revenue.values import Account


def create(register: Register, command: RevenueCreateAccount, instant: datetime) -> Decision:
    """Make an account known."""
    if register.account(command.account_id) is not None:
        return Refused(RevenueRefusal.ACCOUNT_EXISTS, {"account_id": command.account_id})
    assert register.fresh_no > 0, "a number was fetched for every account that may be created"
    account = Account(
        account_no=register.fresh_no,
        account_id=command.account_id,
        name=command.name,
        tier=command.tier,
        version_no=1,
        records=0,
        created_at=instant,
    )
    return _written(account, RevenueAccountCreated(**account_fields(account)))


def update(register: Register, command: RevenueUpdateAccount, instant: datetime) -> Decision:
    """Change what is known of an account."""
    before = account_of(register, command.account_id)
    if isinstance(before, Refused):
        return before
    account = msgspec.structs.replace(
        before,
        version_no=before.version_no + 1,
        name=before.name if command.name is UNSET else command.name,
        tier=before.tier if command.tier is UNSET else command.tier,
    )
    return _written(account, RevenueAccountUpdated(**account_fields(account)))


def delete(register: Register, command: RevenueDeleteAccount, instant: datetime) -> Decision:
    """Delete an account with all its records; its id stays taken."""
    before = account_of(register, command.account_id)
    if isinstance(before, Refused):
        return before
    account = msgspec.structs.replace(before, version_no=before.version_no + 1, deleted_at=instant)
    event = RevenueAccountDeleted(**account_fields(account), deleted_at=moment_text(instant), records=account.records)
    return _written(account, event)


def _written(account: Account, event: Event) -> Applied:
    """Return the decision that leaves *account*, and its version, behind."""
    version = (account.account_no, account.version_no, account.deleted_at is not None, account.name, account.tier)
    return Applied(event, (Put(ACCOUNT, account.account_id, account), Kept("revenue_account_version", version)))


RULES: Final[dict[type[Command], Callable[..., Decision]]] = {
    RevenueCreateAccount: create,
    RevenueUpdateAccount: update,
    RevenueDeleteAccount: delete,
}
