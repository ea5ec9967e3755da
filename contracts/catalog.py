"""THE table: every command with its context, its key, what it answers and what it may be refused with.

A reader who wants to know what the system can be asked reads ``CATALOG`` and nothing else. ``Catalog`` turns the table
into what the program needs: decoders, topic names, the kind of a result.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Union

import msgspec

from contracts import accounts, transfers
from contracts.accounts import AccountRefusal as A
from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, type_of
from contracts.transfers import TransferRefusal as T

LEDGER: Final = "ledger"

_FIRST: Final = (CommonRefusal.COMMAND_ID_REUSED,)
_MONEY: Final = (*_FIRST, CommonRefusal.CURRENCY_UNKNOWN, CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One row of the table. ``codes`` stand in order of precedence; ``key`` names a field of the canonical command."""

    context: str
    command: type[Command]
    key: str
    applied: type[Event]
    rejected: type[Rejected]
    codes: tuple[Refusal, ...]

    @property
    def type(self) -> str:
        """The command's name on the wire."""
        return type_of(self.command)


def _account(command: type[Command], applied: type[Event], *codes: Refusal) -> Spec:
    return Spec(
        context=LEDGER,
        command=command,
        key="account_id",
        applied=applied,
        rejected=accounts.AccountRejected,
        codes=codes,
    )


def _transfer(command: type[Command], key: str, applied: type[Event], *codes: Refusal) -> Spec:
    return Spec(
        context=LEDGER, command=command, key=key, applied=applied, rejected=transfers.TransferRejected, codes=codes
    )


# fmt: off
CATALOG: Final[tuple[Spec, ...]] = (
    _account(accounts.AccountOpen, accounts.AccountOpened,
        *_MONEY, A.ACCOUNT_EXISTS, A.CUSTOMER_NOT_FOUND, A.PRODUCT_NOT_FOUND),
    _account(accounts.AccountFreeze, accounts.AccountFrozen,
        *_FIRST, CommonRefusal.ACCOUNT_RESERVED, A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.ACCOUNT_ALREADY_FROZEN),
    _account(accounts.AccountUnfreeze, accounts.AccountUnfrozen,
        *_FIRST, CommonRefusal.ACCOUNT_RESERVED, A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.ACCOUNT_NOT_FROZEN),
    _account(accounts.AccountClose, accounts.AccountClosed,
        *_FIRST, CommonRefusal.ACCOUNT_RESERVED, A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.PAYOUT_ACCOUNT_NOT_FOUND,
        A.ACCOUNTS_MUST_DIFFER, A.PAYOUT_ACCOUNT_CLOSED, A.CURRENCY_DIFFERS, A.BALANCE_NOT_ZERO,
        A.BALANCE_LIMIT_EXCEEDED),
    _account(accounts.AccountSetOverdraft, accounts.AccountOverdraftSet,
        *_FIRST, CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED, A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED,
        A.OVERDRAFT_IN_USE),
    _transfer(transfers.TransferMake, "source_account_id", transfers.TransferPosted,
        *_MONEY, T.ACCOUNTS_MUST_DIFFER, T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.ACCOUNT_FROZEN, T.CURRENCY_DIFFERS,
        T.INSUFFICIENT_FUNDS, T.BALANCE_LIMIT_EXCEEDED),
    _transfer(transfers.TransferDeposit, "account_id", transfers.TransferPosted,
        *_MONEY, T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.CURRENCY_DIFFERS, T.BALANCE_LIMIT_EXCEEDED),
    _transfer(transfers.TransferWithdraw, "account_id", transfers.TransferPosted,
        *_MONEY, T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.ACCOUNT_FROZEN, T.CURRENCY_DIFFERS, T.INSUFFICIENT_FUNDS),
    _transfer(transfers.TransferReverse, "account_id", transfers.TransferReversed,
        *_FIRST, CommonRefusal.ACCOUNT_RESERVED, T.TRANSACTION_NOT_FOUND, T.ACCOUNT_DIFFERS, T.ALREADY_REVERSED,
        T.NOT_REVERSIBLE, T.ACCOUNT_CLOSED, T.ACCOUNT_FROZEN, T.INSUFFICIENT_FUNDS, T.BALANCE_LIMIT_EXCEEDED),
    _transfer(transfers.TransferBatch, "source_account_id", transfers.TransferBatchPosted,
        *_FIRST, T.LEG_REFUSED),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class NotUnderstood:
    """Why a record is no command."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Topics:
    """The names of a context's topics, all behind one prefix (empty, or with its separator)."""

    prefix: str = ""

    def commands(self, context: str) -> str:
        """Return the topic that commands come in on."""
        return f"{self.prefix}{context}.commands.v1"

    def results(self, context: str) -> str:
        """Return the topic that results go out on."""
        return f"{self.prefix}{context}.results.v1"

    def dead_letters(self, context: str) -> str:
        """Return the topic for records that are no commands."""
        return f"{self.commands(context)}-dlt"


class Catalog:
    """The table, ready for use: lookups by type and a decoder per context."""

    def __init__(self, specs: Iterable[Spec] = CATALOG) -> None:
        self.specs = {spec.type: spec for spec in specs}
        self.contexts = tuple(dict.fromkeys(spec.context for spec in self.specs.values()))
        self._decoders = {context: self._decoder(context) for context in self.contexts}

    def _decoder(self, context: str) -> msgspec.json.Decoder[Command]:
        models = tuple(spec.command for spec in self.specs.values() if spec.context == context)
        # Behind a tag every member of the union is told apart at once, whatever their number.
        return msgspec.json.Decoder(Union[models])  # noqa: UP007 - made at run time

    def understand(self, context: str, value: bytes | None) -> Command | NotUnderstood:
        """Return the canonical command that *value* says, or why it says none."""
        if value is None:
            return NotUnderstood(reason="the record has no value")
        try:
            return self._decoders[context].decode(value).canonical()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotUnderstood(reason=str(error))

    def key_of(self, command: Command) -> str:
        """Return the right key of a canonical command: the id whose order matters to it."""
        key: str = getattr(command, self.specs[type_of(command)].key)
        return key

    def answers(self, command_type: str, result_type: str) -> bool:
        """Say whether a result of *result_type* answers a command of *command_type*, and is not an extra event."""
        spec = self.specs.get(command_type)
        return spec is not None and result_type in (type_of(spec.applied), type_of(spec.rejected))
