"""The ledger's rules on a book in memory: one command at a time, without lanes, remembered answers or a database."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import msgspec

from contracts.catalog import CATALOG
from contracts.currencies import EXPONENTS
from contracts.envelope import Command, Frame, encode_result, moment_text, type_of
from processor.engine.decision import Applied, Stamp
from processor.ledger.book import Book, Row
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from processor.ledger.values import Account, AccountType, Status, house_cash
from tests.tables import Holding

LANE: Final = 1
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_REJECTED: Final = {spec.command: spec.rejected for spec in CATALOG}


class RulesBank:
    """Decides as the engine does; whatever it refuses must leave the book as it was."""

    def __init__(self) -> None:
        numbers = count(1)
        house = [Row(_house_cash(currency, next(numbers)), lane_no=LANE) for currency in EXPONENTS]
        self.book = Book(rows=(), house=house, numbers=numbers)
        self._seq = 0

    async def decide(self, command: Command) -> tuple[str, dict[str, Any]]:
        return self.decide_now(command)

    def decide_now(self, command: Command) -> tuple[str, dict[str, Any]]:
        self._seq += 1
        instant = START + timedelta(seconds=self._seq)
        before = self.state()
        decision = LEDGER.rules[type(command)](self.book, command, instant)
        assert self.state() == before, "a rule changes nothing"
        self.book.apply(command, decision, Stamp(LANE, self._seq, instant, self._seq, self._seq))
        if isinstance(decision, Applied):
            event = decision.event
        else:
            assert self.state() == before, "a refusal changes nothing"
            event = _REJECTED[type(command)].of(command, decision.refusal, decision.details)
        self._assert_conserved()
        self._assert_kept_rows_fit()
        frame = Frame(
            command_id=command.command_id,
            command_type=type_of(command),
            occurred_at=moment_text(instant),
            replayed=False,
        )
        body: dict[str, Any] = msgspec.json.decode(encode_result(event, frame))
        return type_of(event), body

    async def holding(self, account_id: str) -> Holding | None:
        account = self.book.account(account_id)
        if account is None:
            return None
        return Holding(
            currency=account.currency,
            status=Status(account.status).name,
            ledger_minor=account.ledger_minor,
            available_minor=account.available_minor,
            overdraft_limit_minor=account.overdraft_limit_minor,
        )

    def state(self) -> tuple[object, ...]:
        """Return everything that a refusal must leave alone."""
        rows = (*self.book.rows.values(), *self.book.house.values())
        accounts = tuple((row.account, row.chain) for row in rows)
        lists = {name: rows for name, rows in vars(self.book).items() if isinstance(rows, list)}
        del lists["attempts"]  # a refused transfer leaves one
        left = {name: len(rows) for name, rows in lists.items()}
        kept = {table: len(rows) for table, rows in self.book.kept.items()}
        return accounts, left, kept

    def _assert_kept_rows_fit(self) -> None:
        for table, rows in self.book.kept.items():
            assert LedgerStore.tables[table].pack(*rows[-1]), f"{table}: {rows[-1]}"

    def _assert_conserved(self) -> None:
        money = Counter[str]()
        for row in (*self.book.rows.values(), *self.book.house.values()):
            money[row.account.currency] += row.account.ledger_minor
        assert not any(money.values()), f"money came from nowhere: {money}"


def _house_cash(currency: str, number: int) -> Account:
    kind, status = AccountType.HOUSE, Status.ACTIVE
    return Account(number, house_cash(currency), kind, currency, "house", status, 0, 0, 0, 0, START, None)
