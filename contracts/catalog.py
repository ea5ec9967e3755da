"""THE table: every command with its context, its key, what it answers and what it may be refused with.

A reader who wants to know what the system can be asked reads ``CATALOG`` and nothing else. ``Catalog`` turns the table
into what the program needs: decoders, topic names, the kind of a result.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import UNSET, Struct

from contracts import accounts, advances, customers, holds, interest, products, settlements, transfers
from contracts.accounts import AccountRefusal as A
from contracts.advances import AdvanceRefusal as V
from contracts.customers import CustomerRefusal as C
from contracts.diagnosis import RECORD_BYTES_MAX, diagnosed, outside_calendar, too_large
from contracts.envelope import Command, CommonRefusal, Event, Frame, OtherEvent, Refusal, Rejected, Result, type_of
from contracts.headers import NOTHING, Said
from contracts.holds import HoldRefusal as H
from contracts.interest import InterestRefusal as I
from contracts.invalid import CommandInvalid, NotUnderstood
from contracts.notices import BooksRestored
from contracts.products import ProductRefusal as P
from contracts.settlements import SettlementRefusal as S
from contracts.transfers import TransferRefusal as T

LEDGER: Final = "ledger"

_FIRST: Final = (CommonRefusal.COMMAND_ID_REUSED,)
_ACCOUNT: Final = (*_FIRST, CommonRefusal.ACCOUNT_RESERVED)
_AMOUNT: Final = (*_FIRST, CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED)
_MONEY: Final = (*_FIRST, CommonRefusal.CURRENCY_UNKNOWN, CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED)
_Events = type[Event] | tuple[type[Event], ...]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One row of the table. ``codes`` stand in order of precedence; ``key`` names a field of the canonical command."""

    context: str
    command: type[Command]
    key: str
    applied: tuple[type[Event], ...]  # one of them
    rejected: type[Rejected]
    codes: tuple[Refusal, ...]

    @property
    def answers(self) -> tuple[type[Event], ...]:
        """What may answer the command."""
        return (*self.applied, self.rejected)

    @property
    def type(self) -> str:
        """The command's name on the wire."""
        return type_of(self.command)


def _ledger(command: type[Command], key: str, applied: _Events, rejected: type[Rejected], *codes: Refusal) -> Spec:
    either = applied if isinstance(applied, tuple) else (applied,)
    return Spec(context=LEDGER, command=command, key=key, applied=either, rejected=rejected, codes=codes)


