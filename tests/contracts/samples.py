"""One command of each kind with every field given, and one with no more than it must have."""

from typing import Any, Final

from msgspec import structs

from contracts.specs import CATALOG, LEDGER, Spec

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

_CUSTOMER: Final = {"customer_id": "A1", "name": "Ann Example", "address": "4 High Street", "kyc_status": "VERIFIED"}
_HOLD: Final = {"hold_id": "H1", "account_id": "A1"}
_ADVANCE: Final = {"advance_id": "V1", "account_id": "A1"}
_POST: Final = {
    "account_id": "A1",
    "amount": "12.30",
    "destination_account_id": "A2",
    "currency": "USD",
    "reference": "S-1",
}

_EXPENSE: Final = {
    "expense_id": "E1",
    "user_id": "A1",
    "amount": "12.30",
    "currency": "USD",
    "category": "Food",
    "date": "2026-02-28",
    "notes": "two rolls",
    "device_id": "phone",
}
_RECURRING: Final = {"recurring_id": "R1", "user_id": "A1"}
_RECORD: Final = {
    "record_id": "R1",
    "account_id": "A1",
    "amount": "-12.30",
    "currency": "USD",
    "period_start": "2026-02-01",
    "period_end": "2026-02-28",
}
_CUT: Final = {"context": "ledger", "epoch": 2, "next_seq": {"0": 7, "12": 1}}

# The key is A1 in all of them, but that of a rate is a currency.
KEYS: Final = {"rate.set": "USD"}
_FULL: Final[dict[str, dict[str, Any]]] = {
    "customer.create": _CUSTOMER | {"date_of_birth": "1980-02-29", "ssn": "078-05-1120"},
    "customer.update": _CUSTOMER | {"good_standing": False},
    "product.set": {
        "product": "A1",
        "account_type": "SAVINGS",
        "currency": "USD",
        "interest": "compound",
        "tier_mode": "marginal",
        "tiers": [{"from": "0", "rate": "0.01"}, {"from": "1000.00", "rate": "0.0250"}],
        "day_count": 360,
        "overdraft_fee": "12.50",
        "fees_per_day": 1,
        "fees_per_month": 300,
        "first_fee_waived": False,
        "fee_may_exceed_limit": False,
        "grace_hours": 24,
    },
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
    "account.set_product": {"account_id": "A1", "product": "gold"},
    "account.link_protection": {"account_id": "A1", "protection_account_id": "A2"},
    "interest.accrue": {"account_id": "A1", "date": "2026-02-28"},
    "interest.post": {"account_id": "A1", "month": "2026-02"},
    "transfer.make": _LEG,
    "transfer.deposit": _CASH,
    "transfer.withdraw": _CASH,
    "transfer.reverse": {"account_id": "A1", "transaction_id": ORIGINAL, "reason": "mistake"},
    "transfer.batch": {"source_account_id": "A1", "legs": [_LEG, {name: _LEG[name] for name in _FEW}]},
    "hold.place": _HOLD
    | {"amount": "12.30", "currency": "USD", "reason": "LEGAL", "expires_at": "2026-01-02T04:04:05.000006+01:00"},
    "hold.adjust": _HOLD | {"amount": "12.30"},
    "hold.extend": _HOLD | {"expires_at": "2026-01-02T04:04:05+01:00"},
    "hold.release": _HOLD,
    "hold.expire": _HOLD,
    "settlement.capture": _HOLD | _POST | {"final": False},
    "settlement.post": _POST,
    "settlement.refund": {"account_id": "A1", "transaction_id": ORIGINAL, "amount": "12.30"},
    "advance.request": _ADVANCE
    | {"amount": "1000", "currency": "USD", "payments": 6, "interval_days": 14, "first_due": "2026-02-28"},
    "advance.collect": _ADVANCE | {"payment_no": 3},
    "advance.repay": _ADVANCE | {"amount": "12.30"},
    "advance.write_off": _ADVANCE | {"reason": "gone abroad"},
    "advance.audit": _ADVANCE,
    "user.create": {"user_id": "A1", "base_currency": "EUR", "timezone": "Europe/Berlin"},
    "user.update": {"user_id": "A1", "timezone": "Asia/Tokyo"},
    "user.erase": {"user_id": "A1"},
    "expense.add": _EXPENSE,
    "expense.change": _EXPENSE | {"base_version": 3},
    "expense.delete": {"expense_id": "E1", "user_id": "A1", "base_version": 3},
    "budget.set": {"user_id": "A1", "category": "Food", "month": "2026-02", "limit": "500.00"},
    "recurring.set": _RECURRING
    | {"amount": "12.30", "currency": "USD", "category": "Rent", "frequency": "monthly", "starts_on": "2026-01-31"}
    | {"ends_on": "2026-12-31", "notes": "the flat"},
    "recurring.stop": _RECURRING,
    "recurring.materialise": _RECURRING | {"date": "2026-02-28"},
    "rate.set": {"base": "USD", "quote": "EUR", "date": "2026-02-28", "rate": "0.9210"},
    "revenue.create_account": {"account_id": "A1", "name": "Example Ltd", "tier": "pro"},
    "revenue.update_account": {"account_id": "A1", "name": "Sample Ltd", "tier": "enterprise"},
    "revenue.delete_account": {"account_id": "A1"},
    "revenue.record": _RECORD,
    "revenue.change_record": _RECORD,
    "revenue.delete_record": {"record_id": "R1", "account_id": "A1"},
    "activity.import": {"import_id": "A1", "files": ["a.csv", "s3://bucket/b.csv.gz"], "policy": "strict"},
    "activity.cancel": {"import_id": "A1"},
    "export.request": {"export_id": "A1", "kind": "entries", "format": "csv.gz"}
    | {"filters": {"from": "2026-02-01", "account_id": "A2"}, "cut": _CUT},
    "export.cancel": {"export_id": "A1"},
}


def _least(spec: Spec) -> dict[str, Any]:
    needed = [field.name for field in structs.fields(spec.command) if field.required]
    return {"type": spec.type} | {name: FULL[spec.type][name] for name in needed}


_CONTEXTS: Final = {spec.type: spec.context for spec in CATALOG}
FULL: Final = {kind: {"command_id": ID, "type": kind} | _FRAME | fields for kind, fields in _FULL.items()}
LEAST: Final = {spec.type: _least(spec) for spec in CATALOG if spec.type in FULL}


def context_of(said: dict[str, Any]) -> str:
    """Return the context that a sample, or what was made of one, is said to."""
    kind = said.get("type")
    return _CONTEXTS.get(kind, LEDGER) if isinstance(kind, str) else LEDGER


def samples_of(context: str) -> list[dict[str, Any]]:
    """Return all samples of a context."""
    return [said for said in (*FULL.values(), *LEAST.values()) if context_of(said) == context]
