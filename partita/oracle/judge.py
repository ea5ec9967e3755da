"""The verdict: what a run told and booked against what it should have, each difference a sentence.

``judge(folder)`` reads a run and returns its findings; none means that every answer, acceptance and decline alike, is
the one that follows from those before it in the books' own order: (instant, partition, seq).

That order is real where two decisions share a row. What does not exist has no row: "not found" may be said while the
account is being opened in another partition, and is right as long as the two are ``CONCURRENT`` - never within one
partition, and never later. Whole days, by which a test moves the bank's clock on, are no time in between.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from partita.oracle.books import DECIMALS, ONE_DAY, Answer, Thing
from partita.oracle.commands import same, understood
from partita.oracle.history import HOUSE, Booked, History, Json, Place, Told, read
from partita.oracle.rules import Bank
from partita.oracle.state import Account

CONCURRENT = timedelta(seconds=10)  # the most that finding, waiting for locks and committing may take
ABSENT = {  # what each code misses, and the field that names it
    "account_not_found": ("account", "account_id"),
    "payout_account_not_found": ("account", "payout_account_id"),
    "protection_account_not_found": ("account", "protection_account_id"),
    "destination_not_found": ("account", "destination_account_id"),
    "customer_not_found": ("customer", "customer_id"),
    "product_not_found": ("product", "product"),
    "transaction_not_found": ("transaction", "transaction_id"),
}
MADE = {  # what each result has made, and the field that names it
    "account.opened": ("account", "account_id"),
    "customer.created": ("customer", "customer_id"),
    "product.defined": ("product", "product"),
}
ANSWER, REPEAT, REUSE, EXTRA, DEAD = range(1, 6)


def judge(folder: Path | str, zone: tzinfo = UTC) -> list[str]:
    """Return everything that is wrong with the run in *folder*, whose bank days are those of *zone*."""
    return findings(read(Path(folder)), zone)


def findings(history: History, zone: tzinfo = UTC) -> list[str]:
    """Return everything that is wrong with *history*."""
    commands = {place: understood(value) for place, value in history.records.items()}
    bank = Bank(zone)
    return [
        *_records(history),
        *_order(history),
        *_ids(history, commands),
        *_replay(history, commands, bank),
        *_numbers(history),
        *_ends(history, bank),
    ]


def _records(history: History) -> Iterator[str]:
    """Every record is answered once, and nothing is answered that was not published."""
    answers = Counter(told.record for told in history.events if told.kind != EXTRA)
    for partition, offset in sorted(history.records.keys() - answers.keys()):
        yield f"lost: offset {offset} of partition {partition} has no answer"
    for partition, offset in sorted(answers.keys() - history.records.keys()):
        yield f"invented: offset {offset} of partition {partition} is answered and was never published"
    for (partition, offset), times in sorted(answers.items()):
        if times > 1:
            yield f"doubled: offset {offset} of partition {partition} is answered {times} times"


def _order(history: History) -> Iterator[str]:
    """Each partition's events are numbered from 1, in the order of its log and of time."""
    partitions: dict[int, list[Told]] = defaultdict(list)
    for told in sorted(history.events, key=lambda told: told.place):
        partitions[told.partition].append(told)
    for partition, events in sorted(partitions.items()):
        if [told.seq for told in events] != list(range(1, len(events) + 1)):
            yield f"partition {partition}: its events are not numbered 1, 2, 3 ..."
        answering = [told for told in events if told.kind != EXTRA]
        for one, other in pairwise(answering):
            if other.source_offset < one.source_offset:
                yield f"{other}: answers offset {other.source_offset} after offset {one.source_offset}"
            if other.occurred_at < one.occurred_at:
                yield f"{other}: was decided before the event before it"