# fmt: off
CATALOG: Final[tuple[Spec, ...]] = (
    _ledger(customers.CustomerCreate, "customer_id", customers.CustomerCreated, customers.CustomerRejected, *_FIRST,
        CommonRefusal.DATE_INVALID, C.CUSTOMER_EXISTS),
    _ledger(customers.CustomerUpdate, "customer_id", customers.CustomerUpdated, customers.CustomerRejected, *_FIRST,
        C.CUSTOMER_NOT_FOUND),
    _ledger(products.ProductSet, "product", products.ProductDefined, products.ProductRejected, *_FIRST,
        CommonRefusal.CURRENCY_UNKNOWN, CommonRefusal.AMOUNT_INVALID, P.PRODUCT_RESERVED, P.TIERS_INVALID),
    _ledger(accounts.AccountOpen, "account_id", accounts.AccountOpened, accounts.AccountRejected, *_MONEY,
        A.ACCOUNT_EXISTS, A.CUSTOMER_NOT_FOUND, A.CUSTOMER_NOT_VERIFIED, A.PRODUCT_NOT_FOUND, A.PRODUCT_TYPE_DIFFERS,
        A.PRODUCT_CURRENCY_DIFFERS),
    _ledger(accounts.AccountFreeze, "account_id", accounts.AccountFrozen, accounts.AccountRejected, *_ACCOUNT,
        A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.ACCOUNT_ALREADY_FROZEN),
    _ledger(accounts.AccountUnfreeze, "account_id", accounts.AccountUnfrozen, accounts.AccountRejected, *_ACCOUNT,
        A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.ACCOUNT_NOT_FROZEN),
    _ledger(accounts.AccountClose, "account_id", accounts.AccountClosed, accounts.AccountRejected, *_ACCOUNT,
        A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.HOLDS_OPEN, A.ADVANCE_OPEN, A.PAYOUT_ACCOUNT_NOT_FOUND,
        A.ACCOUNTS_MUST_DIFFER, A.PAYOUT_ACCOUNT_CLOSED, A.CURRENCY_DIFFERS, A.BALANCE_NOT_ZERO,
        A.BALANCE_LIMIT_EXCEEDED),
    _ledger(accounts.AccountSetOverdraft, "account_id", accounts.AccountOverdraftSet, accounts.AccountRejected,
        *_AMOUNT, A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.OVERDRAFT_IN_USE),
    _ledger(accounts.AccountSetProduct, "account_id", accounts.AccountProductSet, accounts.AccountRejected, *_ACCOUNT,
        A.ACCOUNT_NOT_FOUND, A.ACCOUNT_CLOSED, A.PRODUCT_NOT_FOUND, A.PRODUCT_TYPE_DIFFERS, A.PRODUCT_CURRENCY_DIFFERS),
    _ledger(accounts.AccountLinkProtection, "account_id", accounts.AccountProtectionLinked, accounts.AccountRejected,
        *_ACCOUNT, A.ACCOUNT_NOT_FOUND, A.PROTECTION_ACCOUNT_NOT_FOUND, A.ACCOUNTS_MUST_DIFFER,
        A.PROTECTION_ACCOUNT_CLOSED, A.CUSTOMER_DIFFERS, A.CURRENCY_DIFFERS, A.PROTECTION_CYCLE),
    _ledger(transfers.TransferMake, "source_account_id", transfers.TransferPosted, transfers.TransferRejected, *_MONEY,
        T.ACCOUNTS_MUST_DIFFER, T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.ACCOUNT_FROZEN, T.CURRENCY_DIFFERS,
        T.INSUFFICIENT_FUNDS, T.BALANCE_LIMIT_EXCEEDED),
    _ledger(transfers.TransferDeposit, "account_id", transfers.TransferPosted, transfers.TransferRejected, *_MONEY,
        T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.CURRENCY_DIFFERS, T.BALANCE_LIMIT_EXCEEDED),
    _ledger(transfers.TransferWithdraw, "account_id", transfers.TransferPosted, transfers.TransferRejected, *_MONEY,
        T.ACCOUNT_NOT_FOUND, T.ACCOUNT_CLOSED, T.ACCOUNT_FROZEN, T.CURRENCY_DIFFERS, T.INSUFFICIENT_FUNDS),
    _ledger(transfers.TransferReverse, "account_id", transfers.TransferReversed, transfers.TransferRejected, *_ACCOUNT,
        T.TRANSACTION_NOT_FOUND, T.ACCOUNT_DIFFERS, T.ALREADY_REVERSED, T.NOT_REVERSIBLE, T.ACCOUNT_CLOSED,
        T.ACCOUNT_FROZEN, T.INSUFFICIENT_FUNDS, T.BALANCE_LIMIT_EXCEEDED),
    _ledger(transfers.TransferBatch, "source_account_id", transfers.TransferBatchPosted, transfers.TransferRejected,
        *_FIRST, T.LEG_REFUSED),
    _ledger(holds.HoldPlace, "account_id", holds.HoldPlaced, holds.HoldRejected, *_MONEY, H.HOLD_EXISTS,
        H.ACCOUNT_NOT_FOUND, H.ACCOUNT_CLOSED, H.ACCOUNT_FROZEN, H.CURRENCY_DIFFERS, H.EXPIRY_IN_PAST,
        H.INSUFFICIENT_FUNDS),
    _ledger(holds.HoldAdjust, "account_id", holds.HoldAdjusted, holds.HoldRejected, *_AMOUNT, H.ACCOUNT_NOT_FOUND,
        H.ACCOUNT_FROZEN, H.HOLD_NOT_FOUND, H.HOLD_ENDED, H.HOLD_EXPIRED, H.AMOUNT_BELOW_CAPTURED,
        H.INSUFFICIENT_FUNDS),
    _ledger(holds.HoldExtend, "account_id", holds.HoldExtended, holds.HoldRejected, *_ACCOUNT, H.ACCOUNT_NOT_FOUND,
        H.HOLD_NOT_FOUND, H.HOLD_ENDED, H.HOLD_EXPIRED, H.EXPIRY_IN_PAST),
    _ledger(holds.HoldRelease, "account_id", holds.HoldReleased, holds.HoldRejected, *_ACCOUNT, H.ACCOUNT_NOT_FOUND,
        H.HOLD_NOT_FOUND, H.HOLD_ENDED, H.HOLD_EXPIRED),
    _ledger(holds.HoldExpire, "account_id", holds.HoldExpired, holds.HoldRejected, *_ACCOUNT, H.ACCOUNT_NOT_FOUND,
        H.HOLD_NOT_FOUND, H.HOLD_ENDED, H.HOLD_NOT_DUE),
    _ledger(settlements.SettlementCapture, "account_id", settlements.SettlementPosted, settlements.SettlementRejected,
        *_MONEY, S.ACCOUNT_NOT_FOUND, S.HOLD_NOT_FOUND, S.HOLD_ENDED, S.HOLD_EXPIRED, S.CURRENCY_DIFFERS,
        S.AMOUNT_EXCEEDS_HOLD, S.DESTINATION_NOT_FOUND, S.DESTINATION_CLOSED, S.BALANCE_LIMIT_EXCEEDED),
    _ledger(settlements.SettlementPost, "account_id", settlements.SettlementPosted, settlements.SettlementRejected,
        *_MONEY, S.ACCOUNT_NOT_FOUND, S.ACCOUNT_CLOSED, S.ACCOUNT_FROZEN, S.CURRENCY_DIFFERS, S.DESTINATION_NOT_FOUND,
        S.DESTINATION_CLOSED, S.BALANCE_LIMIT_EXCEEDED),
    _ledger(settlements.SettlementRefund, "account_id", settlements.SettlementRefunded, settlements.SettlementRejected,
        *_AMOUNT, S.TRANSACTION_NOT_FOUND, S.ACCOUNT_DIFFERS, S.NOT_REFUNDABLE, S.AMOUNT_EXCEEDS_SETTLEMENT,
        S.ACCOUNT_CLOSED, S.BALANCE_LIMIT_EXCEEDED),
    _ledger(interest.InterestAccrue, "account_id", interest.InterestAccrued, interest.InterestRejected, *_ACCOUNT,
        CommonRefusal.DATE_INVALID, I.ACCOUNT_NOT_FOUND, I.ACCOUNT_CLOSED, I.ALREADY_ACCRUED, I.DATE_NOT_ENDED),
    _ledger(interest.InterestPost, "account_id", interest.InterestPosted, interest.InterestRejected, *_ACCOUNT,
        CommonRefusal.DATE_INVALID, I.ACCOUNT_NOT_FOUND, I.ALREADY_POSTED, I.MONTH_NOT_ENDED, I.BALANCE_LIMIT_EXCEEDED),
    _ledger(advances.AdvanceRequest, "account_id", advances.AdvanceGranted, advances.AdvanceRejected, *_MONEY,
        CommonRefusal.DATE_INVALID, V.ADVANCE_EXISTS, V.ACCOUNT_NOT_FOUND, V.ACCOUNT_CLOSED, V.ACCOUNT_FROZEN,
        V.CURRENCY_DIFFERS, V.AMOUNT_TOO_SMALL, V.CUSTOMER_NOT_IN_GOOD_STANDING, V.ADVANCE_OPEN,
        V.ADVANCE_LIMIT_EXCEEDED, V.BALANCE_LIMIT_EXCEEDED),
    _ledger(advances.AdvanceCollect, "account_id", (advances.AdvancePaymentCollected, advances.AdvancePaymentFailed),
        advances.AdvanceRejected, *_ACCOUNT, V.ACCOUNT_NOT_FOUND, V.ADVANCE_NOT_FOUND, V.PAYMENT_NOT_FOUND,
        V.PAYMENT_SETTLED, V.PAYMENT_NOT_DUE),
    _ledger(advances.AdvanceRepay, "account_id", advances.AdvanceRepaid, advances.AdvanceRejected, *_AMOUNT,
        V.ACCOUNT_NOT_FOUND, V.ADVANCE_NOT_FOUND, V.ADVANCE_CLOSED, V.ACCOUNT_CLOSED, V.ACCOUNT_FROZEN,
        V.AMOUNT_EXCEEDS_ADVANCE, V.INSUFFICIENT_FUNDS),
    _ledger(advances.AdvanceWriteOff, "account_id", advances.AdvanceWrittenOff, advances.AdvanceRejected, *_ACCOUNT,
        V.ACCOUNT_NOT_FOUND, V.ADVANCE_NOT_FOUND, V.ADVANCE_CLOSED),
    _ledger(advances.AdvanceAudit, "account_id", (advances.AdvanceAudited, advances.AdvanceAuditFailed),
        advances.AdvanceRejected, *_ACCOUNT, V.ACCOUNT_NOT_FOUND, V.ADVANCE_NOT_FOUND),
)
# fmt: on


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
    """The table, ready for use: what may be said to each context, and what it says."""

    def __init__(self, specs: Iterable[Spec] = CATALOG, *, topics: Topics | None = None) -> None:
        specs = tuple(specs)
        self.specs = {spec.type: spec for spec in specs}
        _assert_told_apart([spec.command for spec in specs])
        _assert_told_apart({event for spec in specs for event in spec.answers})
        self.contexts = tuple(dict.fromkeys(spec.context for spec in self.specs.values()))
        self._topics = topics or Topics()
        self._models = {context: self._models_of(context) for context in self.contexts}
        # Behind a tag every member of the union is told apart at once, whatever their number; and a union of one
        # would not ask for the tag.
        self._decoders = {
            context: msgspec.json.Decoder(Union[(_Nothing, *models.values())])
            for context, models in self._models.items()
        }
        events = {type_of(event): event for spec in self.specs.values() for event in spec.answers}
        self._events = {name: msgspec.json.Decoder(event) for name, event in (events | _ANY_CONTEXT).items()}

    def _models_of(self, context: str) -> dict[str, type[Command]]:
        return {name: spec.command for name, spec in self.specs.items() if spec.context == context}

    def understand(
        self, context: str, value: bytes | None, said: Said = NOTHING, other_bytes: int = 0
    ) -> Command | NotUnderstood:
        """Return the canonical command that *value* says to *context*, or why it says none.

        *said* is what the record's headers say; *other_bytes* is the size of its key and headers.
        """
        if value is not None and len(value) + other_bytes > RECORD_BYTES_MAX:
            return too_large(value, claimed_id=said.id)
        command = self._at_once(context, value)
        if command is None:
            slowly = self._slowly(context, value, said)
            if isinstance(slowly, NotUnderstood):
                return slowly
            command = slowly
        if said.correlation_id and not command.correlation_id:
            command = msgspec.structs.replace(command, correlation_id=said.correlation_id)
        return command.canonical()

    def _at_once(self, context: str, value: bytes | None) -> Command | None:
        """Return the command where it is plain that there is nothing wrong with it."""
        if value is None:
            return None
        try:
            command: Command = self._decoders[context].decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if _ESCAPED in value and _hides_something(value):
            return None
        if (command.requested_at is not UNSET or command.moments) and outside_calendar(command) is not None:
            return None
        # See ``_says_all_once``; what has no default in it is judged here.
        quotes = value.count(_QUOTE)
        return command if quotes == _encode(command).count(_QUOTE) or _says_all_once(value, quotes) else None

    def _slowly(self, context: str, value: bytes | None, said: Said) -> Command | NotUnderstood:
        elsewhere = {
            name: self._topics.commands(spec.context) for name, spec in self.specs.items() if spec.context != context
        }
        return diagnosed(value, self._models[context], elsewhere=elsewhere, claimed_id=said.id)

    def read_result(self, value: bytes) -> Result:
        """Return the result that *value* says; one of a type that is not known keeps its fields as they are.

        Raises:
            msgspec.DecodeError: It is no result.
        """
        frame = _frame.decode(value)
        name = _head.decode(value).type
        event = self._events[name].decode(value) if name in self._events else OtherEvent(fields=_fields.decode(value))
        return Result(event=event, frame=frame)

    def key_of(self, command: Command) -> str:
        """Return the right key of a canonical command: the id whose order matters to it."""
        key: str = getattr(command, self.specs[type_of(command)].key)
        return key

    def answers(self, command_type: str, result_type: str) -> bool:
        """Say whether a result of *result_type* answers a command of *command_type*, and is not an extra event."""
        spec = self.specs.get(command_type)
        return spec is not None and result_type in map(type_of, spec.answers)

    @staticmethod
    def may_hold_ssn(context: str, command_type: str) -> bool:
        """Say whether a record of *command_type* (empty: it cannot be read) may hold a social security number.

        A slip in a customer's type, or a customer's command on the wrong topic, makes its number no less secret.
        """
        return "customer" in command_type.lower() or (context == LEDGER and not command_type)


