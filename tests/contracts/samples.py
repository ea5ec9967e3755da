"""One command of each kind with every field given, and one with no more than it must have."""

from typing import Any, Final

from msgspec import structs

from contracts.catalog import CATALOG, Spec

ID: Final = "0190a0e0-0000-7000-8000-00000000000a"
ORIGINAL: Final = "0190a0e0-0000-7000-8000-00000000000b"

_FRAME: Final[dict[str, Any]] = {
    "requested_at": "2026-01-02T03:04:05.000006Z",
    "correlation_id": "order 7",
    "metadata": {"channel": "branch"},
}
_CASH: Final = {"account_id": "A1", "amount": "12.30", "currency": "USD", "reason": "wages", "reference": "P-1"}
_LEG: Final = {
    "source_account_id": "A1",
    "destination_account_id": "A2",
    "amount": "12.30",
    "currency": "USD",
    "direction": "debit",
    "description": "rent",
    "reference": "INV-7",
}
_FEW: Final = ("source_account_id", "destination_account_id", "amount")

_FULL: Final[dict[str, dict[str, Any]]] = {
    "account.open": {
        "account_id": "A1",
        "account_type": "SAVINGS",
        "currency": "USD",
        "customer_id": "C1",
        "overdraft_limit": "100.00",
        "product": "plain",
    },
    "account.freeze": {"account_id": "A1", "reason": "court order"},
    "account.unfreeze": {"account_id": "A1", "reason": "settled"},
    "account.close": {"account_id": "A1", "payout_account_id": "A2"},
    "account.set_overdraft": {"account_id": "A1", "overdraft_limit": "50.5"},
    "transfer.make": _LEG,
    "transfer.deposit": _CASH,
    "transfer.withdraw": _CASH,
    "transfer.reverse": {"account_id": "A1", "transaction_id": ORIGINAL, "reason": "mistake"},
    "transfer.batch": {"source_account_id": "A1", "legs": [_LEG, {name: _LEG[name] for name in _FEW}]},
}


def _least(spec: Spec) -> dict[str, Any]:
    needed = [field.name for field in structs.fields(spec.command) if field.required]
    return {"type": spec.type} | {name: FULL[spec.type][name] for name in needed}


FULL: Final = {kind: {"command_id": ID, "type": kind} | _FRAME | fields for kind, fields in _FULL.items()}
LEAST: Final = {spec.type: _least(spec) for spec in CATALOG if spec.type in FULL}
