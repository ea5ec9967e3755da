"""What a published record says: whether it is a command at all, what it means, and when two of them are the same.

Stated after the wire's own rules; nothing of the product is used.
"""

import json
from decimal import Decimal

from partita.oracle.fields import FRAME, fit, is_uuid
from partita.oracle.history import Json
from partita.oracle.rules import RULES

_NUMBERS = {"amount", "overdraft_limit", "overdraft_fee", "from", "rate"}
_LISTS = {"legs", "tiers"}


def understood(value: str | None) -> Json | None:
    """Return the command that a record's *value* says, every leg a debit; None where it says none."""
    try:
        said = json.loads(value or "")
    except json.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str) or not _well_formed(said):
        return None
    return RULES[said["type"]].canonical(dict(said, command_id=said["command_id"].lower()))


def same(one: Json, other: Json) -> bool:
    """Say whether *other* is a repeat of *one*: type and fields, after normalising, without the frame."""
    return _comparable(one) == _comparable(other)


def _well_formed(said: Json) -> bool:
    rule = RULES.get(said["type"])
    if rule is None or not is_uuid(said.get("command_id")):
        return False
    return fit(said, rule.needed, (*FRAME, "type", *rule.may)) and rule.well_formed(said)


def _comparable(command: Json) -> Json:
    meant = RULES[command["type"]].canonical(command)
    return _compared({name: value for name, value in meant.items() if name not in FRAME})


def _compared(fields: Json) -> Json:
    kept = dict(fields)
    for name in _NUMBERS & set(kept):
        kept[name] = Decimal(kept[name])
    for name in _LISTS & set(kept):
        kept[name] = [_compared(one) for one in kept[name]]
    defaults = {"direction": "debit", "overdraft_limit": Decimal(0)}
    # An address may be made empty; every other text that is empty was not given.
    return {name: value for name, value in kept.items() if name == "address" or value not in ("", defaults.get(name))}
