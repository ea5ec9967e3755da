"""The sample as commands: 1,110 accounts, their first deposits, and 64,553 movements of a PaySim simulation.

Promise   Every run yields the same commands under the same ids, so publishing the sample again only repeats it. In file
          order exactly ``DECLINES`` movements lack funds, and balances end as ``expected_balances`` says.
Cost      About 0.5 s for all commands; rows are read as they are asked for.
Invariant Ids grow with the order of publishing: a fixed instant, then the number of the command, then a hash.
"""

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from io import TextIOWrapper
from itertools import chain, count
from typing import IO, Final

from contracts.accounts import AccountOpen
from contracts.envelope import Command, encode_command
from contracts.ids import uuid_text
from contracts.transfers import TransferDeposit, TransferMake, TransferWithdraw

CURRENCY: Final = "USD"
ACCOUNTS: Final = 1_110
DEPOSITS: Final = 400
MOVEMENTS: Final = 64_553
DECLINES: Final = 101

_FILES: Final = "partita.sample"
_EPOCH_MS: Final = 1_767_225_600_000  # 2026-01-01, the 48 bits with which every id of the sample begins
_OPENINGS_FROM, _DEPOSITS_FROM, _MOVEMENTS_FROM = 0, 1 << 24, 2 << 24


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One line of ``accounts.csv``; amounts are decimal strings."""

    account_id: str
    initial_balance: str
    overdraft_limit: str
    final_balance: str


def command_id(number: int) -> str:
    """Return the id of the sample's command *number*: a UUIDv8 (RFC 9562) that sorts by number."""
    digest = blake2b(b"partita sample %d" % number, digest_size=5).digest()
    fields = (
        _EPOCH_MS << 80
        | 0x8 << 76
        | (number >> 20 & 0xFFF) << 64
        | 0b10 << 62
        | (number & 0xFFFFF) << 42
        | int.from_bytes(digest, "big")
    )
    return uuid_text(fields.to_bytes(16, "big"))


def holders() -> Iterator[Holder]:
    """Yield the accounts with where they begin and where they end."""
    with _open("accounts.csv") as raw, TextIOWrapper(raw, "utf-8", newline="") as text:
        for row in csv.DictReader(text):
            yield Holder(
                account_id=row["account"],
                initial_balance=row["initial_balance"],
                overdraft_limit=row["overdraft_limit"],
                final_balance=row["final_balance"],
            )


def opening() -> Iterator[Command]:
    """Yield an ``account.open`` for every account."""
    for number, holder in zip(count(_OPENINGS_FROM), holders(), strict=False):
        yield AccountOpen(
            command_id=command_id(number),
            account_id=holder.account_id,
            account_type="CHECKING",
            currency=CURRENCY,
            overdraft_limit=holder.overdraft_limit,
        )


def deposits() -> Iterator[Command]:
    """Yield a ``transfer.deposit`` for every account that begins with money."""
    funded = (holder for holder in holders() if holder.initial_balance.strip("0."))
    for number, holder in zip(count(_DEPOSITS_FROM), funded, strict=False):
        yield _deposit(command_id(number), holder.account_id, "", holder.initial_balance)


def commands() -> Iterator[Command]:
    """Yield the movements in the order of the file, which is their order."""
    with _open("commands.csv.gz") as raw, gzip.open(raw, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            make = _MAKERS[row["action"]]
            yield make(command_id(_MOVEMENTS_FROM + int(row["row"])), row["from"], row["to"], row["amount"])


def everything() -> Iterator[Command]:
    """Yield openings, deposits and movements: what is published to replay the sample."""
    return chain(opening(), deposits(), commands())


def expected_balances() -> Mapping[str, str]:
    """Return each account's balance after the sample, published in order."""
    return {holder.account_id: holder.final_balance for holder in holders()}


def json_lines(sample: Iterable[Command]) -> Iterator[bytes]:
    """Yield *sample* as JSON Lines, the form in which commands are kept in files."""
    return (encode_command(command) + b"\n" for command in sample)


def _open(file: str) -> IO[bytes]:
    return resources.files(_FILES).joinpath(file).open("rb")


def _deposit(command: str, account_id: str, _to: str, amount: str) -> Command:
    return TransferDeposit(command_id=command, account_id=account_id, amount=amount, currency=CURRENCY)


def _withdraw(command: str, account_id: str, _to: str, amount: str) -> Command:
    return TransferWithdraw(command_id=command, account_id=account_id, amount=amount, currency=CURRENCY)


def _make(command: str, source: str, destination: str, amount: str) -> Command:
    return TransferMake(
        command_id=command,
        source_account_id=source,
        destination_account_id=destination,
        amount=amount,
        currency=CURRENCY,
    )


_MAKERS: Final[Mapping[str, Callable[[str, str, str, str], Command]]] = {
    "CASH_IN": _deposit,
    "CASH_OUT": _withdraw,
    "DEBIT": _withdraw,
    "TRANSFER": _make,
    "PAYMENT": _make,
}
