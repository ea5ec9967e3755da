"""The family ``advance``. Codes are tried in the order of precedence in which the wire lists them."""

from datetime import date, timedelta
from decimal import Decimal

from partita.oracle import overdraft
from partita.oracle.books import Books, No, Rule, not_reserved
from partita.oracle.fields import YEARS
from partita.oracle.history import HOUSE, Json
from partita.oracle.interest import day_of
from partita.oracle.state import ZERO, Account, Advance, Leg, Payment, Transaction

_WEEK = timedelta(days=7)
_WHICH = ("advance_id", "account_id")
_LEFT_OUT: Json = {"payments": 12, "interval_days": 7}
_ADVANCES = "advances"


def _request(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    amount = books.measured(command, command["account_id"])
    not_reserved(command["account_id"])
    dues = _dues(books, command)
    known = books.seen(command["account_id"])
    if known and command["advance_id"] in known.advances:
        raise No("advance_exists")
    account = books.own(command["account_id"])
    if account.status == "FROZEN":
        raise No("account_frozen")
    if command.get("currency", account.currency) != account.currency:
        raise No("currency_differs")
    _may_be_granted(books, account, amount, command["payments"])
    leg = Leg(source=None, destination=account.id, amount=amount)
    books.move(leg, "DEPOSIT", "DEPOSIT", house=_ADVANCES)
    overdraft.give_back(books, [account.id])
    books.within_limits()
    payments = _planned(account, amount, dues)
    advance = Advance(id=command["advance_id"], amount=amount, planned=len(payments), payments=payments)
    account.advances[advance.id], account.advance = advance, advance.id
    schedule = [
        {"payment_no": one.number, "due": one.due.isoformat(), "amount": account.text(one.amount), "status": one.status}
        for one in payments
    ]
    told = _shown(account, advance, amount) | _kept(books, command, account, leg)
    return "advance.granted", told | {"schedule": schedule}


def _collect(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, advance = _found(books, command)
    number = command["payment_no"]
    if number > len(advance.payments):
        raise No("payment_not_found")
    payment = advance.payments[number - 1]
    if payment.status != "SCHEDULED":
        raise No("payment_settled")
    if payment.due > books.today:
        raise No("payment_not_due")
    left = payment.left
    if account.status != "ACTIVE" or books.available(account) < left:
        moved_to = _carry(books, advance, payment)
        told = _shown(account, advance, left)
        return "advance.payment_failed", told | {"payment_no": number, "moved_to": moved_to}
    leg = _take(books, account, left)
    payment.paid, payment.status = payment.amount, "COLLECTED"
    _settle(account, advance)
    told = _shown(account, advance, left) | _kept(books, command, account, leg)
    return "advance.payment_collected", told | {"payment_no": number}


def _repay(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    asked = books.measured(command, command["account_id"]) if "amount" in command else None
    account, advance = _found(books, command)
    _not_over(advance)
    if account.status == "CLOSED":
        raise No("account_closed")
    if account.status == "FROZEN":
        raise No("account_frozen")
    amount = advance.outstanding if asked is None else asked
    if amount > advance.outstanding:
        raise No("amount_exceeds_advance", outstanding=account.text(advance.outstanding))
    if amount > books.available(account):
        raise No("insufficient_funds")
    leg, left = _take(books, account, amount), amount
    for payment in sorted(advance.scheduled, key=lambda one: (one.due, one.number)):
        part = min(left, payment.left)
        payment.paid, left = payment.paid + part, left - part
        payment.status = "SCHEDULED" if payment.left else "REPAID"
    _settle(account, advance)
    return "advance.repaid", _shown(account, advance, amount) | _kept(books, command, account, leg)


def _write_off(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, advance = _found(books, command)
    _not_over(advance)
    lost = advance.outstanding
    for payment in advance.scheduled:
        payment.status = "WRITTEN_OFF"
    advance.status, advance.written_off, account.advance = "WRITTEN_OFF", lost, None
    books.house[f"{HOUSE}losses:{account.currency}"] -= lost
    books.house[f"{HOUSE}{_ADVANCES}:{account.currency}"] += lost
    nobody = Leg(source=None, destination=None, amount=lost)
    told = _shown(account, advance, lost) | _kept(books, command, account, nobody)
    del told["entries"]  # the customer's account has none
    return "advance.written_off", told | {"purpose": command["reason"]}


def _audit(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, advance = _found(books, command)
    paid = sum((payment.paid for payment in advance.payments), ZERO)
    accounted = paid + advance.written_off + advance.outstanding
    told = _shown(account, advance, advance.amount)
    if accounted != advance.amount:
        return "advance.audit_failed", told | {"accounted": account.text(accounted)}
    return "advance.audited", told


def _found(books: Books, command: Json) -> tuple[Account, Advance]:
    not_reserved(command["account_id"])
    account = books.existing(command["account_id"])
    if command["advance_id"] not in account.advances:
        raise No("advance_not_found")
    return account, account.advances[command["advance_id"]]


def _not_over(advance: Advance) -> None:
    if advance.status != "OPEN":
        raise No("advance_closed")


def _may_be_granted(books: Books, account: Account, amount: Decimal, payments: int) -> None:
    if amount.scaleb(account.decimals) < payments:
        raise No("amount_too_small")
    if account.customer_id is not None and not books.customers[account.customer_id].good_standing:
        raise No("customer_not_in_good_standing")
    if account.advance:
        raise No("advance_open")
    if amount > books.advance_limits.get(account.currency, amount):
        raise No("advance_limit_exceeded")


def _dues(books: Books, command: Json) -> list[date]:
    """Return when each payment is due, or refuse what no calendar here reaches."""
    first = day_of(command["first_due"]) if "first_due" in command else books.today + _WEEK
    last = first.toordinal() + command["interval_days"] * (command["payments"] - 1)
    if first.year < YEARS.start or last >= date(YEARS.stop, 1, 1).toordinal():
        raise No("date_invalid")
    return [first + timedelta(days=command["interval_days"] * number) for number in range(command["payments"])]


def _planned(account: Account, amount: Decimal, dues: list[date]) -> list[Payment]:
    """Return the payments of *amount*: as much each, what is left over with the last one."""
    minor = int(amount.scaleb(account.decimals))
    each = [minor // len(dues)] * len(dues)
    each[-1] += minor % len(dues)
    amounts = [Decimal(one).scaleb(-account.decimals) for one in each]
    return [
        Payment(number=number, due=due, amount=one)
        for number, (due, one) in enumerate(zip(dues, amounts, strict=True), 1)
    ]


def _carry(books: Books, advance: Advance, failed: Payment) -> int:
    """Move what is left of *failed* to another payment, a new one where there is none, and return its number."""
    behind = advance.planned if books.carried_extra else 0
    fit = [one for one in advance.scheduled if one.number > max(failed.number, behind)]
    if fit:
        fit[0].amount += failed.left
    else:
        last = advance.payments[-1] if books.carried_extra else failed
        due = max(last.due, books.today) + _WEEK
        fit = [Payment(number=len(advance.payments) + 1, due=due, amount=failed.left)]
        advance.payments += fit
    failed.status, failed.moved_to = "FAILED", fit[0].number
    return failed.moved_to


def _take(books: Books, account: Account, amount: Decimal) -> Leg:
    leg = Leg(source=account.id, destination=None, amount=amount)
    books.move(leg, "WITHDRAWAL", "WITHDRAWAL", house=_ADVANCES)
    return leg


def _settle(account: Account, advance: Advance) -> None:
    """Let *advance* be repaid if it is."""
    if not advance.scheduled:
        advance.status, account.advance = "REPAID", None


def _shown(account: Account, advance: Advance, amount: Decimal) -> Json:
    return {
        "advance_id": advance.id, "account_id": account.id, "amount": account.text(amount),
        "currency": account.currency, "outstanding": account.text(advance.outstanding),
    }  # fmt: skip


def _kept(books: Books, command: Json, account: Account, leg: Leg) -> Json:
    made = Transaction(type=command["type"], currency=account.currency, legs=[leg])
    books.transactions[command["command_id"]] = made
    return {"transaction_id": command["command_id"], "entries": books.shown}


def _in_full(command: Json) -> Json:
    return _LEFT_OUT | command


RULES = {
    "advance.request": Rule(
        decide=_request,
        needed=(*_WHICH, "amount"),
        may=("currency", "first_due", *_LEFT_OUT),
        canonical=_in_full,
    ),
    "advance.collect": Rule(decide=_collect, needed=(*_WHICH, "payment_no")),
    "advance.repay": Rule(decide=_repay, needed=_WHICH, may=("amount",)),
    "advance.write_off": Rule(decide=_write_off, needed=(*_WHICH, "reason")),
    "advance.audit": Rule(decide=_audit, needed=_WHICH),
}
