"""What the topics promise, held against the books and against what was sent: the invariants I4, I5, I7 and I14."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from partita.chaos.book_checks import books_of
from partita.chaos.case import Case
from partita.chaos.sender import Place, Published
from partita.chaos.topics import Record
from partita.oracle.history import Told

ANSWER, REPEAT, REUSE, EXTRA, DEAD = range(1, 6)

Line = tuple[int, int]  # lane and seq


def line_of(record: Record) -> Line:
    """Return which event a result tells."""
    return (record.number("partita_lane"), record.number("ce_sequence"))


def origin_of(record: Record) -> Place:
    """Return the place of the record that became a dead letter."""
    return (record.number("dlq-partition"), record.number("dlq-offset"))


def resent(results: Sequence[Record]) -> int:
    """Return how many results were sent that had been sent before."""
    return len(results) - len(set(map(line_of, results)))


def _read(records: Sequence[Record] | None) -> Sequence[Record]:
    assert records is not None, "the check needs them"
    return records


def same_answer(case: Case) -> Iterator[str]:
    """I4: what is sent again is the same; a repeat is the answer once more, another body under an id is refused."""
    told: dict[Line, Record] = {}
    for record in _read(case.results):
        first = told.setdefault(line_of(record), record)
        if (first.value, first.headers) != (record.value, record.headers):
            yield f"event {line_of(record)} was sent twice, and not the same"
    answers = {each.command_id: each for each in books_of(case).events if each.kind == ANSWER}
    for each in books_of(case).events:
        record_there = told.get(each.place)
        if record_there is not None and each.kind in (ANSWER, REPEAT, REUSE):
            yield from _is_right(each, record_there, answers.get(each.command_id), told)


def _is_right(each: Told, record: Record, answer: Told | None, told: dict[Line, Record]) -> Iterator[str]:
    said: dict[str, Any] = json.loads(record.value or b"{}")
    if answer is None:
        yield f"{each} belongs to no answer"
    elif each.kind == REPEAT:
        original = told.get(answer.place)
        if said != (answer.payload or {}) | {"replayed": True}:
            yield f"{each} does not repeat its answer"
        if original is not None and original.headers["ce_id"] != record.headers["ce_id"]:
            yield f"{each} has another ce_id than its answer"
    elif said != each.payload:
        yield f"{each} is told otherwise than it was written"
    elif each.kind == REUSE and said.get("code") != "command_id_reused":
        yield f"{each} should be refused with command_id_reused"


def no_loss(case: Case) -> Iterator[str]:
    """I5: what Kafka acknowledged lies where it said; what lies there was sent by us, and is answered once."""
    records = {record.place: record for record in _read(case.records)}
    ours = Counter(one.item.value for one in case.published)
    for one in case.published:
        there = records.get(one.place) if one.place else None
        if one.place and (there is None or there.value != one.item.value):
            yield f"record {one.item.number} was acknowledged at {one.place}, and does not lie there"
    for place, record in records.items():
        if record.value not in ours:
            yield f"the record at {place} was never sent"
    answered = Counter(told.record for told in books_of(case).events if told.kind != EXTRA)
    for place in records.keys() - answered.keys():
        yield f"the record at {place} has no answer"
    for place, times in answered.items():
        if times != 1 or place not in records:
            yield f"the record at {place} is answered {times} times, and was {'' if place in records else 'not '}sent"


def outbox(case: Case) -> Iterator[str]:
    """I7: every event is on its topic; the first of each are in the order of commit, and nothing else is there."""
    events = {told.place: told for told in books_of(case).events if told.kind != DEAD}
    latest: dict[tuple[int, int], int] = {}
    seen: set[Line] = set()
    for record in sorted(_read(case.results), key=lambda record: record.place):
        line = line_of(record)
        if line not in events:
            yield f"the result at {record.place} tells event {line}, which is not in the books"
        if line in seen:
            continue
        seen.add(line)
        where = (record.partition, line[0])
        if line[1] < latest.get(where, 0):
            yield f"the result at {record.place} tells event {line} after a later one"
        latest[where] = line[1]
    for line in events.keys() - seen:
        yield f"{events[line]} was never published"


def poison(case: Case) -> Iterator[str]:
    """I14: each record that is no command is dead once, as it came and with a reason; nothing else is dead."""
    letters: dict[Place, list[Record]] = defaultdict(list)
    for letter in _read(case.dead):
        letters[origin_of(letter)].append(letter)
    garbage = _garbage(case)
    for place in garbage.keys() - letters.keys():
        yield f"the garbage at {place} is in no dead letter"
    for place in letters.keys() - garbage.keys():
        yield f"the record at {place} is dead, and was no garbage"
    for place in garbage.keys() & letters.keys():
        came = garbage[place]
        for letter in letters[place]:
            if (letter.key, letter.value) != (came.key, came.value) or not letter.headers.get("dlq-code"):
                yield f"the dead letter of {place} is not as it came, or has no code"
    dead = Counter(told.record for told in books_of(case).events if told.kind == DEAD)
    for place, times in dead.items():
        if times != 1 or place not in garbage:
            yield f"the books bury the record at {place} {times} times"


def _garbage(case: Case) -> dict[Place, Record]:
    """Return the records that are no commands, by what the stream says of their bytes."""
    rubbish = {one.item.value for one in case.published if _is_rubbish(one)}
    return {record.place: record for record in _read(case.records) if record.value in rubbish}


def _is_rubbish(one: Published) -> bool:
    return one.item.sort == "garbage"
