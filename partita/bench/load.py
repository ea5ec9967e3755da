"""What the benches send: accounts with money on them, transfers between any two or mostly from one, and holds."""

import random
from collections.abc import Iterator
from typing import Final

from contracts.accounts import AccountOpen, AccountType
from contracts.envelope import Command
from contracts.holds import HoldPlace
from contracts.settlements import SettlementCapture
from contracts.transfers import TransferDeposit, TransferMake
from producers.command_ids import new_command_id

CURRENCY: Final = "EUR"
ACCOUNTS: Final = 10_000
HOT: Final = 0  # the number of the account that a hot load debits
PAID_IN: Final = "1000000000.00"  # more than any load takes from one account: nothing is refused


def account_id(number: int) -> str:
    """Return the id of an account."""
    return f"bench-{number:06}"


def openings(accounts: int, *, account_type: AccountType = "CHECKING", product: str = "") -> Iterator[Command]:
    """Yield what opens so many accounts; without a *product* each has the one that its type has by itself."""
    for number in range(accounts):
        yield AccountOpen(
            command_id=new_command_id(),
            account_id=account_id(number),
            account_type=account_type,
            currency=CURRENCY,
            product=product,
        )


def deposits(accounts: int) -> Iterator[Command]:
    """Yield what puts enough on each account."""
    for number in range(accounts):
        yield TransferDeposit(
            command_id=new_command_id(), account_id=account_id(number), amount=PAID_IN, currency=CURRENCY
        )


def transfers(number: int, *, accounts: int, seed: int = 1, hot: float = 0.0) -> Iterator[Command]:
    """Yield so many transfers between accounts chosen evenly; the part *hot* of them debits one account."""
    dice = random.Random(seed)  # noqa: S311 - the same load every time
    for _ in range(number):
        source = HOT if hot and dice.random() < hot else int(dice.random() * accounts)
        destination = (source + 1 + int(dice.random() * (accounts - 1))) % accounts
        yield TransferMake(
            command_id=new_command_id(),
            source_account_id=account_id(source),
            destination_account_id=account_id(destination),
            amount=f"{1 + int(dice.random() * 99)}.50",
            currency=CURRENCY,
            reference=f"bench {source} to {destination}",
        )


def captures(number: int, *, accounts: int, seed: int = 1) -> Iterator[Command]:
    """Yield holds, and behind each its capture to another account: so many commands in all, half of either."""
    dice = random.Random(seed)  # noqa: S311 - the same load every time
    for _ in range(number // 2):
        source = int(dice.random() * accounts)
        destination = (source + 1 + int(dice.random() * (accounts - 1))) % accounts
        hold_id, amount = new_command_id(), f"{1 + int(dice.random() * 99)}.50"
        yield HoldPlace(
            command_id=new_command_id(),
            hold_id=hold_id,
            account_id=account_id(source),
            amount=amount,
            reason="DEBIT_CARD_AUTH",
        )
        yield SettlementCapture(
            command_id=new_command_id(),
            hold_id=hold_id,
            account_id=account_id(source),
            amount=amount,
            destination_account_id=account_id(destination),
        )
