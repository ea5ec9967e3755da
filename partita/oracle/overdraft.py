"""What a debit costs: who steps in for what is missing, else the fee, its caps and waiver, and its way back in time."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

from partita.oracle import products
from partita.oracle.books import Books, No
from partita.oracle.fields import instant_text
from partita.oracle.history import Json
from partita.oracle.state import ZERO, Account, Fee, Leg


def spend(books: Books, leg: Leg, debit: str, credit: str, *, checked: bool = True) -> Json:
    """Book *leg*, which debits an account, with all that follows from it, and return what results say of its overdraft.

    Not *checked*, it needs no funds and nobody steps in for it.
    """
    account = books.accounts[leg.source or ""]
    short = max(ZERO, leg.amount - max(ZERO, books.available(account)))
    protector = _protector(books, account, short) if checked else None
    fee = None if protector else _fee(books, account, leg.amount)
    if checked and not protector:
        _covered(books, account, leg.amount, fee)
    books.move(leg, debit, credit)
    if protector:
        books.move(Leg(source=protector.id, destination=account.id, amount=short), "TRANSFER_OUT", "TRANSFER_IN")
    charged = _settle(books, account, fee)
    refunded = give_back(books, (leg.destination, account.id if protector else None))
    return _view(account, refunded) | {
        "fee": account.text(charged),
        "waived": fee is not None and not fee.charged,
        "protected_by": protector.id if protector else None,
    }


def receive(books: Books, leg: Leg, debit: str, credit: str, *, of: str | None) -> Json:
    """Book *leg*, which no overdraft pays, and return what results say of the overdraft of the account *of*."""
    books.move(leg, debit, credit)
    return _view(books.accounts[of or ""], give_back(books, [leg.destination]))


def give_back(books: Books, credited: Iterable[str | None]) -> Decimal:
    """Refund the fees of accounts that a command has *credited* and brought to zero or above, each fee in its time."""
    total = ZERO
    for account_id in dict.fromkeys(credited):
        account = books.accounts[account_id] if account_id else None
        if account is None or account.balance < 0:
            continue
        due = [fee for fee in account.fees if not fee.refunded and fee.until >= books.instant]
        for fee in due:
            leg = Leg(source=None, destination=account.id, amount=fee.amount)
            books.move(leg, "REVERSAL", "REVERSAL", house="fees")
            total += fee.amount
        if due:
            account.fees = tuple(replace(fee, refunded=True) if fee in due else fee for fee in account.fees)
    return total


def _protector(books: Books, account: Account, short: Decimal) -> Account | None:
    """Return the account that pays what is *short*, all of it and out of its own, or None."""
    if not short or not account.protection:
        return None
    protector = books.accounts[account.protection]
    return protector if protector.status == "ACTIVE" and books.available(protector) >= short else None


def _covered(books: Books, account: Account, amount: Decimal, fee: Fee | None) -> None:
    there = books.available(account) + account.limit
    if amount > there:
        raise No("insufficient_funds")
    within = not products.of(books, account.product).may_exceed_limit
    if within and fee and fee.charged and amount + fee.amount > there:
        raise No("insufficient_funds")


def _fee(books: Books, account: Account, amount: Decimal) -> Fee | None:
    """Return the fee that falls due when *amount* leaves *account*, charged or waived; None where none does."""
    product = products.of(books, account.product)
    if not product.fee_minor or account.balance - amount >= 0:
        return None
    day, charged = books.today, [fee.day for fee in account.fees if fee.charged]
    in_month = sum((one.year, one.month) == (day.year, day.month) for one in charged)
    if charged.count(day) >= product.per_day or in_month >= product.per_month:
        return None
    fee = Decimal(product.fee_minor).scaleb(-account.decimals)
    good = account.customer_id is None or books.customers[account.customer_id].good_standing
    if product.first_waived and good and not any(one.day.year == day.year for one in account.fees):
        return Fee(amount=fee, day=day, charged=False)
    until = books.now.astimezone(UTC) + timedelta(hours=product.grace_hours)
    return Fee(amount=fee, day=day, charged=True, until=instant_text(until) if product.grace_hours else "")


def _settle(books: Books, account: Account, fee: Fee | None) -> Decimal:
    """Keep *fee*, charge it unless it is waived, and return what was charged."""
    if fee is None:
        return ZERO
    account.fees = (*account.fees, fee)
    if not fee.charged:
        return ZERO
    books.move(Leg(source=account.id, destination=None, amount=fee.amount), "FEE", "FEE", house="fees")
    return fee.amount


def _view(account: Account, refunded: Decimal) -> Json:
    return {
        "used": account.text(max(ZERO, -account.balance)),
        "fee": account.text(ZERO),
        "waived": False,
        "protected_by": None,
        "fee_refunded": account.text(refunded),
    }
