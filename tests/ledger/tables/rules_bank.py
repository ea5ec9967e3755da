"""The ledger's rules on a book in memory: one command at a time, without lanes, remembered answers or a database."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, TypeGuard

import msgspec

from contracts.accounts import AccountClose, AccountSetProduct
from contracts.envelope import Command, Frame, encode_result, moment_text, type_of
from contracts.interest import InterestAccrue, InterestPost
from contracts.specs import CATALOG
from processor.engine.decision import Applied, Stamp
from processor.engine.shelving import Put
from processor.ledger.bank import Bank
from processor.ledger.book import Book
from processor.ledger.bookkeeping import Row
from processor.ledger.context import LEDGER
from processor.ledger.earning import ONE_DAY
from processor.ledger.lending import Advance, AdvanceStatus, Payment, PaymentStatus
from processor.ledger.products import BEARING_NOTHING, BUILT_IN
from processor.ledger.rules.holding import is_over
from processor.ledger.store import LedgerStore
from processor.ledger.values import (
    ADVANCES,
    CASH,
    FEES,
    INTEREST,
    LOSSES,
    Account,
    AccountType,
    DayEnd,
    Hold,
    HoldStatus,
    Product,
    Status,
    house_account,
)
from processor.moments import microseconds
from tests.table_runs import DECIMALS, Advanced, Fee, Held, Holding, Paying

LANE: Final = 1
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
EARNING: Final = (InterestAccrue, InterestPost, AccountClose, AccountSetProduct)
_REJECTED: Final = {spec.command: spec.rejected for spec in CATALOG}


class RulesBank:
    """Decides as the engine does; whatever it refuses must leave the book as it was."""

    def __init__(self, bank: Bank | None = None) -> None:
        numbers = count(1)
        house = [
            Row(_house(house_account(role, currency), currency, next(numbers)), lane_no=LANE)
            for currency in DECIMALS
            for role in (CASH, FEES, INTEREST, ADVANCES, LOSSES)
        ]
        self.book = Book(rows=(), house=house, numbers=numbers, bank=bank)
        self.instant = START  # of the next decision
        self._seq = 0
        self._defined: list[tuple[int, Product]] = []  # versions of products, with their instants

    async def move_to(self, instant: datetime) -> None:
        assert instant >= self.instant, "the clock only goes forward"
        self.instant = instant

    async def answers_to(self, commands: Sequence[Command]) -> Sequence[tuple[str, dict[str, Any]]]:
        return [self.decide_now(command) for command in commands]

    def decide_now(self, command: Command) -> tuple[str, dict[str, Any]]:
        self._seq += 1
        instant, self.instant = self.instant, self.instant + TICK
        self._let_lapse(instant)
        if isinstance(command, EARNING):
            self._look_back(command.account_id, instant)
        before = self.state()
        decision = LEDGER.rules[type(command)](self.book, command, instant)
        assert self.state() == before, "a rule changes nothing"
        self.book.apply(command, decision, Stamp(LANE, self._seq, instant, microseconds(instant), self._seq))
        if isinstance(decision, Applied):
            event = decision.event
            self._defined += [(microseconds(instant), put.value) for put in decision.changes if _defines(put)]
        else:
            assert self.state() == before, "a refusal changes nothing"
            event = _REJECTED[type(command)].of(command, decision.refusal, decision.details)
        self._assert_conserved()
        self._assert_held()
        self._assert_rows_fit()
        frame = Frame(
            command_id=command.command_id,
            command_type=type_of(command),
            occurred_at=moment_text(instant),
            replayed=False,
        )
        body: dict[str, Any] = msgspec.json.decode(encode_result(event, frame))
        return type_of(event), body

    async def holding(self, account_id: str) -> Holding | None:
        self._let_lapse(self.instant)
        account = self.book.account(account_id)
        if account is None:
            return None
        own = [hold for hold in self._holds() if hold.account_no == account.account_no]
        return Holding(
            currency=account.currency,
            status=Status(account.status).name,
            ledger_minor=account.ledger_minor,
            available_minor=account.available_minor,
            overdraft_limit_minor=account.overdraft_limit_minor,
            protector_id=account.protection_id,
            holds={hold.hold_id: _held(hold) for hold in own},
            last_fee=self._last_fee(account.account_no),
            advances={advance.advance_id: self._advanced(advance) for advance in self._advances(account.account_no)},
        )

    def state(self) -> tuple[object, ...]:
        """Return everything that a refusal must leave alone."""
        rows = (*self.book.rows.values(), *self.book.house.values())
        accounts = tuple((row.account, row.chain) for row in rows)
        lists = {name: rows for name, rows in vars(self.book).items() if isinstance(rows, list)}
        del lists["attempts"]  # a refused transfer leaves one
        left = {name: len(rows) for name, rows in lists.items()}
        kept = {table: len(rows) for table, rows in self.book.kept.items()}
        shelved = {(table, key): row.value for table, rows in self.book.shelves.items() for key, row in rows.items()}
        fees = {account_no: tuple(fees) for account_no, fees in self.book.open_fees.items()}
        return accounts, left, kept, shelved, fees, dict(self.book.refunded)

    def _let_lapse(self, instant: datetime) -> None:
        """Make available what has expired, as the store does: where an account says that it holds something due."""
        for row in self.book.rows.values():
            account = row.account
            if account.hold_expiry is None or account.hold_expiry > instant:
                continue
            due = [hold for hold in self._counted(account) if is_over(hold, instant)]
            for hold in due:
                shelved = self.book.shelves["hold"][account.account_no, hold.hold_id]
                shelved.value = msgspec.structs.replace(hold, lapsed=True)
            following = [hold.expires_at for hold in self._counted(account) if hold.expires_at is not None]
            row.account = msgspec.structs.replace(
                account,
                available_minor=account.available_minor + sum(hold.remaining_minor for hold in due),
                hold_expiry=min(following, default=None),
            )

    def _look_back(self, account_id: str, instant: datetime) -> None:
        """Find out how the days of an account ended that have not accrued, as the store does, from what is kept."""
        account, bank = self.book.account(account_id), self.book.bank
        known = None if account is None else self.book.shelved("interest", account.account_no)
        if account is None or known is None or known.idle:
            return
        ends, day = list[DayEnd](), known.accrued_until + ONE_DAY
        while day < bank.day(instant):
            end_us = microseconds(bank.ends(day))
            product = self._product_before(account.account_no, end_us)
            if product.product not in BEARING_NOTHING:
                ends.append(DayEnd(day, self._balance_before(account.account_no, end_us), product))
            day += ONE_DAY
        self.book.day_ends[account.account_no] = ends

    def _balance_before(self, account_no: int, end_us: int) -> int:
        own = [entry for entry in self.book.entries if entry[0] == account_no and int(entry[7]) < end_us]
        return int(own[-1][6]) if own else 0

    def _product_before(self, account_no: int, end_us: int) -> Product:
        terms = self.book.kept["account_terms"]
        name = [row[6] for row in terms if row[3] == account_no and row[2] < end_us][-1]
        versions = [each for set_us, each in self._defined if each.product == name and set_us < end_us]
        return versions[-1] if versions else BUILT_IN[name]

    def _holds(self) -> list[Hold]:
        return [row.value for row in self.book.shelves.get("hold", {}).values()]

    def _counted(self, account: Account) -> list[Hold]:
        """Return the holds whose money is not available."""
        return [
            hold
            for hold in self._holds()
            if hold.account_no == account.account_no and hold.status == HoldStatus.OPEN and not hold.lapsed
        ]

    def _advances(self, account_no: int) -> list[Advance]:
        advances = [row.value for row in self.book.shelves.get("advance", {}).values()]
        return [advance for advance in advances if advance.account_no == account_no]

    def _advanced(self, advance: Advance) -> Advanced:
        payments: list[Payment] = [row.value for row in self.book.shelves["advance_payment"].values()]
        own = (advance.account_no, advance.advance_id)
        return Advanced(
            status=AdvanceStatus(advance.status).name,
            amount_minor=advance.amount_minor,
            outstanding_minor=advance.outstanding_minor,
            written_off_minor=advance.written_off_minor,
            payments={each.payment_no: _paying(each) for each in payments if (each.account_no, each.advance_id) == own},
        )

    def _last_fee(self, account_no: int) -> Fee | None:
        """Return the last fee of an account that fell due, out of the rows that are kept of fees."""
        named = LedgerStore.tables["overdraft_fee"].columns
        rows = [dict(zip(named, row, strict=True)) for row in self.book.kept.get("overdraft_fee", ())]
        own = [row for row in rows if row["account_no"] == account_no]
        if not own:
            return None
        last = own[-1]
        return Fee(product=last["product"], version=last["product_version"], amount_minor=last["amount_minor"])

    def _assert_rows_fit(self) -> None:
        for table, rows in self.book.kept.items():
            assert LedgerStore.tables[table].pack(*rows[-1]), f"{table}: {rows[-1]}"
        for shelf in LedgerStore.shelves:
            for row in self.book.shelves.get(shelf.table.name, {}).values():
                assert shelf.table.pack(*shelf.made(row, 0)), f"{shelf.table.name}: {row}"

    def _assert_held(self) -> None:
        for row in self.book.rows.values():
            held = sum(hold.remaining_minor for hold in self._counted(row.account))
            assert row.account.ledger_minor - held == row.account.available_minor, row.account

    def _assert_conserved(self) -> None:
        money = Counter[str]()
        for row in (*self.book.rows.values(), *self.book.house.values()):
            money[row.account.currency] += row.account.ledger_minor
        assert not any(money.values()), f"money came from nowhere: {money}"


def _defines(change: object) -> TypeGuard[Put]:
    return isinstance(change, Put) and change.table == "product"


def _held(hold: Hold) -> Held:
    return Held(
        status=HoldStatus(hold.status).name,
        amount_minor=hold.amount_minor,
        captured_minor=hold.captured_minor,
        remaining_minor=hold.remaining_minor,
    )


def _paying(payment: Payment) -> Paying:
    return Paying(
        due=payment.due,
        status=PaymentStatus(payment.status).name,
        amount_minor=payment.amount_minor,
        paid_minor=payment.paid_minor,
        moved_to=payment.moved_to,
    )


def _house(account_id: str, currency: str, number: int) -> Account:
    kind, status = AccountType.HOUSE, Status.ACTIVE
    return Account(number, account_id, kind, currency, "house", status, 0, 0, 0, 0, START, None)
