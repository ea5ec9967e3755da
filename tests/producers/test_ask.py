"""Asking on a real broker, this test being the system that answers: whoever asks gets the answer, or learns why not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from consumers.results import ResultSubscriber
from contracts.accounts import AccountRejected
from contracts.catalog import Catalog, Topics
from contracts.envelope import Event, Frame, Rejected, encode_result, type_of
from contracts.invalid import CommandInvalid, InvalidCode
from contracts.specs import CATALOG, LEDGER
from contracts.transfers import TransferDeposit, TransferRejected
from producers.asks import NoCommand, NotAnswered, Unanswered
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher
from tests.conftest import CreateTopics

PARTITIONS = 3
OF_LEDGER = Catalog(spec for spec in CATALOG if spec.context == LEDGER)


class System:
    """Answers by hand what was asked."""

    def __init__(self, producer: AIOKafkaProducer, topics: Topics) -> None:
        self._producer = producer
        self._topic = topics.results(LEDGER)
        self._told = 0

    async def tell(self, command_id: str, event: Event, *, replayed: bool = False, body: bytes | None = None) -> None:
        """Tell *event* as what the command caused; its key is none of an account."""
        self._told += 1
        frame = Frame(command_id=command_id, command_type="transfer.deposit", occurred_at="", replayed=replayed)
        headers = {
            "ce_id": f"{type_of(event)} of {command_id}",  # so a repeat has that of the answer
            "ce_type": type_of(event),
            "ce_causationid": command_id.lower(),
            "ce_sequence": str(self._told),
            "partita_lane": "0",
        }
        await self._producer.send(
            self._topic,
            encode_result(event, frame) if body is None else body,
            key=command_id.encode(),
            headers=[(name, text.encode()) for name, text in headers.items()],
        )


@pytest.fixture
async def publisher(kafka: str, topics: Topics, create_topics: CreateTopics) -> AsyncIterator[CommandPublisher]:
    await create_topics([LEDGER], PARTITIONS)
    async with CommandPublisher(kafka, catalog=OF_LEDGER, topics=topics, results=ResultSubscriber) as publisher:
        yield publisher


@pytest.fixture
async def system(kafka: str, topics: Topics, publisher: CommandPublisher) -> AsyncIterator[System]:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        yield System(producer, topics)


def deposit(number: int = 1, *, command_id: str = "") -> TransferDeposit:
    return TransferDeposit(command_id=command_id or new_command_id(), account_id=f"A{number}", amount=f"{number}")


def answer(number: int = 1) -> TransferRejected:
    return TransferRejected(code="account_closed", reason="closed", details={"number": number})


async def asking(publisher: CommandPublisher, *commands: TransferDeposit, **options: Any) -> "list[asyncio.Task[Any]]":
    """Ask *commands* side by side, and return once all of them wait and lie in Kafka."""
    asks = [asyncio.create_task(publisher.ask(command, **options)) for command in commands]
    waiting = waits(publisher) + len(commands)
    while waits(publisher) < waiting or not all(asked.acknowledgement for asked in waiting_of(publisher)):  # noqa: ASYNC110 - nobody would tell
        await asyncio.sleep(0.01)
    await publisher.flush()
    return asks


def waiting_of(publisher: CommandPublisher) -> list[Any]:
    assert publisher._asks is not None
    return list(publisher._asks._waiting)


def waits(publisher: CommandPublisher) -> int:
    return len(waiting_of(publisher))


async def ended(ask: "asyncio.Task[Any]") -> Any:
    async with asyncio.timeout(30):
        return await ask


async def test_an_ask_returns_the_typed_result_that_answers_it(publisher: CommandPublisher, system: System) -> None:
    command = deposit(command_id=new_command_id().upper())
    (ask,) = await asking(publisher, command)
    await system.tell(new_command_id(), answer(8))  # another sender's
    await system.tell(command.command_id, AccountRejected(code="x", reason="", details={}))  # an extra event
    await system.tell(command.command_id, answer(7))
    result = await ended(ask)
    assert result.event == answer(7)
    assert isinstance(result.event, Rejected)
    assert (result.frame.command_id, result.frame.replayed) == (command.command_id, False)
    assert waits(publisher) == 0


async def test_two_thousand_asks_at_once_each_get_their_own(publisher: CommandPublisher, system: System) -> None:
    commands = [deposit(number) for number in range(1, 2001)]
    asks = await asking(publisher, *commands)
    for number, command in reversed(list(enumerate(commands))):
        await system.tell(command.command_id, answer(number))
    results = await ended(asyncio.create_task(gathered(asks)))
    assert [result.event.details["number"] for result in results] == list(range(2000))
    assert waits(publisher) == 0


async def gathered(asks: "list[asyncio.Task[Any]]") -> list[Any]:
    return await asyncio.gather(*asks)


async def test_two_asks_under_one_id_get_an_answer_each(publisher: CommandPublisher, system: System) -> None:
    command = deposit()
    first, second = await asking(publisher, command, command)
    await system.tell(command.command_id, answer(), replayed=False)
    await system.tell(command.command_id, answer(), replayed=True)
    assert [(await ended(ask)).frame.replayed for ask in (first, second)] == [False, True]


async def test_an_ask_that_is_not_answered_says_what_to_check_and_is_forgotten(
    publisher: CommandPublisher, system: System
) -> None:
    command = deposit()
    with pytest.raises(
        NotAnswered, match=r"not answered within 0\.2 s\. It was published; check with `partita status`"
    ):
        await publisher.ask(command, timeout_s=0.2)
    with pytest.raises(TimeoutError):
        await publisher.ask(command, timeout_s=0.2)
    assert waits(publisher) == 0
    (again,) = await asking(publisher, command)
    await system.tell(command.command_id, answer(1))
    await system.tell(command.command_id, answer(1), replayed=True)  # for those who gave up
    assert (await ended(again)).event == answer(1)
    (other,) = await asking(publisher, deposit())
    assert not other.done()
    other.cancel()


async def test_an_ask_that_is_cancelled_is_forgotten(publisher: CommandPublisher, system: System) -> None:
    cancelled, kept = deposit(1), deposit(2)
    one, other = await asking(publisher, cancelled, kept)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    assert waits(publisher) == 1
    await system.tell(cancelled.command_id, answer(1))
    await system.tell(kept.command_id, answer(2))
    assert (await ended(other)).event == answer(2)


async def test_a_record_that_became_a_dead_letter_is_raised_and_another_s_is_not(
    publisher: CommandPublisher, system: System, topics: Topics
) -> None:
    command = deposit()
    (ask,) = await asking(publisher, command)
    (asked,) = waiting_of(publisher)
    place = asked.acknowledgement.result()
    for offset in (place.offset + 1, place.offset):  # the first is another record under the same id
        invalid = CommandInvalid(
            code=InvalidCode.FIELD_INVALID,
            reason="Send a decimal string.",
            path="$.amount",
            topic=topics.commands(LEDGER),
            partition=place.partition,
            offset=offset,
        )
        await system.tell(command.command_id, invalid)
    with pytest.raises(NoCommand, match=r"field_invalid at \$\.amount\): Send a decimal string") as raised:
        await ended(ask)
    assert raised.value.invalid.offset == place.offset


async def test_a_result_that_cannot_be_read_ends_its_ask_and_no_other(
    publisher: CommandPublisher, system: System
) -> None:
    broken, whole = deposit(1), deposit(2)
    one, other = await asking(publisher, broken, whole)
    await system.tell(broken.command_id, answer(), body=b'{"type":"transfer.rejected"}')
    await system.tell(whole.command_id, answer(2))
    with pytest.raises(Exception, match="is no result"):
        await ended(one)
    assert (await ended(other)).event == answer(2)


async def test_when_results_cannot_be_read_any_more_every_ask_learns_of_it(publisher: CommandPublisher) -> None:
    asks = await asking(publisher, deposit(1), deposit(2))
    assert publisher._asks is not None
    subscriber = publisher._asks._results
    assert isinstance(subscriber, ResultSubscriber)
    assert subscriber._consumer is not None
    await subscriber._consumer.stop()
    for ask in asks:
        with pytest.raises(Unanswered, match="Results cannot be read any more"):
            await ended(ask)
    with pytest.raises(Unanswered, match="Open a new publisher"):
        await publisher.ask(deposit())
    assert waits(publisher) == 0


async def test_leaving_the_block_ends_what_still_waits(kafka: str, topics: Topics, publisher: CommandPublisher) -> None:
    async with CommandPublisher(kafka, catalog=OF_LEDGER, topics=topics, results=ResultSubscriber) as short:
        (ask,) = await asking(short, deposit())
    with pytest.raises(Unanswered, match="closed before the answer came"):
        await ended(ask)


async def test_what_kafka_does_not_take_ends_its_ask(publisher: CommandPublisher, system: System) -> None:
    asks = await asking(publisher, deposit())
    (asked,) = waiting_of(publisher)
    refused = asyncio.get_running_loop().create_future()
    refused.set_exception(KafkaTimeoutError())
    asked.published(refused)
    with pytest.raises(Unanswered, match="Kafka does not take"):
        await ended(asks[0])


async def test_without_results_nothing_is_asked(kafka: str, topics: Topics, publisher: CommandPublisher) -> None:
    async with CommandPublisher(kafka, topics=topics) as deaf:
        with pytest.raises(AssertionError, match="results=ResultSubscriber"):
            await deaf.ask(deposit())
