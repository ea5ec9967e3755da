"""Kafka, or the way to it, fails under real processes; the books end up as plain arithmetic says, and all is told.

Each fault is shown to have struck: what was left to do when it came, what the proxy did, what the processes say.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from partita.chaos.proxy import Proxy, Way
from partita.local.kafka_process import KafkaProcess
from partita.local.ports import free_ports
from partita.local.stack import LocalStack
from tests.conftest import needs_processes
from tests.sample.larger import larger
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import lasting, send, summed_up, until_applied, until_settled
from tests.system.test_kills import judge

pytestmark = needs_processes

# Longer than a session of the group and than a request of the relay's producer; PARTITA_TEST_OUTAGE_S makes it longer.
OUTAGE_S = float(os.environ.get("PARTITA_TEST_OUTAGE_S", "11"))
COMMANDS, PER_S = 2000, 700
SMALL = {"PARTITA_BATCH_SIZE_MAX": "100", "PARTITA_RELAY_PAGE_SIZE": "100"}
WAVES, WAVE = 6, 400


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A Kafka of this module's own, and the port at which it tells those to find it who come by a proxy."""

    process: KafkaProcess
    proxy_port: int

    def proxy(self) -> "Passing":
        return Passing("127.0.0.1", self.process.proxied_port, listen=self.proxy_port)

    @property
    def by_proxy(self) -> dict[str, str]:
        return {"PARTITA_KAFKA_BOOTSTRAP": f"127.0.0.1:{self.proxy_port}"}


class Passing(Proxy):
    """Counts the bytes that it has passed on."""

    def __init__(self, host: str, port: int, *, listen: int) -> None:
        super().__init__(host, port, listen=listen)
        self.passed = dict.fromkeys(Way, 0)

    async def pass_on(self, link: Any, way: Way, chunk: bytes) -> bytes:
        passing = await super().pass_on(link, way, chunk)
        self.passed[way] += len(passing)
        return passing


@pytest.fixture(scope="module")
def broker(stack: LocalStack) -> Iterator[Broker]:
    (proxy_port,) = free_ports(1)
    with LocalStack(choice="process", database_url=stack.database_url, kafka_proxy_port=proxy_port) as own:
        assert own.kafka is not None
        yield Broker(process=own.kafka, proxy_port=proxy_port)


async def test_a_broker_that_is_killed_or_stopped_under_load_and_started_again_costs_nothing(
    install: Install, broker: Broker
) -> None:
    at = await install(partitions=1, kafka=broker.process.bootstrap, **SMALL)
    expected = larger(seed=21, accounts=50, commands=COMMANDS)
    first, second = expected.commands[:1000], expected.commands[1000:]

    with at.role("relay") as relay, at.role("consumer") as consumer:
        for blow, half, before in ((broker.process.kill, first, 0), (broker.process.stop, second, 1000)):
            publishing = at.publish("half", half, rate=PER_S)
            await until_applied(at, before + 200)
            assert await at.fetch("SELECT sum(records) - $1 < $2 FROM lane", before, len(half)) == [(True,)]
            await asyncio.to_thread(blow)
            await asyncio.to_thread(broker.process.start)
            await asyncio.to_thread(publishing.result)

    assert all("aiokafka" in role.log for role in (relay, consumer))  # it complains of a broker that is gone
    await judge(at, expected, await summed_up(at))


async def test_a_broker_that_is_away_for_long_is_waited_for(install: Install, broker: Broker) -> None:
    at = await install(partitions=1, kafka=broker.process.bootstrap, **SMALL)
    expected = larger(seed=22, accounts=50, commands=COMMANDS)

    with at.role("relay") as relay, at.role("consumer") as consumer:
        await send(at, expected.commands)
        await until_applied(at, 400)
        await asyncio.to_thread(broker.process.kill)
        await lasting(OUTAGE_S)
        ((waiting,),) = await at.fetch("SELECT sum(next_seq - 1 - sent) FROM lane JOIN relay_position USING (lane_no)")
        await asyncio.to_thread(broker.process.start)
        await until_settled(at, len(expected.commands))

    assert waiting > 0
    assert "Got error produce response: " in relay.log
    assert "Kafka did not take the offsets" in consumer.log
    await judge(at, expected, await summed_up(at))


