"""What a run was told at least once, or it has shown nothing: repeats and refusals, held money, fees and their ways."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from partita.chaos.book_checks import ANSWER, overdrafts
from partita.chaos.topic_checks import REPEAT, REUSE
from partita.oracle.history import Json, Told

TOLD: Final = (
    *("repeats", "conflicts", "insufficient_funds", "holds", "captures", "refunds"),
    *("fees", "fees_waived", "fees_refunded", "protections"),
)
ZERO: Final = "0.00"


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
    if type_ == "hold.placed":
        yield "holds"
    if type_ == "settlement.posted" and payload.get("hold_id"):
        yield "captures"
    if type_ == "settlement.refunded":
        yield "refunds"
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
