"""The family ``interest``: what a balance earns, day by day, and how it gets on the account, month by month."""

from contracts.dates import Day, Month
from contracts.entries import EntryView
from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.shown import (
    ShownAccrual,
    ShownAmount,
    ShownCount,
    ShownCurrency,
    ShownDate,
    ShownId,
    ShownMonth,
    ShownUuid,
)


class InterestRefusal(Refusal):
    """Why an ``interest`` command is refused."""

    ACCOUNT_NOT_FOUND = "account_not_found", "No account has this id; open it first, or correct the id."
    ACCOUNT_CLOSED = "account_closed", "The account is closed and earns nothing any more; nothing is left to do."
    ALREADY_ACCRUED = (
        "already_accrued",
        "The day was accrued before, or the account was opened after it; nothing is left to do.",
    )
    DATE_NOT_ENDED = "date_not_ended", "The day has not ended in the bank's time zone; accrue it once it has."
    ALREADY_POSTED = "already_posted", "The month was posted before, or with a later one; nothing is left to do."
    MONTH_NOT_ENDED = "month_not_ended", "The month has not ended in the bank's time zone; post it once it has."
    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded", "The balance would pass its limit; pay something out first."


class InterestAccrue(Command, tag="interest.accrue", frozen=True, kw_only=True):
    """Accrue what an account has earned up to the end of a day, every day since the last that was accrued.

    Attributes:
        account_id: The account, which may be frozen.
        date: The last day to accrue: a day of the bank's time zone that has ended.
    """

    account_id: BusinessId
    date: Day

    accounts = ("account_id",)


class InterestPost(Command, tag="interest.post", frozen=True, kw_only=True):
    """Pay the whole minor units of what has accrued up to the end of a month; days that are missing accrue first.

    Attributes:
        account_id: The account, which may be frozen.
        month: The last month to post: one of the bank's time zone that has ended.
    """

    account_id: BusinessId
    month: Month

    accounts = ("account_id",)


class InterestAccrued(Event, tag="interest.accrued", frozen=True, kw_only=True):
    """The days have accrued.

    Attributes:
        account_id: The account.
        date: The last day that has accrued.
        days: How many days have accrued at once, this one included.
        accrued: What they have earned, in units of the account's currency, rounded half up.
        accumulated: What has accrued and is not posted yet, likewise.
    """

    account_id: ShownId
    date: ShownDate
    days: ShownCount
    accrued: ShownAccrual
    accumulated: ShownAccrual


class InterestPosted(Event, tag="interest.posted", frozen=True, kw_only=True):
    """What had accrued is on the account.

    Attributes:
        account_id: The account.
        month: The month.
        value_date: The month's last day, by which statements and balances of the past count the entry.
        days: How many days were missing and have accrued first.
        amount: How much was paid; 0 where it was less than a minor unit, and then there is no transaction.
        currency: The currency of all amounts here.
        accumulated: What is left in the accumulator, in units of that currency, rounded half up.
        transaction_id: The transaction: the command's id; or null where nothing was paid.
        entries: The entries on the account: the interest, fees refunded; none of the bank's.
    """

    account_id: ShownId
    month: ShownMonth
    value_date: ShownDate
    days: ShownCount
    amount: ShownAmount
    currency: ShownCurrency
    accumulated: ShownAccrual
    transaction_id: ShownUuid | None
    entries: list[EntryView]


class InterestRejected(Rejected, tag="interest.rejected", frozen=True, kw_only=True):
    """The ``interest`` command was refused."""
