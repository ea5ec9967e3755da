"""The run without faults: what the steady accounts must end with, by plain arithmetic, and what they do end with."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from partita.chaos.book_checks import books_of
from partita.chaos.case import CannotTell, Case
from partita.chaos.items import STEADY, expected_entries
from partita.chaos.population import steady_accounts
from partita.chaos.sender import Place, Published

Entries = Mapping[str, Sequence[int]]


def sha256(entries: Entries) -> str:
    """Return the hash over each account's balance and the amounts of its entries, without times and order."""
    lines = [f"{name} {sum(entries[name])} {sorted(entries[name])}\n" for name in sorted(entries)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def expected(case: Case) -> Entries:
    """Return what follows from the commands that came into the log.

    Raises:
        CannotTell: A record that depends on another came before it: publishing it had to be tried again.
    """
    places = _places(case)
    firsts: dict[str, Published] = {}
    for one in case.published:
        firsts.setdefault(one.item.command_id, one)
    for one in case.published:
        if one.item.steady:
            _require_order(one, firsts, places)
    told = [name for name in case.movements if name in firsts and places.get(firsts[name].item.value)]
    return expected_entries(case.movements, told, steady_accounts())


def found(case: Case) -> Entries:
    """Return what the books say."""
    names = (each.account_id for each in books_of(case).accounts)
    entries: dict[str, list[int]] = {name: [] for name in names if name.startswith(STEADY)}
    for entry in books_of(case).entries:
        if entry.account_id in entries:
            entries[entry.account_id].append(entry.amount_minor)
    return entries


def differences(case: Case) -> list[str]:
    """Return the steady accounts that end otherwise than the run without faults."""
    right, there = expected(case), found(case)
    told = []
    for name in sorted(right.keys() | there.keys()):
        one, other = sorted(right.get(name, ())), sorted(there.get(name, ()))
        if one != other:
            told.append(f"{name} ends at {sum(other)} by {len(other)} entries, right is {sum(one)} by {len(one)}")
    return told


def _places(case: Case) -> Mapping[bytes, list[Place]]:
    assert case.records is not None, "the check needs them"
    places: dict[bytes, list[Place]] = defaultdict(list)
    for record in case.records:
        places[record.value or b""].append(record.place)
    return places


def _require_order(one: Published, firsts: Mapping[str, Published], places: Mapping[bytes, list[Place]]) -> None:
    """Make sure that what *one* depends on, if anything, lies before it."""
    item = one.item
    before = item.command_id if item.sort == "reuse" else item.after
    if not before or one.place is None:
        return
    partition, offset = one.place
    if not any(place[0] == partition and place[1] < offset for place in places.get(firsts[before].item.value, ())):
        raise CannotTell(f"command {before} of type {json.loads(item.value)['type']} came after what depends on it")
