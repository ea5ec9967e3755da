"""The audit against rules that let through what none may: rows fit one another, and the check is named all the same.

What is allowed at the very edge is named by none.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from processor.database import Connection
from processor.engine.audit import audit
from tests.ledger.audit_books import (
    BACK,
    BATCH,
    CAPTURE,
    DEPOSIT,
    FEE,
    MAKE,
    PROTECTION,
    SETTLE,
    WITHDRAW,
    Books,
    FeeKey,
    Stamp,
)
from tests.ledger.audit_story import CHECKS, LATER_MS, assert_named, earns_nothing_yet, story, told, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


def linked(books: Books, account_id: str, protector: str) -> Stamp:
    return books.terms(account_id, "account.protection_linked", protector=protector)


def short_of(
    books: Books, protector: str, amount: int, *, linked_to: str = "", by: int = WITHDRAW, limit: int = 0
) -> None:
    """Let *protector* step in with *amount* for S, which has 950 and spends 1000."""
    books.terms(protector, "account.overdraft_set", overdraft=limit)
    linked(books, "S", linked_to or protector)
    destination = "cash" if by in (WITHDRAW, SETTLE) else "B"
    books.side(books.legs(by, 1, ("S", destination, 1000)), PROTECTION, protector, "S", amount)


def covered(books: Books, kind: int, destination: str) -> None:
    """Let P give 60 where F, which has nothing but its limit, is short of 100."""
    books.side(books.legs(kind, 1, ("F", destination, 100)), PROTECTION, "P", "F", 60)


def beside(books: Books, kind: int, source: str, destination: str) -> None:
    """Move 1 beside a transfer of G's."""
    books.side(books.legs(MAKE, 1, ("G", "A", 1)), kind, source, destination, 1)


def orphaned(books: Books, stamp: Stamp) -> None:
    """Let B step in for A in no transaction."""
    linked(books, "A", "B")
    books.side(stamp, PROTECTION, "B", "A", 1)


def late(books: Books, told: str) -> None:
    """Do something with a hold that has just expired."""
    books.place("S", "late", 100, ms=1)
    if told == "capture":
        books.capture("S", "late", 50, final=False)
    else:
        books.hold(told, "S", "late", expires_at=None)


def swept(books: Books, spent: int) -> None:
    """Let a hold be tidied up at the very instant of its expiry, and S spend."""
    books.place("S", "h", 500, ms=1)
    books.expire("S", "h")
    books.legs(WITHDRAW, 1, ("S", "cash", spent))


def extended(books: Books, spent: int) -> None:
    """Let a hold of 500 outlast its first expiry, and S spend."""
    books.place("S", "h", 500, ms=2)
    books.hold("hold.extended", "S", "h", expires_at=books.now + 9 * SECOND)
    books.open("E4")
    books.legs(WITHDRAW, 1, ("S", "cash", spent))


def charged_at(books: Books, balance: int) -> None:
    """Charge a fee on a balance of G, which is at -2150."""
    books.legs(DEPOSIT, 1, ("cash", "G", 2151 + balance))
    books.fee(books.legs(SETTLE, 1, ("G", "cash", 1)), "G", 700, 2)


def twice(books: Books, debit: Stamp) -> None:
    """Charge two fees for one debit."""
    for _ in range(2):
        books.fee(debit, "G", 700, 2)


def given_back(books: Books, *, after: timedelta) -> None:
    """Give G's second fee back so long after the last instant at which it may come back."""
    second = [row for row in books.rows["overdraft_fee"] if row[-2] is not None][1]
    books.now = second[-2] - MILLISECOND + after
    books.give_back(books.legs(DEPOSIT, 1, ("cash", "G", 9000)), "G", 500, (*second[:2], second[3]))


def twice_back(books: Books) -> None:
    back = books.rows["fee_refund"][0]
    books.give_back(books.legs(DEPOSIT, 1, ("cash", "G", 100)), "G", 500, back[4:])


def opened(books: Books, product: str, fee: int, *, version: int = 1, hours: int = 0) -> FeeKey:
    """Open an account that is charged a fee at once."""
    books.open("Q", product=product, overdraft=5000)
    if product != "standard":
        earns_nothing_yet(books, "Q")
    return books.fee(books.legs(WITHDRAW, 1, ("Q", "cash", 1)), "Q", fee, version, hours=hours)


def restored(books: Books) -> Stamp:
    """Charge a fee and give it back in time."""
    charged = opened(books, "kind", 700, version=3, hours=24)
    return books.give_back(books.legs(DEPOSIT, 1, ("cash", "Q", 9000)), "Q", 700, charged)


def forgotten(books: Books) -> Stamp:
    """Let a fee's time go by, and the account forget it."""
    opened(books, "kind", 700, version=3, hours=24)
    books.now += timedelta(hours=25)
    books.accounts["Q", 0].grace_until = None
    return books.legs(DEPOSIT, 1, ("cash", "Q", 5000))


