"""The ledger as a context of the engine: which rule decides which command."""

from typing import Final

from contracts.accounts import AccountClose, AccountFreeze, AccountOpen, AccountSetOverdraft, AccountUnfreeze
from contracts.catalog import LEDGER as NAME
from contracts.transfers import TransferBatch, TransferDeposit, TransferMake, TransferReverse, TransferWithdraw
from processor.engine.context import Context
from processor.ledger.book import Book
from processor.ledger.checks import LEDGER_CHECKS
from processor.ledger.rules import accounts, transfers
from processor.ledger.store import LedgerStore

LEDGER: Final[Context[Book]] = Context(
    name=NAME,
    rules={
        AccountOpen: accounts.open_account,
        AccountFreeze: accounts.freeze,
        AccountUnfreeze: accounts.unfreeze,
        AccountClose: accounts.close,
        AccountSetOverdraft: accounts.set_overdraft,
        TransferMake: transfers.make,
        TransferDeposit: transfers.deposit,
        TransferWithdraw: transfers.withdraw,
        TransferReverse: transfers.reverse,
        TransferBatch: transfers.batch,
    },
    store=LedgerStore(),
    checks=LEDGER_CHECKS,
    races=frozenset({"account_exists", "reversal_happens_once"}),
)
