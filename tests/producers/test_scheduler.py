"""The scheduler on a real broker and a real database; what is due, and what is applied, is written by hand."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from contracts.catalog import Topics
from contracts.specs import LEDGER
from processor.database import Connection
from processor.engine.jobs import Again, Chore, Every, Job
from processor.errors import Transient
from producers.command_ids import scheduled_command_id
from producers.scheduling import chores, rounds, scheduler
from producers.scheduling.attempts import DOUBLED, FIRST_WAIT, commands_for
from producers.scheduling.job_runs import clock
from producers.scheduling.rounds import Desk
from tests.conftest import create_topics_at
from tests.producers.books import stubborn_door
from tests.producers.schedule import PARTITIONS, Schedule, running

SOON = datetime(2100, 1, 1, tzinfo=UTC)
TO_NOON = "UPDATE clock SET ahead = date_trunc('day', now(), 'UTC') + interval '36 hours' - clock_timestamp()"
ENDS_THE_SESSION = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
 WHERE application_name = 'partita scheduler ledger'"""


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TICK_S", "LOOK_S", "STAND_BY_S"):
        monkeypatch.setattr(scheduler, name, 0.02)
    monkeypatch.setattr(rounds, "REST_S", 0.05)


@pytest.fixture
async def schedule(connection: Connection, database_url: str, kafka: str, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    topics = Topics(prefix=f"t{secrets.token_hex(3)}.")
    await create_topics_at(kafka, topics, [LEDGER], PARTITIONS)
    made = Schedule(connection=connection, database_url=database_url, kafka=kafka, topics=topics)
    await made.begin()

    async def counted(session: Connection) -> datetime:
        made.ticks += 1
        return await clock(session)

    monkeypatch.setattr(scheduler, "clock", counted)
    return made


def ids(said: list[tuple[str, str]]) -> list[str]:
    return [command_id for _, command_id in said]


async def test_what_is_due_is_published_once_while_it_is_not_applied(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "Desk", partial(Desk, page_size=10))
    await schedule.due(*range(1, 26))
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until_noted(25)
        await schedule.due(26)  # behind the place reached: it need not wait for the others
        await schedule.until_noted(26)
        await schedule.until_looked(5)
    assert [account for account, _ in await schedule.on_topic()] == [f"A{number}" for number in range(1, 27)]


async def test_what_is_still_due_without_an_answer_is_published_again_under_its_id(schedule: Schedule) -> None:
    await schedule.due(1)
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until_noted(1)
        await schedule.apply_all()  # and yet it is due, and has no answer: its record was lost
        said = await schedule.until_on_topic(2)
    assert set(ids(said)) == {scheduled_command_id(period=schedule.period, job=schedule.job, subject="1")}


async def test_what_was_refused_is_said_under_another_id_once_its_time_has_come(schedule: Schedule) -> None:
    await schedule.due(1)
    first, second, third = (
        scheduled_command_id(period=schedule.period, job=schedule.job, subject="1", attempt=number)
        for number in range(3)
    )
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until_noted(1)
        await schedule.answer(first)
        await schedule.apply_all()
        await schedule.until_looked(10)
        assert ids(await schedule.on_topic()) == [first]
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", FIRST_WAIT)
        await schedule.until_noted(2)
        await schedule.answer(second)
        await schedule.apply_all()
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", FIRST_WAIT)
        await schedule.until_looked(10)
        assert set(ids(await schedule.on_topic())) == {first, second}
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", FIRST_WAIT)
        await schedule.until_noted(3)
    assert set(ids(await schedule.on_topic())) == {first, second, third}


async def test_attempts_follow_one_another_later_and_later_and_then_once_on_each_day(schedule: Schedule) -> None:
    await schedule.due(1)
    (job,) = schedule.context().jobs
    assert isinstance(job, Job)
    commands = partial(commands_for, schedule.connection, job, await job.due(schedule.connection, SOON, (0,), 1))
    said = set()
    for wait in (*(FIRST_WAIT * 2**number for number in range(DOUBLED)), *[timedelta(days=1)] * 3):
        now = await clock(schedule.connection)
        (command,) = await commands(as_of=now)
        said.add(command.command_id)
        await schedule.answer(command.command_id)
        if len(said) <= DOUBLED:
            assert await commands(as_of=now + wait - timedelta(seconds=1)) == []
        else:
            assert await commands(as_of=now.replace(hour=23, minute=59, second=59)) == []
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", wait + timedelta(seconds=1))
    assert len(said) == DOUBLED + 3


async def test_what_waits_for_people_is_said_again_from_the_next_day_on_once_on_each(schedule: Schedule) -> None:
    await schedule.due(1)
    (job,) = schedule.context(again=Again.DAILY).jobs
    assert isinstance(job, Job)
    commands = partial(commands_for, schedule.connection, job, await job.due(schedule.connection, SOON, (0,), 1))
    await schedule.connection.execute(TO_NOON)
    said = set()
    for number in range(4):
        now = await clock(schedule.connection)
        last_of_the_day = now.replace(hour=23, minute=59, second=59, microsecond=999_999)
        (command,) = await commands(as_of=now)
        assert await commands(as_of=last_of_the_day) == [command]  # it has no answer yet
        said.add(command.command_id)
        await schedule.answer(command.command_id)
        assert await commands(as_of=last_of_the_day) == []
        assert len(await commands(as_of=now, at_once=True)) == (number == 0)  # who fires by hand need not wait
        await schedule.connection.execute(
            "UPDATE clock SET ahead = ahead + $1", last_of_the_day + timedelta(microseconds=1) - now
        )
    assert len(said) == 4


async def test_a_dead_letter_is_an_attempt_too(schedule: Schedule) -> None:
    await schedule.due(1)
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until_noted(1)
        ((_, first),) = await schedule.on_topic()
        await schedule.connection.execute(
            "WITH dead AS (INSERT INTO event SELECT min(lane_no), 1, 5, 1, partita_clock(), gen_random_uuid(), NULL,"
            " 'ledger', '', 'dead_letter', NULL, NULL FROM lane RETURNING lane_no, seq)"
            " INSERT INTO dead_letter (lane_no, seq, code, reason, command_id)"
            " SELECT lane_no, seq, 'internal_error', '', $1 FROM dead",
            bytes.fromhex(first.replace("-", "")),
        )
        await schedule.apply_all()
        await schedule.until_looked(10)
        assert len(await schedule.on_topic()) == 1
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", FIRST_WAIT)
        said = await schedule.until_on_topic(2)
    assert len(set(ids(said))) == 2


async def test_a_job_that_looks_once_a_period_is_settled_by_an_answer_until_the_next(schedule: Schedule) -> None:
    await schedule.due(1)
    context = schedule.context(once=True, every=Every.MONTH)
    async with running(schedule.scheduler(context)):
        await schedule.until_noted(1)
        await schedule.answer(ids(await schedule.on_topic())[0])
        await schedule.apply_all()
    schedule.looked = 0
    await schedule.connection.execute("UPDATE clock SET ahead = ahead + $1", FIRST_WAIT)
    await schedule.connection.execute("DELETE FROM job_run")  # as if the run had not been noted
    async with running(schedule.scheduler(context)):
        await schedule.until("SELECT count(*) = 1 FROM job_run")
        await schedule.until_ticked(5)
        assert (schedule.looked, len(await schedule.on_topic())) == (1, 1)
        schedule.period += timedelta(days=31)
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + '31 days'")
        await schedule.until_on_topic(2)


async def test_no_more_commands_are_in_flight_than_may_be(schedule: Schedule) -> None:
    await schedule.due(*range(1, 31))
    async with running(schedule.scheduler(schedule.context(), in_flight_max=10)):
        for number in (10, 20, 30):
            said = await schedule.until_on_topic(number)
            await schedule.until_ticked(5)
            assert len(said) == len(await schedule.on_topic()) == number
            await schedule.connection.execute("DELETE FROM due_thing WHERE place <= $1", number)
            await schedule.apply_all()


async def test_periods_that_went_by_are_counted_and_caught_up_by_one_run(schedule: Schedule) -> None:
    await schedule.connection.execute(
        "INSERT INTO job_run SELECT 'ledger', $1, at, date_trunc('day', at, 'UTC'), 7, 1"
        " FROM (SELECT partita_clock() - interval '4 days' AS at) AS before",
        schedule.job,
    )
    await schedule.due(1)
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until_noted(8)
    row = await schedule.connection.fetchrow("SELECT published, missed FROM job_run WHERE job = $1", schedule.job)
    assert row is not None
    assert tuple(row) == (8, 4)


async def test_two_schedulers_at_once_are_one_that_works_and_one_that_stands_by(schedule: Schedule) -> None:
    await schedule.due(*range(1, 11))
    context = schedule.context()
    async with running(schedule.scheduler(context)), running(schedule.scheduler(context, role="other")):
        await schedule.until_noted(10)
        await schedule.until_looked(5)
        assert len(await schedule.on_topic()) == 10


async def test_a_leader_whose_process_is_frozen_loses_its_session_within_two_seconds(schedule: Schedule) -> None:
    context = schedule.context()
    frozen = schedule.scheduler(context)
    assert await frozen._lead.taken()  # and from here on it does nothing, as if it were frozen
    async with asyncio.timeout(3), running(schedule.scheduler(context, role="other")):
        await schedule.due(1)
        await schedule.until_noted(1)
        assert frozen._lead.session.is_closed()
    frozen._lead.drop()


async def test_a_leader_with_nothing_to_do_keeps_its_lead(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TICK_S", 2 * scheduler.SILENCE_S)
    async with running(schedule.scheduler(schedule.context())):
        await schedule.until("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted)")
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'partita scheduler ledger'"
        before = await schedule.connection.fetchval(query)
        await schedule.until_looked(2)
        assert await schedule.connection.fetchval(query) == before


async def test_a_lost_session_is_opened_again(schedule: Schedule) -> None:
    async with running(schedule.scheduler(schedule.context())):
        for number in (1, 2, 3):
            await schedule.due(number)
            await schedule.until_on_topic(number)
            assert await schedule.connection.fetchval(ENDS_THE_SESSION) == 1
            await schedule.connection.execute("DELETE FROM due_thing")


async def test_a_database_that_fails_is_asked_again(schedule: Schedule) -> None:
    await schedule.due(1)
    await schedule.connection.execute("ALTER TABLE job_run RENAME TO away")
    failing = schedule.scheduler(schedule.context())
    async with running(failing):
        async with asyncio.timeout(30):
            while failing._failures < 3:
                await schedule.connection.execute("SELECT pg_sleep(0.01)")
        await schedule.connection.execute("ALTER TABLE away RENAME TO job_run")
        await schedule.until_noted(1)


async def test_a_broker_that_does_not_answer_is_asked_again_and_the_lead_is_kept(schedule: Schedule) -> None:
    await schedule.due(1)
    async with stubborn_door(schedule.kafka, refusals=2) as (address, refused):
        waiting = schedule.scheduler(schedule.context(), kafka=address)
        async with running(waiting):
            await asyncio.wait_for(refused.wait(), 30)
            await schedule.until_noted(1)
    assert [account for account, _ in await schedule.on_topic()] == ["A1"]


async def test_a_chore_is_done_once_a_period_and_again_after_trouble(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "AGAIN_S", 0.01)
    done: list[datetime] = []
    trouble = [Transient("the first time")]

    async def work(_: Connection, as_of: datetime) -> int:
        if trouble:
            raise trouble.pop()
        done.append(as_of)
        return 5

    chore = Chore(name="tidying", every=Every.MONTH, work=work)
    noted = "SELECT published = $1 FROM job_run WHERE job = 'tidying'"
    async with running(schedule.scheduler(schedule.context(chores=[chore]))):
        await schedule.until(noted, 5)
        await schedule.until_looked(5)
        assert len(done) == 1
        await schedule.connection.execute("UPDATE clock SET ahead = ahead + '31 days'")
        await schedule.until(noted, 10)
    assert done[1] - done[0] >= timedelta(days=31)
