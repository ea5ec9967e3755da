"""What a run was told at least once, or it has shown nothing: repeats and refusals, held money, fees, time passing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from partita.chaos.book_checks import ANSWER, overdrafts
from partita.chaos.topic_checks import REPEAT, REUSE
from partita.oracle.history import Json, Told

TOLD: Final = (
    *("repeats", "conflicts", "insufficient_funds", "holds", "captures", "refunds"),
    *("fees", "fees_waived", "fees_refunded", "protections"),
    *("accruals", "postings", "grants", "collections", "failed_payments", "repayments", "write_offs"),
)
ZERO: Final = "0.00"
NO_INTEREST: Final = "0.000000"
_BY_TYPE: Final = {
    "hold.placed": "holds",
    "settlement.refunded": "refunds",
    "advance.granted": "grants",
    "advance.payment_collected": "collections",
    "advance.payment_failed": "failed_payments",
    "advance.repaid": "repayments",
    "advance.written_off": "write_offs",
}


def told_of(events: Iterable[Told]) -> Mapping[str, int]:
    """Return how often each of ``TOLD`` is in *events*."""
    seen: Counter[str] = Counter()
    for told in events:
        seen.update(_kind(told))
        if told.kind == ANSWER:
            seen.update(_answer(told.type, told.payload or {}))
    return {name: seen[name] for name in TOLD}


def _kind(told: Told) -> Iterator[str]:
    if told.kind == REPEAT:
        yield "repeats"
    if told.kind == REUSE:
        yield "conflicts"


def _answer(type_: str, payload: Json) -> Iterator[str]:
    if payload.get("code") == "insufficient_funds":
        yield "insufficient_funds"
    if type_ in _BY_TYPE:
        yield _BY_TYPE[type_]
    if type_ == "settlement.posted" and payload.get("hold_id"):
        yield "captures"
    if type_ == "interest.accrued" and payload["accrued"] != NO_INTEREST:
        yield "accruals"
    if type_ == "interest.posted" and payload["amount"] != ZERO:
        yield "postings"
    for one in overdrafts(payload):
        yield from _overdraft(one)


def _overdraft(one: Json) -> Iterator[str]:
    if one["fee"] != ZERO:
        yield "fees"
    if one["waived"]:
        yield "fees_waived"
    if one["fee_refunded"] != ZERO:
        yield "fees_refunded"
    if one["protected_by"]:
        yield "protections"
