"""How the fields of a command look on the wire, by their names: a name means the same in every family."""

import re
from decimal import Decimal

from partita.oracle.history import Json

FRAME = ("command_id", "requested_at", "correlation_id", "metadata")
_TEXT_MAX = 500
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_ONE_OF = {"account_type": ("CHECKING", "SAVINGS", "MONEY_MARKET"), "direction": ("debit", "credit")}


def is_uuid(value: object) -> bool:
    """Say whether *value* is the text of a UUID."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def fit(said: Json, needed: tuple[str, ...], may: tuple[str, ...]) -> bool:
    """Say whether *said* has all fields *needed*, none beside those that it *may* have, and each looks as it should."""
    if not set(needed) <= set(said) <= {*needed, *may}:
        return False
    return all(_fits(name, said[name]) for name in said if name not in FRAME)


def _fits(name: str, value: object) -> bool:
    if name == "legs":  # looked at one by one by the family
        return isinstance(value, list)
    if not isinstance(value, str) or "\0" in value:
        return False
    if name in ("amount", "overdraft_limit"):
        return bool(_AMOUNT.fullmatch(value)) and (name == "overdraft_limit" or Decimal(value) > 0)
    if name == "transaction_id":
        return is_uuid(value)
    if name.endswith("account_id") or name in ("customer_id", "product"):
        return bool(_ID.fullmatch(value))
    return value in _ONE_OF[name] if name in _ONE_OF else len(value) <= _TEXT_MAX