def kind_3(books: Books, *, waived: bool) -> Stamp:
    return books.define("kind", 3, 700, caps="1 1", waived=waived, exceed=True, hours=24)


def reversing(books: Books) -> None:
    paid = books.legs(MAKE, 1, ("A", "E3", 100))
    books.legs(WITHDRAW, 1, ("E3", "cash", 30))
    books.reverse(1, paid, ("E3", "A", 100))


def refunding(books: Books, settled: int, source: str, amount: int) -> None:
    """Refund, to S, the settlement of the story's refund number *settled*."""
    books.refund(1, books.rows["refund"][settled][3:5], (source, "S", amount))


def refunding_the_next(books: Books) -> None:
    books.refund(2, (1, books.lanes[1].next_seq), ("cash", "S", 1))
    books.legs(SETTLE, 1, ("S", "cash", 1))


UNRULY: list[tuple[str, str, Callable[[Books], object]]] = [
    # the check that names it, the checks that may fail beside it, what is done
    ("balance_floor", "", lambda books: books.legs(WITHDRAW, 1, ("S", "cash", 951))),
    ("balance_floor", "", lambda books: books.legs(BATCH, 1, ("A", "B", 1), ("S", "A", 951))),
    ("balance_floor", "", lambda books: (books.place("S", "h", 950), books.legs(MAKE, 1, ("S", "A", 1)))),
    ("balance_floor", "", lambda books: books.place("S", "h", 951)),
    ("balance_floor", "", lambda books: (books.place("S", "h", 9), books.hold("hold.adjusted", "S", "h", amount=951))),
    ("balance_floor", "", lambda books: swept(books, 951)),
    ("balance_floor", "", lambda books: extended(books, 451)),
    ("balance_floor", "", lambda books: books.terms("F", "account.overdraft_set", overdraft=100)),
    *(("balance_floor", "", lambda books, by=by: short_of(books, "T", 50, by=by)) for by in (WITHDRAW, MAKE, BATCH)),
    *(("balance_floor", "", lambda books, by=by: short_of(books, "A", 60, by=by)) for by in (WITHDRAW, MAKE, BATCH)),
    ("balance_floor", "", lambda books: short_of(books, "A", 40)),
    ("balance_floor", "", lambda books: short_of(books, "T", 50, limit=900)),
    *(("balance_floor", "", lambda books, leg=leg: covered(books, *leg)) for leg in ((WITHDRAW, "cash"), (MAKE, "B"))),
    ("balance_floor", "", reversing),
    ("balance_floor", "", lambda books: books.fee(books.legs(WITHDRAW, 1, ("G", "cash", 2500)), "G", 700, 2)),
    ("transaction_entries", "protection", lambda books: orphaned(books, books.event(1, 1, "account.frozen"))),
    ("transaction_entries", "protection", lambda books: orphaned(books, books.refuse(MAKE, 1, "account_frozen"))),
    ("transaction_entries", "", lambda books: short_of(books, "A", 50, by=SETTLE)),
    ("transaction_entries", "overdraft_fees",
     lambda books: books.fee(books.legs(DEPOSIT, 1, ("cash", "G", 1)), "G", 700, 2)),
    *(("transaction_entries", "protection balance_floor overdraft_fees fee_refunds",
       lambda books, leg=leg: beside(books, *leg))
      for leg in ((PROTECTION, "cash", "G"), (PROTECTION, "A", "cash"), (PROTECTION, "R", "G"), (FEE, "G", "cash"),
                  (FEE, "cash", "fees"), (BACK, "cash", "G"), (BACK, "fees", "cash"))),
    ("reversals", "", lambda books: books.reverse(1, books.legs(SETTLE, 1, ("S", "cash", 9)), ("cash", "S", 9))),
    ("protection", "", lambda books: short_of(books, "A", 50, linked_to="B")),
    ("protection", "", lambda books: books.side(books.legs(BATCH, 1, ("A", "B", 1)), PROTECTION, "P", "F", 1)),
    ("protection", "", lambda books: books.side(books.legs(MAKE, 1, ("A", "B", 1)), PROTECTION, "P", "F", 1)),
    ("protection", "", lambda books: (linked(books, "A", "B"), linked(books, "B", "S"), linked(books, "S", "A"))),
    ("protection", "", lambda books: linked(books, "A", "A")),
    *(("protection", "", lambda books, to=to: linked(books, "A", to)) for to in ("D", "E", "R", "nobody")),
    ("hold_versions", "", lambda books: late(books, "capture")),
    ("hold_versions", "account_available", lambda books: late(books, "hold.extended")),
    ("hold_versions", "account_available", lambda books: books.expire("H", "open")),
    ("hold_versions", "", lambda books: books.place("S", "h", 1, ms=0)),
    ("hold_versions", "account_available",
     lambda books: books.hold("hold.extended", "H", "open", expires_at=books.now)),
    ("hold_versions", "", lambda books: books.hold("hold.adjusted", "H", "lower", amount=300)),
    ("hold_versions", "", lambda books: books.hold("hold.placed", "H", "legal")),
    ("hold_versions", "holds", lambda books: books.hold("hold.adjusted", "H", "legal", amount=90_001, status=2)),
    ("hold_versions", "", lambda books: books.hold("hold.adjusted", "H", "legal", expires_at=books.now + SECOND)),
    ("hold_versions", "", lambda books: books.hold("hold.extended", "H", "legal", amount=90_001)),
    ("hold_versions", "", lambda books: books.event(1, 1, "hold.released", key="H")),
    ("hold_versions", "", lambda books: books.legs(CAPTURE, 1, ("H", "cash", 5))),
    ("holds", "hold_versions account_available", lambda books: books.capture("H", "open", 401, final=False)),
    ("holds", "account_available", lambda books: books.capture("H", "open", 401, final=True)),
    ("overdraft_fees", "", lambda books: charged_at(books, 0)),
    ("overdraft_fees", "fee_caps", lambda books: twice(books, books.legs(SETTLE, 1, ("G", "cash", 1)))),
    ("overdraft_fees", "fee_caps", lambda books: twice(books, books.legs(BATCH, 1, ("G", "A", 1), ("A", "G", 1)))),
    ("overdraft_fees", "", lambda books: books.fee(books.legs(WITHDRAW, 1, ("S", "cash", 1)), "G", 700, 2)),
    ("overdraft_fees", "", lambda books: books.fee(books.legs(WITHDRAW, 1, ("C", "cash", 1)), "C", 0)),
    ("fee_caps", "", lambda books: books.fee(books.legs(MAKE, 1, ("F", "A", 1)), "F", 3500)),
    ("fee_waivers", "", lambda books: books.fee(books.legs(WITHDRAW, 1, ("R", "cash", 1)), "R", 0)),
    ("fee_waivers", "", lambda books: opened(books, "standard", 3500)),
    ("fee_refunds", "", twice_back),
    ("fee_refunds", "", lambda books: given_back(books, after=MILLISECOND)),
    ("refunds", "", lambda books: refunding(books, 0, "cash", 1)),
    ("refunds", "", lambda books: refunding(books, 2, "A", 50)),
    ("refunds", "", lambda books: books.refund(1, books.refuse(SETTLE, 1, "account_frozen"), ("cash", "S", 1))),
    ("refunds", "", refunding_the_next),
    ("products", "", lambda books: books.define("odd", 2, 0, caps="1 1", waived=True, exceed=True, hours=0)),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "done"), UNRULY)
