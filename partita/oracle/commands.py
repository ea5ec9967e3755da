"""What a published record says: whether it is a command at all, what it means, and when two of them are the same.

Stated after the wire's own rules; nothing of the product is used.
"""

import json
import re
from decimal import Decimal

from partita.oracle.history import Json

_FRAME = ("command_id", "requested_at", "correlation_id", "metadata")
_LEG = ("source_account_id", "destination_account_id", "amount")
_NEEDED = {
    "account.open": ("account_id", "account_type", "currency"),
    "account.freeze": ("account_id", "reason"),
    "account.unfreeze": ("account_id", "reason"),
    "account.close": ("account_id",),
    "account.set_overdraft": ("account_id", "overdraft_limit"),
    "transfer.make": _LEG,
    "transfer.deposit": ("account_id", "amount"),
    "transfer.withdraw": ("account_id", "amount"),
    "transfer.reverse": ("account_id", "transaction_id"),
    "transfer.batch": ("legs",),
}
_MAY = {
    "account.open": ("customer_id", "overdraft_limit", "product"),
    "account.close": ("payout_account_id",),
    "transfer.make": ("currency", "direction", "description", "reference"),
    "transfer.deposit": ("currency", "reason", "reference"),
    "transfer.withdraw": ("currency", "reason", "reference"),
    "transfer.reverse": ("reason",),
    "transfer.batch": ("source_account_id",),
}
_LEGS_MAX = 100
_TEXT_MAX = 500
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_WITH_CUSTOMER = {"CHECKING": "standard", "SAVINGS": "savings", "MONEY_MARKET": "savings"}
_TYPES = ("CHECKING", "SAVINGS", "MONEY_MARKET")


def understood(value: str | None) -> Json | None:
    """Return the command that a record's *value* says, every leg a debit; None where it says none."""
    try:
        said = json.loads(value or "")
    except json.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str) or not _well_formed(said):
        return None
    command = dict(said, command_id=said["command_id"].lower())
    if command["type"] == "transfer.make":
        command = _debiting(command)
    if command["type"] == "transfer.batch":
        legs = [_debiting(leg) for leg in said["legs"]]
        command |= {"legs": legs, "source_account_id": legs[0]["source_account_id"]}
    if command["type"] == "transfer.reverse":
        command["transaction_id"] = command["transaction_id"].lower()
    return command


def same(one: Json, other: Json) -> bool:
    """Say whether *other* is a repeat of *one*: type and fields, after normalising, without the frame."""
    return _comparable(one) == _comparable(other)


def _well_formed(said: Json) -> bool:
    needed = _NEEDED.get(said["type"])
    if needed is None or not _UUID.fullmatch(str(said.get("command_id"))):
        return False
    if said["type"] != "transfer.batch":
        return _fields_fit(said, needed, (*_FRAME, "type", *_MAY.get(said["type"], ())))
    legs = said.get("legs")
    if not isinstance(legs, list) or not 1 <= len(legs) <= _LEGS_MAX:
        return False
    if not all(isinstance(leg, dict) and _fields_fit(leg, _LEG, _MAY["transfer.make"]) for leg in legs):
        return False
    first = {"", legs[0]["source_account_id"], _debiting(legs[0])["source_account_id"]}
    known = set(said) <= {"type", "legs", "source_account_id", *_FRAME}
    return known and said.get("source_account_id", "") in first


def _fields_fit(said: Json, needed: tuple[str, ...], may: tuple[str, ...]) -> bool:
    if not set(needed) <= set(said) <= {*needed, *may}:
        return False
    return all(_field_fits(name, said[name]) for name in said if name not in _FRAME)


def _field_fits(name: str, value: object) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    if name in ("amount", "overdraft_limit"):
        return bool(_AMOUNT.fullmatch(value)) and (name == "overdraft_limit" or Decimal(value) > 0)
    if name == "transaction_id":
        return bool(_UUID.fullmatch(value))
    if name.endswith("account_id") or name in ("customer_id", "product"):
        return bool(_ID.fullmatch(value))
    return {"account_type": value in _TYPES, "direction": value in ("debit", "credit")}.get(
        name, len(value) <= _TEXT_MAX
    )


def _debiting(leg: Json) -> Json:
    """Turn a credit round: it takes from its destination and gives to its source."""
    if leg.get("direction", "debit") == "debit":
        return leg
    turned = {"source_account_id": leg["destination_account_id"], "destination_account_id": leg["source_account_id"]}
    return leg | turned | {"direction": "debit"}


def _comparable(command: Json) -> Json:
    kept = {name: value for name, value in command.items() if name not in _FRAME}
    for name in {"amount", "overdraft_limit"} & set(kept):
        kept[name] = Decimal(kept[name])
    if kept.get("type") == "account.open" and not kept.get("product"):
        kept["product"] = "plain" if not kept.get("customer_id") else _WITH_CUSTOMER[kept["account_type"]]
    if "legs" in kept:
        kept["legs"] = [_comparable(leg) for leg in kept["legs"]]
    defaults = {"direction": "debit", "overdraft_limit": Decimal(0)}
    return {name: value for name, value in kept.items() if value not in ("", defaults.get(name))}
