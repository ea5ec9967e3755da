"""The subscriber on a real broker: where it begins, what it drops and passes over, what it says when it cannot."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from consumers.results import NoResult, Received, ResultSubscriber
from contracts.accounts import AccountRejected
from contracts.catalog import Topics
from contracts.envelope import Frame, OtherEvent
from processor.errors import NotPrepared
from tests.consumers.telling import CONTEXT, Teller, numbers, read, result


@pytest.fixture
def topics(fresh_topics: Topics) -> Topics:
    return fresh_topics


async def test_everything_after_the_start_is_seen_and_nothing_before(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1)
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        await teller.tell(2)
        await teller.tell(3, partition=2)
        received = await read(subscriber, 2)
    assert {(one.partition, *numbers([one])) for one in received} == {(0, 2), (2, 3)}


async def test_from_the_beginning_the_past_is_seen_typed_and_as_it_lies_there(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1, 2, 3)
    async with ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics, from_beginning=True) as subscriber:
        received = await read(subscriber, 3)
    assert numbers(received) == [1, 2, 3]
    first = received[0]
    assert (first.topic, first.partition, first.offset, first.key) == (topics.results(CONTEXT), 0, 0, b"A")
    assert first.headers == {
        "ce_id": b"1-0-1",
        "ce_type": b"account.rejected",
        "partita_lane": b"0",
        "partita_epoch": b"1",
        "ce_sequence": b"1",
    }
    assert (first.id, first.timestamp_ms > 0, first.is_dead_letter) == ("1-0-1", True, False)
    assert first.result.event == AccountRejected(code="account_closed", reason="closed", details={"number": 1})
    assert first.result.frame == Frame(command_id="c", command_type="account.freeze", occurred_at="", replayed=False)
    assert first.value == result(1)
    assert first.fields["details"] == {"number": 1}


async def test_what_the_relay_tells_again_is_dropped(kafka: str, topics: Topics, teller: Teller) -> None:
    async with ResultSubscriber(kafka, topics=topics, repeats=True) as subscriber:
        await teller.tell(1, 2, 4, 1, 2, 4, 7)
        # Other lanes, epochs and partitions count for themselves.
        await teller.tell(1, lane=1)
        await teller.tell(1, epoch=2)
        assert numbers(await read(subscriber, 6)) == [1, 2, 4, 7, 1, 1]
        await teller.tell(1, partition=1)
        assert numbers(await read(subscriber, 1)) == [1]


async def test_a_repeat_of_an_answer_is_dropped_unless_repeats_are_asked_for(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    async with (
        ResultSubscriber(kafka, topics=topics) as once,
        ResultSubscriber(kafka, topics=topics, repeats=True) as all_of_them,
    ):
        await teller.tell(1)
        await teller.tell(2, 3, answer="1-0-1")
        await teller.tell(4)
        assert numbers(await read(once, 2)) == [1, 4]
        received = await read(all_of_them, 4)
    assert numbers(received) == [1, 2, 3, 4]
    assert [one.result.frame.replayed for one in received] == [False, True, True, False]


async def test_the_repeat_of_an_answer_from_before_the_start_is_seen_once(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1)
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        await teller.tell(2, 3, answer="1-0-1")
        await teller.tell(4)
        assert numbers(await read(subscriber, 2)) == [2, 4]


async def test_no_more_ids_are_remembered_than_were_allowed(kafka: str, topics: Topics, teller: Teller) -> None:
    async with ResultSubscriber(kafka, topics=topics, ids_max=2) as subscriber:
        await teller.tell(1, 2)
        await teller.tell(3, answer="1-0-1")  # still known
        await teller.tell(4)  # 1-0-1 was the oldest, and is forgotten
        await teller.tell(5, answer="1-0-1")
        assert numbers(await read(subscriber, 4)) == [1, 2, 4, 5]


async def test_what_is_no_result_is_passed_over_and_counted(
    kafka: str, topics: Topics, teller: Teller, capfd: pytest.CaptureFixture[str]
) -> None:
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        for value in (b"", None, b"{}", result(0)):
            await teller.write(value)  # without our headers it is somebody else's
        await teller.write(None, ce_id="n", ce_type="account.rejected")
        for value in (b"", b"\xff", b"[1]", b'{"type":"account.rejected"}', b"[" * 10_000):
            await teller.write(value, ce_id=value[:9].hex(), ce_type="account.rejected")
        await teller.tell(1)
        assert numbers(await read(subscriber, 1)) == [1]
        assert subscriber.passed_over == 10


async def test_polling_hands_out_what_cannot_be_read_and_says_so_where_it_is_read(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    received: list[Received] = []
    async with asyncio.timeout(30), ResultSubscriber(kafka, topics=topics) as subscriber:
        await teller.write(b'{"type":"account.rejected"}', ce_id="x", ce_type="account.rejected")
        await teller.write(b'{"n":1}')
        await teller.tell(1)
        while len(received) < 2:
            received += await subscriber.poll(1.0)
    assert received[0].fields == {"type": "account.rejected"}
    with pytest.raises(NoResult, match=r"ledger\.results\.v1 partition 0 offset 0 is no result"):
        _ = received[0].result
    assert numbers(received[1:]) == [1]


async def test_a_result_of_a_later_version_keeps_its_fields(kafka: str, topics: Topics, teller: Teller) -> None:
    later = b'{"type":"account.renamed","to":"B","command_id":"c","occurred_at":"","replayed":false}'
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        await teller.write(later, ce_id="x", ce_type="account.renamed")
        (received,) = await read(subscriber, 1)
    assert isinstance(received.result.event, OtherEvent)
    assert received.result.event.fields["to"] == "B"


async def test_dead_letters_are_read_if_asked_for(
    kafka: str, topics: Topics, teller: Teller, producer: AIOKafkaProducer
) -> None:
    dead = topics.dead_letters(CONTEXT)
    async with (
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics, dead_letters=True) as both,
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as results_only,
    ):
        for offset in (b"5", b"5", b"6"):  # the relay had to tell one twice
            headers = [("dlq-partition", b"0"), ("dlq-offset", offset)]
            await producer.send_and_wait(dead, None, key=b"A", partition=0, headers=headers)
        await producer.send_and_wait(dead, b"\xff", partition=0, headers=[("dlq-offset", b"?"), ("null", None)])
        await teller.tell(1)
        received = await read(both, 4)
        assert [one.is_dead_letter for one in await read(results_only, 1)] == [False]
    letters = [one for one in received if one.is_dead_letter]
    assert [(one.key, one.value, one.headers["dlq-offset"]) for one in letters] == [
        (b"A", None, b"5"),
        (b"A", None, b"6"),
        (None, b"\xff", b"?"),
    ]
    with pytest.raises(NoResult):
        _ = letters[0].result


async def test_a_transaction_that_was_aborted_is_not_seen(kafka: str, topics: Topics, teller: Teller) -> None:
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topics.prefix) as transactional,
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as subscriber,
    ):
        await transactional.begin_transaction()
        await Teller(producer=transactional, topic=teller.topic).tell(1)
        await transactional.abort_transaction()
        await teller.tell(2)
        assert numbers(await read(subscriber, 1)) == [2]


async def test_missing_topics_are_named(kafka: str) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(NotPrepared, match=r"no topic nowhere\.ledger\.results\.v1"):
            await ResultSubscriber(kafka, contexts=[CONTEXT], topics=Topics(prefix="nowhere.")).__aenter__()


async def test_a_broker_that_is_not_there_is_named(topics: Topics) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(NotPrepared, match=r"127\.0\.0\.1:9"):
            await ResultSubscriber("127.0.0.1:9", contexts=[CONTEXT], topics=topics).__aenter__()
