"""What roles say is counted by what decides, and can be waited for."""

import io
import json

import pytest

from partita.chaos.hearing import FAILED, FENCED, RESOLVED, Hearing


def said(event: str, **fields: object) -> str:
    return "worker-1 | " + json.dumps({"event": event, "level": "warning", **fields})


def test_retries_are_counted_by_sqlstate_or_by_class() -> None:
    hearing = Hearing(io.StringIO())
    for error in ("DeadlockDetectedError 40P01", "DeadlockDetectedError 40P01", "SerializationError 40001"):
        hearing.hear(said(FAILED, error=error, remedy="WAIT"))
    hearing.hear(said(FAILED, error="UniqueViolationError 23505 event_one_answer_per_command", remedy="WAIT"))
    hearing.hear(said(FAILED, error="CommitUnknown", remedy="RECONNECT"))
    assert hearing.retries == {"40P01": 2, "40001": 1, "23505": 1, "CommitUnknown": 1}


def test_the_fence_and_settled_commits_are_counted() -> None:
    hearing = Hearing(io.StringIO())
    for records in (3, 4):
        hearing.hear(said(FENCED, records=records))
    hearing.hear(said(RESOLVED, records=7))
    assert (hearing.said[FENCED], hearing.fenced_records, hearing.said[RESOLVED]) == (2, 7, 1)


@pytest.mark.parametrize(
    ("line", "is_alarm"),
    [
        ("worker-1 | error: the books are older than Kafka", True),
        ("worker-1 | Traceback (most recent call last):", True),
        (said("a rule failed", level="error"), True),
        ("worker-1 | error: Kafka cannot be reached at 127.0.0.1:9092 (gone); check it", False),
        ("worker-1 | PARTITA_FAULT reached saved", False),
        ("worker-1 | 2026-01-01 aiokafka ERROR Unable connect to node with id 1", False),
        ("worker-1 ended (SIGKILL); it is started again", False),
        (said(FAILED, error="DeadlockDetectedError 40P01"), False),
    ],
)
def test_what_no_fault_explains_is_an_alarm(line: str, is_alarm: bool) -> None:  # noqa: FBT001 - a table's column
    log = io.StringIO()
    hearing = Hearing(log)
    hearing.hear(line)
    assert bool(hearing.alarms) is is_alarm
    assert log.getvalue() == line + "\n"


async def test_words_are_waited_for_from_the_block_on_and_no_longer_than_was_said() -> None:
    hearing = Hearing(io.StringIO())
    hearing.hear("worker-1 | PARTITA_FAULT reached saved")  # too early to count
    with pytest.raises(TimeoutError):
        async with hearing.hearing("reached saved", within_s=0.05):
            hearing.hear("worker-1 | PARTITA_FAULT reached copying")
    async with hearing.hearing(r"^worker-2 \| .* reached saved$", within_s=5.0):
        hearing.hear("worker-2 | PARTITA_FAULT reached saved")
