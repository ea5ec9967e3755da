"""THE table: every command with its context, its key, what it answers and what it may be refused with.

A reader who wants to know what the system can be asked reads ``CATALOG`` and nothing else.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from contracts import (
    accounts,
    activity,
    advances,
    budgets,
    customers,
    expenses,
    exports,
    holds,
    interest,
    products,
    rates,
    recurring,
    revenue,
    settlements,
    transfers,
    users,
)
from contracts.accounts import AccountRefusal as A
from contracts.activity import ActivityRefusal as M
from contracts.advances import AdvanceRefusal as V
from contracts.budgets import BudgetRefusal as B
from contracts.customers import CustomerRefusal as C
from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, type_of
from contracts.expenses import ExpenseRefusal as E
from contracts.exports import ExportRefusal as O
from contracts.holds import HoldRefusal as H
from contracts.interest import InterestRefusal as I
from contracts.products import ProductRefusal as P
from contracts.rates import RateRefusal as X
from contracts.recurring import RecurringRefusal as R
from contracts.revenue import RevenueRefusal as N
from contracts.settlements import SettlementRefusal as S
from contracts.transfers import TransferRefusal as T
from contracts.users import UserRefusal as U

LEDGER: Final = "ledger"
EXPENSES: Final = "expenses"
REVENUE: Final = "revenue"
ACTIVITY: Final = "activity"
EXPORTS: Final = "exports"

_ACCOUNT: Final = (CommonRefusal.ACCOUNT_RESERVED,)
_AMOUNT: Final = (CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED)
_MONEY: Final = (CommonRefusal.CURRENCY_UNKNOWN, CommonRefusal.AMOUNT_INVALID, CommonRefusal.ACCOUNT_RESERVED)
_DATED: Final = (CommonRefusal.CURRENCY_UNKNOWN, CommonRefusal.AMOUNT_INVALID, CommonRefusal.DATE_INVALID)
_THRESHOLD: Final = (budgets.BudgetThresholdReached,)
_Events = type[Event] | tuple[type[Event], ...]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One row of the table. ``codes`` stand in order of precedence; ``key`` names a field of the canonical command.

    ``extras`` are events that may be told besides the answer. ``ends`` are those that end what an applied
    command began: one of them is told later, once, and again to a repeat of the command.
    """

    context: str
    command: type[Command]
    key: str
    applied: tuple[type[Event], ...]  # one of them
    rejected: type[Rejected]
    codes: tuple[Refusal, ...]
    extras: tuple[type[Event], ...] = ()
    ends: tuple[type[Event], ...] = ()

    @property
    def answers(self) -> tuple[type[Event], ...]:
        """What may answer the command."""
        return (*self.applied, self.rejected)

    @property
    def told(self) -> tuple[type[Event], ...]:
        """Everything that may be told because of the command."""
        return (*self.answers, *self.extras, *self.ends)

    @property
    def type(self) -> str:
        """The command's name on the wire."""
        return type_of(self.command)


def _row(
    context: str,
    command: type[Command],
    key: str,
    applied: _Events,
    rejected: type[Rejected],
    *codes: Refusal,
    extras: tuple[type[Event], ...] = (),
    ends: tuple[type[Event], ...] = (),
) -> Spec:
    return Spec(
        context=context,
        command=command,
        key=key,
        applied=applied if isinstance(applied, tuple) else (applied,),
        rejected=rejected,
        codes=(CommonRefusal.COMMAND_ID_REUSED, *codes),
        extras=extras,
        ends=ends,
    )


_ledger = partial(_row, LEDGER)
_expenses = partial(_row, EXPENSES)
_revenue = partial(_row, REVENUE)
_activity = partial(_row, ACTIVITY)
_exports = partial(_row, EXPORTS)