def _assert_told_apart(models: Collection[type[Struct]]) -> None:
    twice = [name for name, count in Counter(map(type_of, models)).items() if count > 1]
    assert not twice, f"the type {', '.join(sorted(twice))} stands twice in the catalog"


class _Head(msgspec.Struct):
    type: str


class _Nothing(Command, tag="", frozen=True, kw_only=True):
    never: Annotated[str, msgspec.Meta(min_length=1, max_length=0)]


_ANY_CONTEXT: Final[dict[str, type[Event]]] = {type_of(event): event for event in (CommandInvalid, BooksRestored)}
_head = msgspec.json.Decoder(_Head)
_frame = msgspec.json.Decoder(Frame)
_fields = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder()
_QUOTE: Final = b'"'
_ESCAPED: Final = b"\\u00"
_ESCAPED_QUOTE: Final = b"\\u0022"
_ESCAPED_NUL: Final = b"\\u0000"


def _hides_something(value: bytes) -> bool:
    """Say whether *value* may hold a NUL, or a quote that cannot be counted."""
    return _ESCAPED_QUOTE in value or _ESCAPED_NUL in value


def _says_all_once(value: bytes, quotes: int) -> bool:
    """Say whether no name stands twice in *value*, which has so many *quotes*.

    Each name and each string has two quotes, and each quote inside a string is one in both; so a name that was dropped
    leaves *value* with more quotes than what was read of it has when it is written again. A command that is written
    leaves out what has its default, so the same may hold of everything that was read and not of the command.
    """
    return quotes == _encode(_any.decode(value)).count(_QUOTE)
