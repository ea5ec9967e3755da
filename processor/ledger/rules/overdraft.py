"""What happens where a debit needs more than is available: protection, the limit, fees, and fees that come back.

Protection is tried first, for the whole shortfall or not at all. A fee falls due where a debit leaves the ledger
balance below zero; the first of a calendar year may be waived, and caps bound how many are charged by the bank's days.
A fee comes back where its product grants a time in which the balance may be restored.
"""

from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from contracts.entries import OverdraftView
from processor.ledger.changes import FeeBack, FeeDue, SideLeg
from processor.ledger.rules.draft import Draft
from processor.ledger.rules.views import overdraft_view
from processor.ledger.values import Account, Product, SideKind, Status


class Cover(NamedTuple):
    """What makes up for what is not available: an account that steps in with so much, or the limit."""

    protector_id: str | None = None
    shortfall_minor: int = 0


BY_THE_LIMIT: Final = Cover()


class _Fee(NamedTuple):
    """A fee that falls due under the rules of *product*."""

    product: Product
    waived: bool


def covered(draft: Draft, account: Account, amount_minor: int) -> Cover | None:
    """Return what covers a debit of so much from *account*, before it is drafted; None where nothing does."""
    shortfall_minor = amount_minor - max(0, account.available_minor)
    if shortfall_minor > 0 and account.protection_id is not None:
        protector = draft.account(account.protection_id)
        if protector is not None and protector.status == Status.ACTIVE and protector.available_minor >= shortfall_minor:
            return Cover(protector.account_id, shortfall_minor)
    spendable_minor = account.available_minor + account.overdraft_limit_minor
    if amount_minor > spendable_minor:
        return None
    fee = _fee_of(draft, account) if account.ledger_minor < amount_minor else None
    if fee is None or fee.waived or fee.product.fee_may_exceed_limit:
        return BY_THE_LIMIT
    return BY_THE_LIMIT if amount_minor + fee.product.fee_minor <= spendable_minor else None


def settled(draft: Draft, debited_id: str, cover: Cover, *credited_ids: str | None) -> OverdraftView:
    """Draft what follows from a debit of one account, which *cover* made possible, and from what others were given.

    Returns what results say of it.
    """
    fee_minor, waived = 0, False
    if cover.protector_id is not None:
        draft.move_beside(SideLeg(SideKind.PROTECTION, cover.protector_id, debited_id, cover.shortfall_minor))
    elif draft.existing(debited_id).ledger_minor < 0:
        fee_minor, waived = _charged(draft, draft.existing(debited_id))
    given = (debited_id, *credited_ids) if cover.protector_id is not None else credited_ids
    refunded_minor = given_back(draft, *given)
    return overdraft_view(
        draft.existing(debited_id),
        fee_minor=fee_minor,
        waived=waived,
        protected_by=cover.protector_id,
        refunded_minor=refunded_minor,
    )


def given_back(draft: Draft, *credited_ids: str | None) -> int:
    """Draft the return of fees to accounts whose balance has been restored in time, and return how much that is."""
    total_minor = 0
    for account_id in dict.fromkeys(credited_ids):
        account = None if account_id is None else draft.existing(account_id)
        if account is not None and account.grace_until is not None and account.ledger_minor >= 0:
            total_minor += _fees_back(draft, account)
    return total_minor


def _fees_back(draft: Draft, account: Account) -> int:
    fees = [fee for fee in draft.open_fees(account.account_no) if fee.until >= draft.instant]
    for fee in fees:
        draft.remember(FeeBack(account.account_no, len(draft.sides), fee))
        draft.move_beside(SideLeg(SideKind.FEE_REFUND, None, account.account_id, fee.amount_minor))
    draft.restate(msgspec.structs.replace(draft.existing(account.account_id), grace_until=None))
    return sum(fee.amount_minor for fee in fees)


def _fee_of(draft: Draft, account: Account) -> _Fee | None:
    """Return the fee that a debit of *account* into the red makes due; None where product or caps have none."""
    product = draft.book.product(account.product)
    assert product is not None, "accounts only have products that there are, and none goes away"
    today = draft.book.bank.day(draft.instant)
    if not product.fee_minor or _at_the_caps(account, product, today.toordinal(), (today.year, today.month)):
        return None
    first = account.fee_year != today.year
    return _Fee(product, product.first_fee_waived and account.good_standing and first)


def _at_the_caps(account: Account, product: Product, day: int, month: tuple[int, int]) -> bool:
    last = account.fee_day
    on_day = account.fees_on_day if last is not None and last.toordinal() == day else 0
    in_month = account.fees_in_month if last is not None and (last.year, last.month) == month else 0
    return on_day >= product.fees_per_day or in_month >= product.fees_per_month


def _charged(draft: Draft, account: Account) -> tuple[int, bool]:
    """Draft the fee for *account*, which is in the red; return how much was charged, and whether it was waived."""
    fee = _fee_of(draft, account)
    if fee is None:
        return 0, False
    product, today = fee.product, draft.book.bank.day(draft.instant)
    amount_minor = 0 if fee.waived else product.fee_minor
    graced = amount_minor > 0 and product.grace_hours > 0
    until = draft.instant + timedelta(hours=product.grace_hours) if graced else None
    place = (account.account_no, len(draft.fees_due), None if fee.waived else len(draft.sides))
    draft.remember(FeeDue(*place, amount_minor, today, product.product, product.version, until))
    if fee.waived:
        draft.restate(msgspec.structs.replace(account, fee_year=today.year))
        return 0, True
    draft.move_beside(SideLeg(SideKind.FEE, account.account_id, None, amount_minor))
    last = account.fee_day
    same_month = last is not None and (last.year, last.month) == (today.year, today.month)
    counted = msgspec.structs.replace(
        draft.existing(account.account_id),
        fee_day=today,
        fees_on_day=account.fees_on_day + 1 if last == today else 1,
        fees_in_month=account.fees_in_month + 1 if same_month else 1,
        fee_year=today.year,
        grace_until=max(until, account.grace_until or until) if until is not None else account.grace_until,
    )
    draft.restate(counted)
    return amount_minor, False