async def test_what_no_rule_allows_is_named_though_all_rows_fit(
    story_told: Connection, check: str, beside: str, done: Callable[[Books], object]
) -> None:
    books = told(story())
    books.open("E3")
    done(books)
    async with written(story_told, books=books):
        await assert_named(story_told, check, beside)


RULED: list[Callable[[Books], object]] = [
    lambda books: books.legs(WITHDRAW, 1, ("S", "cash", 950)),
    lambda books: (books.open("L", overdraft=9), books.legs(WITHDRAW, 1, ("L", "cash", 9))),
    lambda books: (books.open("L", overdraft=9), books.place("L", "h", 9)),
    lambda books: short_of(books, "A", 50),
    lambda books: short_of(books, "A", 50, by=MAKE),
    lambda books: (books.place("S", "h", 950, reason=3), books.place("S", "i", 1, reason=3)),
    lambda books: (books.place("S", "h", 951, reason=3), books.terms("S", "account.overdraft_set", overdraft=1)),
    lambda books: (books.place("S", "h", 950, ms=1), books.legs(MAKE, 1, ("S", "A", 950))),
    lambda books: (books.place("S", "h", 900, ms=LATER_MS), books.capture("S", "h", 900, final=True)),
    lambda books: books.refund(1, books.capture("H", "open", 400, final=True), ("cash", "H", 400)),
    lambda books: swept(books, 950),
    lambda books: extended(books, 450),
    lambda books: books.legs(SETTLE, 1, ("S", "cash", 9999)),
    lambda books: charged_at(books, -1),
    lambda books: books.fee(books.legs(BATCH, 1, ("A", "B", 1), ("G", "A", 1)), "G", 700, 2),
    lambda books: given_back(books, after=timedelta()),
    lambda books: (kind_3(books, waived=True), opened(books, "kind", 0, version=3)),
    lambda books: (kind_3(books, waived=False), forgotten(books)),
    lambda books: (kind_3(books, waived=False), restored(books)),
]


@pytest.mark.parametrize("done", RULED)
async def test_what_the_rules_allow_at_their_very_edge_is_not(
    story_told: Connection, done: Callable[[Books], object]
) -> None:
    books = told(story())
    done(books)
    async with written(story_told, books=books):
        assert (await audit(story_told, CHECKS)).failed == ()
