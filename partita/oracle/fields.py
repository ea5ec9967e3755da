"""How the fields of a command look on the wire, by their names: a name means the same in every family."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from partita.oracle.history import Json

FRAME = ("command_id", "requested_at", "correlation_id", "metadata")
Looks = Callable[[object], bool]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))", re.ASCII
)
YEARS = range(1900, 9999)


def is_uuid(value: object) -> bool:
    """Say whether *value* is the text of a UUID."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def moment(text: str) -> datetime | None:
    """Return the instant that an RFC 3339 *text* with its zone names, to the microsecond; None if it names none."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    fraction, sign, hours, minutes = found.groups()[6:]
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    micros = int((Decimal(fraction or 0) * 10**6).to_integral_value(ROUND_HALF_UP))
    try:
        whole = datetime(year, month, day, hour, minute, second, tzinfo=timezone(-ahead if sign == "-" else ahead))
    except ValueError:
        return None
    named = whole + timedelta(microseconds=micros)
    return named if named.year in YEARS else None


def instant_text(instant: datetime) -> str:
    """Write an instant as results do, and as instants are compared: in UTC, with microseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fit(said: Json, needed: tuple[str, ...], may: tuple[str, ...]) -> bool:
    """Say whether *said* has all fields *needed*, none beside those that it *may* have, and each looks as it should."""
    if not set(needed) <= set(said) <= {*needed, *may}:
        return False
    return all(_looks(name)(said[name]) for name in said if name not in FRAME)


def _looks(name: str) -> Looks:
    if name in _LOOKS:
        return _LOOKS[name]
    return _id if name.endswith("account_id") else _text(0, 500)


def _text(shortest: int, longest: int) -> Looks:
    return lambda value: isinstance(value, str) and "\0" not in value and shortest <= len(value) <= longest


def _matches(pattern: str, *, longest: int = 64) -> Looks:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and len(value) <= longest and bool(compiled.fullmatch(value))


def _one_of(*texts: str) -> Looks:
    return lambda value: isinstance(value, str) and value in texts


def _whole(*numbers: int) -> Looks:
    return lambda value: type(value) is int and value in numbers


def _number(most: int, *, least: int = 0) -> Looks:
    return lambda value: type(value) is int and least <= value <= most


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _list(value: object) -> bool:
    return isinstance(value, list)  # looked at one by one by the family


def _id_or_none(value: object) -> bool:
    return value is None or _id(value)


def _positive(value: object) -> bool:
    return _amount(value) and isinstance(value, str) and Decimal(value) > 0


def _moment(value: object) -> bool:
    return isinstance(value, str) and moment(value) is not None


_id = _matches(r"[A-Za-z0-9._:-]+")
_amount = _matches(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_LOOKS: dict[str, Looks] = {
    **dict.fromkeys(("customer_id", "product", "hold_id", "advance_id"), _id),
    "protection_account_id": _id_or_none,
    "transaction_id": is_uuid,
    "currency": _text(1, 16),
    "amount": _positive,
    **dict.fromkeys(("overdraft_limit", "overdraft_fee", "from"), _amount),
    "rate": _matches(r"(0|[1-9][0-9]?)(\.[0-9]{1,10})?"),
    "account_type": _one_of("CHECKING", "SAVINGS", "MONEY_MARKET"),
    "direction": _one_of("debit", "credit"),
    "interest": _one_of("none", "simple", "compound"),
    "tier_mode": _one_of("whole", "marginal"),
    "kyc_status": _one_of("PENDING", "VERIFIED", "REJECTED"),
    "day_count": _whole(360, 365),
    **dict.fromkeys(("fees_per_day", "fees_per_month"), _number(1000)),
    "grace_hours": _number(8784),
    **dict.fromkeys(("first_fee_waived", "fee_may_exceed_limit", "good_standing", "final"), _flag),
    **dict.fromkeys(("legs", "tiers"), _list),
    "expires_at": _moment,
    **dict.fromkeys(("date_of_birth", "date", "first_due"), _matches(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    "month": _matches(r"[0-9]{4}-[0-9]{2}"),
    "payments": _number(520, least=1),
    "interval_days": _number(366, least=1),
    "payment_no": _number(100_000, least=1),
    "ssn": _matches(r"[0-9]{3}-?[0-9]{2}-?[0-9]{4}"),
    "name": _text(1, 500),
    "address": _text(0, 2000),
}