class Waves:
    """A run in *WAVES* waves, so that a fault can be prepared for each."""

    def __init__(self, at: Installation) -> None:
        self.expected = larger(seed=22, accounts=50, commands=WAVES * WAVE - 100)
        self._at = at
        self._sent = 0

    async def send(self) -> None:
        """Send the next wave, or what is left."""
        wave = self.expected.commands[self._sent :][:WAVE]
        assert wave, "there are enough waves"
        self._sent += len(wave)
        await send(self._at, wave)

    async def settled(self) -> None:
        await until_settled(self._at, self._sent)

    async def end(self) -> None:
        while self._sent < len(self.expected.commands):
            await self.send()
        await self.settled()

    async def judge(self) -> None:
        await judge(self._at, self.expected, await summed_up(self._at))


async def test_whatever_happens_between_kafka_and_a_consumer_its_commands_are_applied(
    install: Install, broker: Broker
) -> None:
    at = await install(partitions=1, kafka=broker.process.bootstrap, **SMALL, PARTITA_SESSION_TIMEOUT_MS="2000")
    run = Waves(at)
    async with broker.proxy() as proxy:
        with at.role("relay"), at.role("consumer", **broker.by_proxy) as far:
            await run.send()
            await run.settled()
            await through_small_faults(proxy, run, {Way.TO_CLIENT: 2000, Way.TO_SERVER: 100})
            proxy.black_hole()
            await run.send()
            with at.role("consumer") as near:
                await asyncio.to_thread(near.says, r"partitions assigned .*partitions=\[0\]")
                await run.settled()
                assert proxy.connections > 0
                proxy.heal()
                await asyncio.to_thread(far.says, "local member_id was not recognized")
                await asyncio.to_thread(far.says, "partitions assigned")
                await run.end()
            await asyncio.to_thread(far.end)  # beside the proxy, by which it takes its leave
    await run.judge()


async def test_whatever_happens_between_kafka_and_a_relay_its_results_arrive_in_order(
    install: Install, broker: Broker
) -> None:
    at = await install(partitions=1, kafka=broker.process.bootstrap, **SMALL)
    run = Waves(at)
    async with broker.proxy() as proxy:
        with at.role("consumer"), at.role("relay", **broker.by_proxy) as relay:
            await run.send()
            await run.settled()
            await through_small_faults(proxy, run, {Way.TO_CLIENT: 20, Way.TO_SERVER: 2000})
            proxy.black_hole()
            await run.send()
            await asyncio.to_thread(relay.says, "Got error produce response: .*RequestTimedOut")
            proxy.heal()  # what was taken is taken to Kafka now, late and beside its repetition
            await run.end()
            await asyncio.to_thread(relay.end)
    assert await at.results_sent() == len(run.expected.commands)  # the broker knows a repetition
    await run.judge()


async def through_small_faults(proxy: Passing, run: Waves, cuts: Mapping[Way, int]) -> None:
    """A slow way, connections that break in the middle of a message, either way, and connections that are reset."""
    passed = dict(proxy.passed)
    proxy.delay_s, proxy.jitter_s = 0.1, 0.1
    await run.send()
    await run.settled()
    assert all(proxy.passed[way] > passed[way] for way in Way)
    proxy.heal()
    for way, count in cuts.items():
        proxy.cut_after(count, way)
        await run.send()
        await asyncio.wait_for(proxy.struck.wait(), 30)
        await run.settled()
    await run.send()
    assert proxy.connections > 0
    proxy.reset()
    await run.settled()
