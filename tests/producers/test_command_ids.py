"""Ids of commands: fresh ones sort by time, and those that a time asks for are the same whoever makes them."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise, product
from uuid import RFC_4122, UUID

import msgspec
import pytest

from contracts.ids import CommandId
from producers.command_ids import new_command_id, scheduled_command_id

PERIOD = datetime(2026, 3, 1, tzinfo=UTC)


def test_fresh_ids_differ_and_carry_the_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ids = {new_command_id() for _ in range(1000)}
    assert len(ids) == 1000
    for each in map(UUID, ids):
        assert (each.version, each.variant) == (7, RFC_4122)
        assert before <= datetime.fromtimestamp((each.int >> 80) / 1000, UTC) <= datetime.now(UTC)


def test_the_id_of_what_is_due_never_changes() -> None:
    """It was written down once: another version of this program would otherwise do everything due a second time."""
    made = scheduled_command_id(period=PERIOD, job="interest-accrual", subject="alice")
    assert made == "019ca6b1-dc00-88da-bb0d-874d6a75cc8c"
    elsewhere = PERIOD.astimezone(timezone(timedelta(hours=5)))
    assert scheduled_command_id(period=elsewhere, job="interest-accrual", subject="alice") == made


def test_the_id_of_what_is_due_begins_with_its_period_and_is_a_uuid_of_version_8() -> None:
    made = UUID(scheduled_command_id(period=PERIOD, job="interest-accrual", subject="alice", attempt=3))
    assert (made.version, made.variant) == (8, RFC_4122)
    assert datetime.fromtimestamp((made.int >> 80) / 1000, UTC) == PERIOD
    assert msgspec.convert(str(made), CommandId) == str(made)


def test_ids_of_what_is_due_differ_by_period_job_subject_and_attempt_and_sort_by_period() -> None:
    periods = [PERIOD + timedelta(days=day) for day in range(10)]
    ids = [
        scheduled_command_id(period=period, job=job, subject=subject, attempt=attempt)
        for period, job, subject, attempt in product(periods, ("a", "b"), ("a", "b", "a/b"), range(3))
    ]
    assert len(set(ids)) == len(ids)
    by_period = [ids[start : start + 18] for start in range(0, len(ids), 18)]
    assert all(max(one) < min(other) for one, other in pairwise(by_period))


def test_what_fell_due_before_1970_has_an_id_too() -> None:
    ids = [
        scheduled_command_id(period=datetime(year, 1, 1, tzinfo=UTC), job="a", subject="a") for year in (1, 1900, 1970)
    ]
    assert len(set(ids)) == 3
    assert {each[:13] for each in ids} == {"00000000-0000"}


@pytest.mark.parametrize("moved", [timedelta(microseconds=1), timedelta(milliseconds=1)])
def test_instants_that_share_a_millisecond_are_told_apart(moved: timedelta) -> None:
    one, other = (scheduled_command_id(period=at, job="a", subject="a") for at in (PERIOD, PERIOD + moved))
    assert one != other
