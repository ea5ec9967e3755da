"""Ten devices of one user at once, while processes die: in the end all know the same, and it is what the books say."""

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final

from consumers.results import ResultSubscriber
from contracts.catalog import Catalog
from contracts.specs import CATALOG, EXPENSES
from contracts.users import UserCreate
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher
from tests.system.conftest import Install
from tests.system.device import USER, Device, vars_of
from tests.system.installation import Installation
from tests.system.manned import manned

DEVICES: Final = 10
WISHES: Final = 25  # of each
KILLED: Final = ("saved:5", "committed:5", "fetched:5")
CUT_OFF: Final = ("relay_sent:5", "relay_read:9")
BOOKS: Final = """
SELECT expense_id, version_no, change_no, date::text, category, amount_minor, notes, device_id, deleted FROM expense"""
SUMS: Final = (
    "SELECT to_char(month, 'YYYY-MM'), category, spent_minor, expenses FROM expense_summary WHERE expenses > 0"
)


def minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


async def use(device: Device, *, away: bool) -> None:
    """Use a device; one that is *away* reads the feed once at the beginning, and works with that."""
    for number in range(WISHES):
        if number == 0 or (not away and device.dice.random() < 0.6):
            await device.read_feed()
        await device.wish()


async def judge(at: Installation, devices: list[Device]) -> None:
    """Hold the replicas against one another, the answers that were given, and the books."""
    first, *others = devices
    assert [each.told for each in others] == [first.told] * len(others)
    assert [each.replica for each in others] == [first.replica] * len(others)
    told = [vars_of(change) for change in first.told]
    assert [change["change_no"] for change in told] == list(range(1, len(told) + 1))

    accepted: dict[int, dict[str, Any]] = {}
    for device in devices:
        assert not accepted.keys() & device.accepted.keys()
        accepted |= device.accepted
    assert accepted.keys() == {change["change_no"] for change in told}
    for change in told:
        answered = accepted[change["change_no"]]
        assert {name: answered[name] for name in change.keys() & answered.keys()} == {
            name: change[name] for name in change.keys() & answered.keys()
        }

    known = [vars_of(change) for key, change in first.replica.items() if key[0] == "expense"]
    names = ("expense_id", "version", "change_no", "date", "category", "amount", "notes", "device_id", "deleted")
    rows = [tuple(minor(each[name]) if name == "amount" else each[name] for name in names) for each in known]
    assert sorted(await at.fetch(BOOKS)) == sorted(rows)
    sums, times = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in known:
        if not each["deleted"]:
            sums[each["date"][:7], each["category"]] += minor(each["base_amount"])
            times[each["date"][:7], each["category"]] += 1
    assert {(month, category): (spent, count) for month, category, spent, count in await at.fetch(SUMS)} == {
        key: (sums[key], times[key]) for key in sums
    }


async def test_ten_devices_end_with_the_same_state_from_the_feed_alone_whatever_dies(install: Install) -> None:
    at = await install(partitions=1, context=EXPENSES)
    with (
        manned(at, "consumer", KILLED, PARTITA_INSTANCE="worker-1") as consumer,
        manned(at, "relay", CUT_OFF) as relay,
    ):
        async with AsyncExitStack() as ends:
            catalog = Catalog(spec for spec in CATALOG if spec.context == EXPENSES)
            opened = CommandPublisher(at.kafka, catalog=catalog, topics=at.topics, results=ResultSubscriber)
            publisher = await ends.enter_async_context(opened)
            await publisher.ask(UserCreate(command_id=new_command_id(), user_id=USER, base_currency="EUR"))
            devices = [
                Device(
                    name=f"device-{number}",
                    publisher=publisher,
                    connection=await ends.enter_async_context(at.asking()),
                    dice=random.Random(number),
                )
                for number in range(DEVICES)
            ]
            async with asyncio.TaskGroup() as used:
                for number, device in enumerate(devices):
                    used.create_task(use(device, away=number == 0))
            before = devices[0].pages
            for device in devices:
                await device.read_feed()
    assert (consumer.faults_left, relay.faults_left) == ([], [])
    assert devices[0].pages > before + 1  # it catches up in pages
    assert sum(device.merged for device in devices) > DEVICES
    assert sum(device.too_late for device in devices) > 0
    await judge(at, devices)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout
