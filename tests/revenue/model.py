"""What revenue should be, as plainly as it can be said: by the words on the wire, with the standard library alone.

A model answers commands one after the other, as the objects that go on the wire, and knows what reads should show.
Amounts are fractions of whole units.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from math import floor
from re import fullmatch
from typing import Any

Json = dict[str, Any]

DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}  # of the currencies that the model knows
UNITS_MAX = 10**15  # minor units: no amount reaches as many
_FRAME = ("command_id", "requested_at", "correlation_id", "metadata")
_RECORD = ("amount", "currency", "period_start", "period_end")


@dataclass(kw_only=True)
class Record:
    """A record of an account."""

    amount: Fraction
    currency: str
    period_start: str
    period_end: str
    version: int = 1
    deleted: bool = False


@dataclass(kw_only=True)
class Account:
    """An account, with all it ever had."""

    name: str
    tier: str
    created_at: str
    version: int = 1
    deleted_at: str | None = None
    records: dict[str, Record] = field(default_factory=dict)

    def live(self) -> dict[str, Record]:
        """Return what counts."""
        kept = {name: each for name, each in self.records.items() if not each.deleted}
        return {} if self.deleted_at else kept


class Refused(Exception):
    """A command is refused."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.body = {"type": "revenue.rejected", "code": code, "details": details}


class Model:
    """All accounts by id, in the order in which they were created, and every answer that was given."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self._given: dict[str, tuple[Json, Json]] = {}

    def answer(self, said: Json, instant: datetime) -> Json:
        """Return what a command is answered with, for the first time or again."""
        meaning = {name: value for name, value in said.items() if name not in _FRAME}
        if "amount" in meaning:
            meaning["amount"] = Fraction(meaning["amount"])
        if said["command_id"] in self._given:
            first, answer = self._given[said["command_id"]]
            if first == meaning:
                return answer | {"replayed": True}
            return Refused("command_id_reused").body
        decide: Callable[[Json, str], Json] = getattr(self, f"_{said['type'].partition('.')[2]}")
        try:
            answer = decide(said, f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
        except Refused as refused:
            answer = refused.body
        self._given[said["command_id"]] = (meaning, answer)
        return answer

    def _create_account(self, said: Json, instant: str) -> Json:
        if said["account_id"] in self.accounts:
            raise Refused("account_exists", account_id=said["account_id"])
        made = Account(name=said["name"], tier=said["tier"], created_at=instant)
        self.accounts[said["account_id"]] = made
        return _account("account_created", said, made)

    def _update_account(self, said: Json, _: str) -> Json:
        account = self._existing(said)
        account.name, account.tier = said.get("name", account.name), said.get("tier", account.tier)
        account.version += 1
        return _account("account_updated", said, account)

    def _delete_account(self, said: Json, instant: str) -> Json:
        account = self._existing(said)
        count = len(account.live())
        account.version, account.deleted_at = account.version + 1, instant
        return _account("account_deleted", said, account) | {"deleted_at": instant, "records": count}

    def _record(self, said: Json, _: str) -> Json:
        _require_amount(said["amount"], said["currency"])
        _require_days(said)
        account = self._existing(said)
        if said["record_id"] in account.records:
            raise Refused("record_exists", **_place(said))
        made = Record(**{name: said[name] for name in _RECORD} | {"amount": Fraction(said["amount"])})
        _require_order(said, made.period_start, made.period_end)
        account.records[said["record_id"]] = made
        return _shown("recorded", said, made)

    def _change_record(self, said: Json, _: str) -> Json:
        if "currency" in said:
            _require_amount(said.get("amount", "1"), said["currency"])
        _require_days(said)
        record = self._existing_record(said)
        currency = said.get("currency", record.currency)
        amount = said.get("amount", plain(record.amount, record.currency))
        _require_amount(amount, currency)
        first, last = (said.get(name, getattr(record, name)) for name in ("period_start", "period_end"))
        _require_order(said, first, last)
        record.amount, record.currency = Fraction(amount), currency
        record.period_start, record.period_end = first, last
        record.version += 1
        return _shown("record_changed", said, record)

    def _delete_record(self, said: Json, _: str) -> Json:
        record = self._existing_record(said)
        record.deleted, record.version = True, record.version + 1
        return _shown("record_deleted", said, record)

    def _existing(self, said: Json) -> Account:
        account = self.accounts.get(said["account_id"])
        if account is None:
            raise Refused("account_not_found", account_id=said["account_id"])
        if account.deleted_at:
            raise Refused("account_deleted", account_id=said["account_id"])
        return account

    def _existing_record(self, said: Json) -> Record:
        record = self._existing(said).records.get(said["record_id"])
        if record is None:
            raise Refused("record_not_found", **_place(said))
        if record.deleted:
            raise Refused("record_deleted", **_place(said))
        return record

    # What reads should show ---------------------------------------------------------------------------------------

    def listed(self, account_id: str, period: str = "") -> list[Json]:
        """Return an account's records that begin in a month, or all, in their order."""
        live = self.accounts[account_id].live()
        order = sorted(live.items(), key=lambda item: (item[1].period_start, item[0].encode()))
        return [_fields({"account_id": account_id, "record_id": name}, each) for name, each in order
                if each.period_start.startswith(period)]  # fmt: skip

    def summary(self, account_id: str) -> Json:
        """Return what an account comes to."""
        live = list(self.accounts[account_id].live().values())
        names = sorted({each.currency for each in live})
        return {
            "account_id": account_id,
            "currencies": [_currency(name, [each for each in live if each.currency == name]) for name in names],
        }

    def exported(self, since: str, until: str, *, tier: str = "", account_id: str = "") -> list[list[str]]:
        """Return the rows of an export."""
        return [
            [each["account_id"], _safe(account.name), account.tier, each["record_id"], each["amount"], each["currency"],
             each["period_start"], each["period_end"]]
            for name, account in self.accounts.items()
            if tier in ("", account.tier) and account_id in ("", name)
            for each in self.listed(name)
            if since <= each["period_start"] < until
        ]  # fmt: skip


def _safe(text: str) -> str:
    """Return *text* so that no spreadsheet runs it."""
    return f"'{text}" if text[0] in "=+-@\t\r\n＝＋－＠" else text


def _account(kind: str, said: Json, account: Account) -> Json:
    known = {name: getattr(account, name) for name in ("name", "tier", "created_at", "version")}
    return {"type": f"revenue.{kind}", "account_id": said["account_id"]} | known


def _shown(kind: str, said: Json, record: Record) -> Json:
    return {"type": f"revenue.{kind}"} | _fields(said, record)


def _fields(place: Json, record: Record) -> Json:
    own = {name: getattr(record, name) for name in (*_RECORD, "version")}
    return {name: place[name] for name in ("record_id", "account_id")} | own | {
        "amount": money(record.amount, record.currency)
    }  # fmt: skip


def _currency(currency: str, records: list[Record]) -> Json:
    total = sum((each.amount for each in records), Fraction(0))
    months = _months(min(each.period_start for each in records), max(each.period_start for each in records))
    shown, before = [], Fraction(0)
    for month in months:
        own = [each.amount for each in records if each.period_start.startswith(month)]
        now = sum(own, Fraction(0))
        growth = written((now - before) / before, 4) if before else None
        shown.append({"month": month, "amount": money(now, currency), "records": len(own), "growth": growth})
        before = now
    return {
        "currency": currency,
        "total": money(total, currency),
        "records": len(records),
        "average_per_period": money(total / len(months), currency),
        "latest_growth": shown[-1]["growth"],
        "months": shown,
    }


def _months(first: str, last: str) -> list[str]:
    numbers = [12 * int(day[:4]) + int(day[5:7]) - 1 for day in (first, last)]
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(numbers[0], numbers[1] + 1)]


def money(amount: Fraction, currency: str) -> str:
    """Return *amount* as it is written, rounded to the decimals of *currency*."""
    return written(amount, DECIMALS[currency])


def written(number: Fraction, decimals: int) -> str:
    """Return the decimal that is nearest to *number*; of two, the one that is farther from zero."""
    whole = floor(abs(number) * 10**decimals + Fraction(1, 2))
    sign = "-" if number < 0 and whole else ""
    digits = str(whole).rjust(decimals + 1, "0")
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


def plain(amount: Fraction, currency: str) -> str:
    """Return *amount* without zeros at its end."""
    text = money(amount, currency)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _require_amount(text: str, currency: str) -> None:
    if currency not in DECIMALS:
        raise Refused("currency_unknown", currency=currency)
    decimals = len(text.partition(".")[2])
    if decimals > DECIMALS[currency] or abs(Fraction(text)) * 10 ** DECIMALS[currency] >= UNITS_MAX:
        raise Refused("amount_invalid", currency=currency, decimals=DECIMALS[currency])


def _require_days(said: Json) -> None:
    for name in ("period_start", "period_end"):
        if name in said and not _is_day(said[name]):
            raise Refused("date_invalid", field=name)


def _is_day(text: str) -> bool:
    assert fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)
    try:
        return 1900 <= date.fromisoformat(text).year <= 9998
    except ValueError:
        return False


def _require_order(said: Json, first: str, last: str) -> None:
    if last < first:
        raise Refused("period_invalid", **_place(said))


def _place(said: Json) -> Json:
    return {name: said[name] for name in ("account_id", "record_id")}
