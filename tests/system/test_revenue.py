"""Revenue through Kafka: what is recorded, changed, deleted, summed up, sent twice, and sent under a wrong key."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

import pytest

from contracts.specs import REVENUE
from processor.errors import Declined
from processor.revenue.reads import RecordsQuery, account, records, records_seal
from producers.command_ids import new_command_id
from tests.system import sending, wire
from tests.system.conftest import Install

ACME: Final = "acme"


def command(kind: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": f"revenue.{kind}", "account_id": ACME, **fields}


def record(name: str, amount: str, month: str) -> dict[str, Any]:
    period = {"period_start": f"{month}-01", "period_end": f"{month}-28"}
    return command("record", record_id=name, amount=amount, currency="EUR", **period)


def outcomes(received: Sequence[Any]) -> list[str]:
    """Return what each result says, in their order."""
    told = [each.fields for each in received]
    return [each.get("code", each["type"].partition(".")[2]) + " again" * each["replayed"] for each in told]


async def test_revenue_is_recorded_summed_up_and_gone_with_its_account(install: Install) -> None:
    at = await install(partitions=1, context=REVENUE)
    january, march = record("jan", "100", "2026-01"), record("mar", "0.50", "2026-03")
    first = [command("create_account", name="Acme", tier="pro"), january, march, january, january | {"amount": "1"}]
    first += [command("change_record", record_id="mar", amount="-50"), record("apr", "75.25", "2026-04")]
    first += [record("may", "1", "2026-05"), command("delete_record", record_id="may")]
    with at.role("relay", "consumer"):
        async with wire.producing(at.kafka) as producer:
            raws = [sending.raw(each) for each in first]
            raws.append(wire.Raw(key=b"astray", value=json.dumps(command("update_account", tier="free")).encode()))
            await wire.send(producer, at.topics.commands(REVENUE), raws)
        await sending.until_settled(at, len(raws))
        summary = await asyncio.to_thread(at.door, "revenue", ACME, "--summary", "--json")
        async with at.asking() as connection:
            listed = await records(connection, ACME, RecordsQuery(period="2026-03"), seal=records_seal(b"secret"))
        await sending.send(at, [command("delete_account"), record("jun", "1", "2026-06")])
        await sending.until_settled(at, len(raws) + 2)

    (euros,) = json.loads(summary.stdout)["currencies"]
    assert (euros["total"], euros["average_per_period"], euros["latest_growth"]) == ("125.25", "31.31", "-2.5050")
    assert [each["growth"] for each in euros["months"]] == [None, "-1.0000", None, "-2.5050"]
    assert [each.amount for each in listed.records] == ["-50.00"]
    received = await at.results()
    assert outcomes(received) == [
        *("account_created", "recorded", "recorded", "recorded again", "command_id_reused", "record_changed"),
        *("recorded", "recorded", "record_deleted", "account_updated", "account_deleted", "account_deleted"),
    ]
    assert received[-2].fields["records"] == 3
    astray = [each for each in received if each.headers.get("partita_wrong_key") == b"1"]
    assert [(each.key, each.fields["type"]) for each in astray] == [(ACME.encode(), "revenue.account_updated")]
    async with at.asking() as connection:
        with pytest.raises(Declined, match="it was deleted"):
            await account(connection, ACME)
    assert at.door("audit").returncode == 0
