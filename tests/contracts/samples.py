"""One command of each kind with every field given, and one with no more than it must have."""

from typing import Any, Final

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
_MUST: Final[dict[str, tuple[str, ...]]] = {
    "account.open": ("account_id", "account_type", "currency"),
    "account.freeze": ("account_id", "reason"),
    "account.unfreeze": ("account_id", "reason"),
    "account.close": ("account_id",),
    "account.set_overdraft": ("account_id", "overdraft_limit"),
    "transfer.make": _FEW,
    "transfer.deposit": ("account_id", "amount"),
    "transfer.withdraw": ("account_id", "amount"),
    "transfer.reverse": ("account_id", "transaction_id"),
    "transfer.batch": ("legs",),
}

FULL: Final = {kind: {"command_id": ID, "type": kind} | _FRAME | fields for kind, fields in _FULL.items()}
LEAST: Final = {
    kind: {"command_id": ID, "type": kind} | {name: _FULL[kind][name] for name in names}
    for kind, names in _MUST.items()
}
