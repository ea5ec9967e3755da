"""What is known of a transfer that was refused: the row that reads as FAILED is filled as far as it can be."""

from collections.abc import Callable
from typing import Final

from contracts.envelope import Command
from contracts.money import exponent_of, minor_units
from contracts.settlements import SettlementCapture, SettlementPost, SettlementRefund
from contracts.transfers import TransferBatch, TransferDeposit, TransferMake, TransferReverse, TransferWithdraw
from processor.ledger.values import Account, Attempt, TransactionKind

KINDS: Final[dict[type[Command], TransactionKind]] = {
    TransferMake: TransactionKind.MAKE,
    TransferDeposit: TransactionKind.DEPOSIT,
    TransferWithdraw: TransactionKind.WITHDRAW,
    TransferReverse: TransactionKind.REVERSE,
    TransferBatch: TransactionKind.BATCH,
    SettlementCapture: TransactionKind.CAPTURE,
    SettlementPost: TransactionKind.SETTLE,
    SettlementRefund: TransactionKind.REFUND,
}


def failed_attempt(command: Command, account_of: Callable[[str], Account | None]) -> Attempt | None:
    """Return what to keep of a refused *command*, or None where it would not have been a transaction."""
    if isinstance(command, TransferMake):
        source, destination = account_of(command.source_account_id), account_of(command.destination_account_id)
        return _money(command, source, destination, description=command.description)
    if isinstance(command, TransferDeposit):
        return _money(command, None, account_of(command.account_id), description=command.reason)
    if isinstance(command, TransferWithdraw):
        return _money(command, account_of(command.account_id), None, description=command.reason)
    if isinstance(command, (SettlementCapture, SettlementPost)):
        return _money(
            command, account_of(command.account_id), account_of(command.destination_account_id), description=""
        )
    kind = KINDS.get(type(command))
    return None if kind is None else Attempt(kind)


def _money(
    command: TransferMake | TransferDeposit | TransferWithdraw | SettlementCapture | SettlementPost,
    source: Account | None,
    destination: Account | None,
    *,
    description: str,
) -> Attempt:
    fixing = source or destination
    currency = command.currency or (fixing.currency if fixing else "")
    exponent = exponent_of(currency)
    return Attempt(
        KINDS[type(command)],
        source_no=None if source is None else source.account_no,
        destination_no=None if destination is None else destination.account_no,
        amount_minor=None if exponent is None else minor_units(command.amount, exponent),
        currency=None if exponent is None else currency,
        description=description,
        reference=command.reference,
    )