# fmt: off
CATALOG: Final[tuple[Spec, ...]] = (
    _ledger(customers.CustomerCreate, "customer_id", customers.CustomerCreated, customers.CustomerRejected,
        CommonRefusal.DATE_INVALID, C.CUSTOMER_EXISTS),
    _ledger(customers.CustomerUpdate, "customer_id", customers.CustomerUpdated, customers.CustomerRejected,
        C.CUSTOMER_NOT_FOUND),
    _ledger(products.ProductSet, "product", products.ProductDefined, products.ProductRejected,
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
        T.LEG_REFUSED),
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
    _expenses(users.UserCreate, "user_id", users.UserCreated, users.UserRejected, CommonRefusal.CURRENCY_UNKNOWN,
        U.USER_EXISTS, U.TIMEZONE_UNKNOWN),
    _expenses(users.UserUpdate, "user_id", users.UserUpdated, users.UserRejected, U.USER_NOT_FOUND,
        U.TIMEZONE_UNKNOWN),
    _expenses(users.UserErase, "user_id", users.UserErased, users.UserRejected, U.USER_NOT_FOUND),
    _expenses(expenses.ExpenseAdd, "user_id", expenses.ExpenseAdded, expenses.ExpenseRejected, *_DATED,
        E.USER_NOT_FOUND, E.EXPENSE_EXISTS, E.RATE_UNKNOWN, extras=_THRESHOLD),
    _expenses(expenses.ExpenseChange, "user_id", expenses.ExpenseChanged, expenses.ExpenseRejected, *_DATED,
        E.USER_NOT_FOUND, E.EXPENSE_NOT_FOUND, E.EXPENSE_DELETED, E.VERSION_STALE, E.RATE_UNKNOWN, extras=_THRESHOLD),
    _expenses(expenses.ExpenseDelete, "user_id", expenses.ExpenseDeleted, expenses.ExpenseRejected, E.USER_NOT_FOUND,
        E.EXPENSE_NOT_FOUND, E.EXPENSE_DELETED, E.VERSION_STALE),
    _expenses(budgets.BudgetSet, "user_id", budgets.BudgetDefined, budgets.BudgetRejected,
        CommonRefusal.AMOUNT_INVALID, CommonRefusal.DATE_INVALID, B.USER_NOT_FOUND),
    _expenses(recurring.RecurringSet, "user_id", recurring.RecurringDefined, recurring.RecurringRejected, *_DATED,
        R.USER_NOT_FOUND, R.ENDS_BEFORE_START),
    _expenses(recurring.RecurringStop, "user_id", recurring.RecurringStopped, recurring.RecurringRejected,
        R.USER_NOT_FOUND, R.RECURRING_NOT_FOUND),
    _expenses(recurring.RecurringMaterialise, "user_id", expenses.ExpenseAdded, recurring.RecurringRejected,
        CommonRefusal.AMOUNT_INVALID, CommonRefusal.DATE_INVALID, R.USER_NOT_FOUND, R.RECURRING_NOT_FOUND,
        R.ALREADY_MATERIALISED, R.NOT_DUE, R.RATE_UNKNOWN, extras=_THRESHOLD),
    _expenses(rates.RateSet, "base", rates.RateDefined, rates.RateRejected, CommonRefusal.CURRENCY_UNKNOWN,
        CommonRefusal.DATE_INVALID, X.RATE_INVALID),
    _revenue(revenue.RevenueCreateAccount, "account_id", revenue.RevenueAccountCreated, revenue.RevenueRejected,
        N.ACCOUNT_EXISTS),
    _revenue(revenue.RevenueUpdateAccount, "account_id", revenue.RevenueAccountUpdated, revenue.RevenueRejected,
        N.ACCOUNT_NOT_FOUND, N.ACCOUNT_DELETED),
    _revenue(revenue.RevenueRecord, "account_id", revenue.RevenueRecorded, revenue.RevenueRejected, *_DATED,
        N.ACCOUNT_NOT_FOUND, N.ACCOUNT_DELETED, N.RECORD_EXISTS, N.PERIOD_INVALID),
    _revenue(revenue.RevenueChangeRecord, "account_id", revenue.RevenueRecordChanged, revenue.RevenueRejected, *_DATED,
        N.ACCOUNT_NOT_FOUND, N.ACCOUNT_DELETED, N.RECORD_NOT_FOUND, N.RECORD_DELETED, N.PERIOD_INVALID),
    _revenue(revenue.RevenueDeleteRecord, "account_id", revenue.RevenueRecordDeleted, revenue.RevenueRejected,
        N.ACCOUNT_NOT_FOUND, N.ACCOUNT_DELETED, N.RECORD_NOT_FOUND, N.RECORD_DELETED),
    _revenue(revenue.RevenueDeleteAccount, "account_id", revenue.RevenueAccountDeleted, revenue.RevenueRejected,
        N.ACCOUNT_NOT_FOUND, N.ACCOUNT_DELETED),
    _activity(activity.ActivityImport, "import_id", activity.ActivityImportAccepted, activity.ActivityRejected,
        M.IMPORT_EXISTS, M.LOCATION_NOT_ALLOWED, extras=(activity.ActivityImportProgressed,),
        ends=(activity.ActivityImportCompleted, activity.ActivityImportFailed)),
    _activity(activity.ActivityCancel, "import_id", activity.ActivityImportCancelled, activity.ActivityRejected,
        M.IMPORT_NOT_FOUND, M.IMPORT_ENDED),
    _exports(exports.ExportRequest, "export_id", exports.ExportAccepted, exports.ExportRejected, O.EXPORT_EXISTS,
        O.KIND_UNKNOWN, O.FILTER_INVALID, O.SNAPSHOT_GONE, extras=(exports.ExportProgressed,),
        ends=(exports.ExportCompleted, exports.ExportFailed)),
    _exports(exports.ExportCancel, "export_id", exports.ExportCancelled, exports.ExportRejected, O.EXPORT_NOT_FOUND,
        O.EXPORT_ENDED),
)
# fmt: on