def _ids(history: History, commands: dict[Place, Json | None]) -> Iterator[str]:
    """A command has one answer; the same again is a repeat, another under its id a reuse."""
    first: dict[str | None, Told] = {}
    for told in history.events:
        if told.kind == ANSWER and first.setdefault(told.command_id, told) is not told:
            yield f"doubled: {told} is a second answer"
    for told in history.events:
        command = commands.get(told.record)
        if told.record in commands and told.kind != EXTRA and (command is None) != (told.kind == DEAD):
            yield f"{told}: its record is {'no' if command is None else 'a'} command"
        if command is None or told.kind == DEAD:
            continue
        if told.command_id != command["command_id"]:
            yield f"{told}: its record says command {command['command_id']}"
        if told.kind in (REPEAT, REUSE):
            yield from _again(told, command, first.get(told.command_id), commands)


def _again(told: Told, command: Json, answer: Told | None, commands: dict[Place, Json | None]) -> Iterator[str]:
    original = commands.get(answer.record) if answer else None
    if answer is None or original is None:
        yield f"{told}: speaks of a command without an answer"
    elif same(original, command) != (told.kind == REPEAT):
        yield f"{told}: is told as a {'repeat' if told.kind == REPEAT else 'reuse'} and is none"
    elif told.kind == REPEAT and told.type != answer.type:
        yield f"{told}: repeats {answer.type}"
    elif told.kind == REUSE and (told.payload or {}).get("code") != "command_id_reused":
        yield f"{told}: should be refused with command_id_reused"


def _replay(history: History, commands: dict[Place, Json | None], bank: Bank) -> Iterator[str]:
    """Every answer is the bank's, and so are the entries that it left."""
    entries: dict[Place, list[Booked]] = defaultdict(list)
    of_house: dict[Place, list[Booked]] = defaultdict(list)
    for entry in history.entries:
        side = of_house if entry.account_id.startswith(HOUSE) else entries
        side[entry.partition, entry.seq].append(entry)
    decided: set[str] = set()
    born: dict[Thing, Told] = {}
    for told in history.events:
        command = commands.get(told.record)
        if told.kind != ANSWER or command is None or command["command_id"] in decided:
            continue
        decided.add(command["command_id"])
        right = bank.decide(command, told.occurred_at, _unseen(told, command, born))
        for thing in _made(command, right):
            born.setdefault(thing, told)
        yield from _told(told, right)
        yield from _booked(told, right, entries.pop(told.place, []), bank)
        yield from _in_house(told, right, of_house[told.place])
    for partition, seq in sorted(entries):
        yield f"invented: entries of event {seq} of partition {partition}, which moved nothing"


def _made(command: Json, right: Answer) -> Iterator[Thing]:
    yield "transaction", command["command_id"]
    if right.type in MADE:
        kind, name = MADE[right.type]
        yield kind, command[name]


def _unseen(told: Told, command: Json, born: dict[Thing, Told]) -> set[Thing]:
    """Return what *told* says is missing, if it was just being made elsewhere."""
    payload = told.payload or {}
    details = payload.get("details", {})
    said = command | details | details.get("details", {})  # those of a batch's leg lie one deeper
    codes = {payload.get("code"), details.get("code")} & ABSENT.keys()
    missing = {(kind, said.get(name)) for kind, name in map(ABSENT.__getitem__, codes)}
    makers = ((thing, born[thing]) for thing in missing if thing in born)
    return {thing for thing, maker in makers if maker.partition != told.partition and _close(maker, told)}


def _close(one: Told, other: Told) -> bool:
    apart = datetime.fromisoformat(other.occurred_at) - datetime.fromisoformat(one.occurred_at)
    return apart % ONE_DAY <= CONCURRENT


def _told(told: Told, right: Answer) -> Iterator[str]:
    payload = told.payload or {}
    if (told.type, payload.get("code")) != (right.type, right.fields.get("code")):
        yield f"{told}: says {payload.get('code', 'yes')}, right is {right.type} {right.fields.get('code', 'yes')}"
        return
    if payload.get("type") != told.type or payload.get("occurred_at") != told.occurred_at:
        yield f"{told}: its body says another type or instant"
    details = payload.get("details", {})
    said = payload | {"details": {name: details.get(name) for name in right.fields.get("details", {})}}
    for name, value in right.fields.items():
        if said.get(name) != value:
            yield f"{told}: its {name} is {said.get(name)}, right is {value}"


def _booked(told: Told, right: Answer, entries: list[Booked], bank: Bank) -> Iterator[str]:
    wanted = sorted(
        (account_id, number, _minor(amount, bank, account_id), _minor(balance, bank, account_id))
        for account_id, number, amount, balance in right.booked
    )
    there = sorted((e.account_id, e.entry_no, e.amount_minor, e.balance_after_minor) for e in entries)
    if there != wanted:
        yield f"{told}: its entries are {there}, right are {wanted}"


def _in_house(told: Told, right: Answer, entries: list[Booked]) -> Iterator[str]:
    """Each account of the house has got what it should, in however many entries."""
    there: Counter[str] = Counter()
    for entry in entries:
        there[entry.account_id] += entry.amount_minor
    wanted = {name: int(amount.scaleb(DECIMALS[name.rpartition(":")[2]])) for name, amount in right.house.items()}
    if +there != +Counter(wanted) or -there != -Counter(wanted):
        yield f"{told}: the house got {dict(there)}, right is {wanted}"


def _minor(amount: Decimal, bank: Bank, account_id: str) -> int:
    return int(amount.scaleb(DECIMALS[bank.accounts[account_id].currency]))


def _numbers(history: History) -> Iterator[str]:
    """Each row's entries are numbered from 1 and sum up; each event's entries sum to zero."""
    rows: dict[tuple[str, int], list[Booked]] = defaultdict(list)
    sums: Counter[Place] = Counter()
    for entry in history.entries:
        rows[entry.row].append(entry)
        sums[entry.partition, entry.seq] += entry.amount_minor
    for (account_id, partition), entries in sorted(rows.items()):
        name = account_id if partition < 0 else f"{account_id} of partition {partition}"
        balance = 0
        for number, entry in enumerate(sorted(entries, key=lambda entry: entry.entry_no), 1):
            balance += entry.amount_minor
            if entry.entry_no != number:
                yield f"account {name}: entry {number} is missing"
                break
            if entry.balance_after_minor != balance:
                yield f"account {name}: entry {number} leaves {entry.balance_after_minor}, right is {balance}"
    for (partition, seq), total in sorted(sums.items()):
        if total:
            yield f"the entries of event {seq} of partition {partition} sum to {total}"


def _ends(history: History, bank: Bank) -> Iterator[str]:
    """Every account ends as the bank's, and the house holds the other side of all of them."""
    totals: Counter[str] = Counter()
    stands = {}
    for standing in history.accounts:
        totals[standing.currency] += standing.ledger_minor
        if not standing.account_id.startswith(HOUSE):
            stands[standing.account_id] = standing
    end = max((told.occurred_at for told in history.events), default="")
    for account_id in sorted(bank.accounts.keys() ^ stands.keys()):
        yield f"account {account_id}: {'is missing' if account_id in bank.accounts else 'was never opened'}"
    for account_id in sorted(bank.accounts.keys() & stands.keys()):
        account, standing = bank.accounts[account_id], stands[account_id]
        balance = _minor(account.balance, bank, account_id)
        available = [_minor(account.available(instant), bank, account_id) for instant in _counted_at(account, end)]
        there = (standing.ledger_minor, standing.available_minor, standing.currency, standing.status)
        right = (balance, available[0], account.currency, account.status)
        if there not in [(balance, one, *right[2:]) for one in available]:
            yield f"account {account_id}: ends as {there}, right is {right}"
    for currency, total in sorted(totals.items()):
        if total:
            yield f"{currency}: all accounts together hold {total}, right is 0"


def _counted_at(account: Account, end: str) -> list[str]:
    """Return when the available balance may have been counted last: since the last entry, as each hold expired."""
    expired = {hold.expires_at for hold in account.open if hold.expires_at and hold.expired(end)}
    return [account.moved_at, *sorted(instant for instant in expired if instant > account.moved_at)]
