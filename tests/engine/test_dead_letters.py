"""Dead letters: kept to the byte, told to their senders, and masked where a social security number may stand."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from contracts.diagnosis import RECORD_BYTES_MAX
from contracts.envelope import Command, TextHash, encode_command
from contracts.headers import Headers
from contracts.specs import CATALOG
from contracts.transfers import TransferMake
from processor.engine.batch import Garbled, Reader, Record
from processor.engine.dead_letters import dead_letter, publishable, unpacked_headers
from processor.engine.events import Kind
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from processor.telemetry import COUNTERS
from producers.command_ids import new_command_id
from tests.engine.desk import RECEIVED_MS, TOPICS, Desk, fill, moving, names
from tests.system.toy import ADD, TOY

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACED: Headers = [("traceparent", TRACE.encode()), ("tracestate", b"a=1")]
PASSED_ON = {"traceparent": TRACE, "tracestate": "a=1"}
SSN, HIDDEN = b"123-45-6789", b"***-**-****"


def wrong(command: Command, **fields: Any) -> bytes:
    """Return *command* as JSON, with *fields* that make it wrong."""
    return msgspec.json.encode(msgspec.json.decode(encode_command(command)) | fields)


async def test_its_sender_hears_of_it_where_its_command_id_can_be_read(desk: Desk) -> None:
    a, b = names(2)
    command = moving(a, b, "1")
    offset = desk.offsets[0]
    bad = wrong(command, amount="1e3", command_id=command.command_id.upper())

    dead, told = await desk.tell(bad, key=a.encode())

    assert (dead.kind, dead.key, told.kind, told.type, told.key) == (Kind.DEAD, "", Kind.EXTRA, "command.invalid", a)
    assert (told.seq, told.source_offset) == (dead.seq + 1, offset)
    reason = told.body.pop("reason")
    assert told.body.pop("occurred_at")
    assert told.body == {
        "type": "command.invalid",
        "code": "field_invalid",
        "path": "$.amount",
        "topic": TOPICS.commands("ledger"),
        "partition": 0,
        "offset": offset,
        "command_id": command.command_id,
        "command_type": "transfer.make",
        "replayed": False,
    }
    kept = await desk.kept(dead)
    assert (kept["code"], kept["path"], kept["reason"]) == ("field_invalid", "$.amount", reason)
    assert (kept["timestamp_ms"], kept["timestamp_type"], kept["masked"]) == (RECEIVED_MS, 1, False)
    assert kept["command_id"].hex() == command.command_id.replace("-", "")


async def test_the_id_stays_free_and_a_mended_record_is_applied(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")

    told = await desk.tell(moving(a, b, "2"), wrong(command, amount="1,00"), command, moving(a, b, "3"))

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.DEAD, Kind.EXTRA, Kind.ANSWER, Kind.ANSWER]
    assert await desk.balance(a) == 9400


@pytest.mark.parametrize(
    ("key", "told_under"),
    [(b"K-1", "K-1"), (None, ""), (b"", ""), (b"\xff", ""), (b"no id", ""), (b"x" * 65, ""), (SSN, "")],
)
async def test_it_is_told_under_the_record_s_key_if_that_is_an_id(
    desk: Desk, key: bytes | None, told_under: str
) -> None:
    command_id = new_command_id()
    value = json.dumps({"command_id": command_id, "type": "customer.paint"}).encode()
    part = desk.part(value)
    record = msgspec.structs.replace(part.items[0].record, key=key)
    await desk.run([msgspec.structs.replace(part, items=[msgspec.structs.replace(part.items[0], record=record)])])

    told = (await desk.told(0))[-1]

    assert told.key == told_under or (not told_under and told.key == command_id)
    assert "command_type" not in told.body


async def test_what_names_no_command_is_told_to_nobody(desk: Desk) -> None:
    told = await desk.tell(b"{", None, b'{"type":"transfer.make"}')
    assert [each.kind for each in told] == [Kind.DEAD] * 3


async def test_headers_are_kept_to_the_byte(desk: Desk) -> None:
    odd: Headers = [
        *(("a", b"1"), ("a", None), ("", b""), ("ü", b"\xff\x00"), ("a", b"2")),
        ("\udcff\udc80name", b"binary name"),
    ]
    (dead,) = await desk.tell(b"{", headers=odd)
    (bare,) = await desk.tell(b"{")

    assert unpacked_headers((await desk.kept(dead))["headers"]) == list(odd)
    assert (await desk.kept(bare))["headers"] is None
    assert [name for name, _ in publishable(odd)][-1] == "\\xff\\x80name"


async def test_every_kind_of_result_carries_the_trace_of_its_own_record(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command, dead = moving(a, b, "1"), moving(a, b, "1")
    (first,) = await desk.tell(command)
    (answer,) = await desk.tell(moving(a, b, "1"), headers=TRACED)
    (repeat,) = await desk.tell(command, headers=TRACED)
    (reuse,) = await desk.tell(msgspec.structs.replace(command, amount="2"), headers=TRACED)
    _, invalid = await desk.tell(wrong(dead, amount=1), headers=TRACED)

    assert first.headers == {}
    kinds = [(answer, Kind.ANSWER), (repeat, Kind.REPEAT), (reuse, Kind.REUSE), (invalid, Kind.EXTRA)]
    assert [each.kind for each, _ in kinds] == [kind for _, kind in kinds]
    assert [each.headers for each, _ in kinds] == [PASSED_ON] * 4


async def test_the_correlation_id_of_the_headers_counts_where_the_body_has_none(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    correlated: Headers = [("ce_correlationid", b"order 7")]
    (from_header,) = await desk.tell(moving(a, b, "1"), headers=correlated)
    (from_body,) = await desk.tell(moving(a, b, "1", correlation_id="mine"), headers=correlated)
    _, invalid = await desk.tell(wrong(moving(a, b, "1"), amount=1, correlation_id="unread"), headers=correlated)

    told = [
        (each.body["correlation_id"], each.headers["ce_correlationid"]) for each in (from_header, from_body, invalid)
    ]
    assert told == [("order 7", "order 7"), ("mine", "mine"), ("order 7", "order 7")]


async def test_key_and_headers_count_to_the_size_of_a_record(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    large: Headers = [("h", b"x" * (RECORD_BYTES_MAX // 2))]

    (whole,) = await desk.tell(moving(a, b, "1"), headers=large)
    dead, told = await desk.tell(moving(a, b, "1"), headers=[*large, *large])

    assert [each.kind for each in (whole, dead, told)] == [Kind.ANSWER, Kind.DEAD, Kind.EXTRA]
    assert told.body["code"] == "too_large"


async def test_headers_that_name_another_command_are_counted_and_the_body_counts(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    before = COUNTERS["header_mismatches"]

    async def mismatches(command: Command | bytes, **said: str) -> int:
        counted = COUNTERS["header_mismatches"]
        await desk.tell(command, headers=[(f"ce_{name}", text.encode()) for name, text in said.items()])
        return COUNTERS["header_mismatches"] - counted

    command = moving(a, b, "1")
    assert await mismatches(command, id=command.command_id.upper(), type="transfer.make") == 0
    assert await mismatches(moving(a, b, "1"), id=new_command_id()) == 1
    assert await mismatches(moving(a, b, "1"), type="transfer.deposit") == 1
    assert await mismatches(b"{", id=new_command_id(), type="transfer.make") == 0  # the body says nothing else
    assert await mismatches(wrong(moving(a, b, "1"), amount=1), type="account.open") == 1
    assert COUNTERS["header_mismatches"] == before + 3
    assert await desk.balance(a) == 9700


async def test_a_command_of_another_context_is_told_where_it_belongs(desk: Desk) -> None:
    desk.context = replace(LEDGER, specs=(*CATALOG, ADD))
    toy = {"type": "toy.add", "command_id": new_command_id(), "name": "n", "body": ""}

    _, told = await desk.tell(json.dumps(toy).encode())

    assert (told.body["code"], told.body["command_type"]) == ("wrong_topic", "toy.add")
    assert "desk.toy.commands.v1" in told.body["reason"]


@pytest.mark.parametrize(
    ("value", "is_masked"),
    [
        (b'{"type":"customer.create","ssn":"%b","command_id":"9b2f1c1e-0000-4000-8000-000000000001"}', True),
        (b'{"ssn":"%b"', True),
        (b'{"type":"transfer.make","description":"%b"}', False),
    ],
)
async def test_a_social_security_number_is_kept_nowhere(desk: Desk, value: bytes, *, is_masked: bool) -> None:
    said: Headers = [("x-ssn", SSN), ("ce_correlationid", SSN), ("n", None)]

    dead, *told = await desk.tell(value % SSN, key=b"key " + SSN, headers=said)

    kept = await desk.kept(dead)
    expected = HIDDEN if is_masked else SSN
    assert kept["masked"] is is_masked
    assert (kept["key"], kept["value"]) == (b"key " + expected, value % expected)
    assert unpacked_headers(kept["headers"]) == [("x-ssn", expected), ("ce_correlationid", expected), ("n", None)]
    assert all(each.headers["ce_correlationid"] == HIDDEN.decode() for each in told)
    rows = await desk.connection.fetch(
        "SELECT event::text AS row FROM event WHERE lane_no = $1 AND seq >= $2"
        " UNION ALL SELECT dead_letter::text FROM dead_letter WHERE lane_no = $1 AND seq = $2",
        *(dead.lane_no, dead.seq),
    )
    assert is_masked == all(SSN.hex() not in row["row"] and SSN.decode() not in row["row"] for row in rows)


def test_another_context_s_records_are_kept_as_they_came() -> None:
    record = Record(0, 0, SSN, b'{"ssn":"%b"' % SSN, [("x", SSN)])
    garbled = Reader(context="toy", catalog=TOY.catalog, hashed=TextHash(b"")).read(record)
    assert isinstance(garbled, Garbled)
    letter = dead_letter(garbled, "toy", TOY.catalog)
    assert (letter.record, letter.is_masked) == (record, False)


async def test_nothing_that_a_rule_stumbles_over_is_logged_or_told(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    def talkative(book: Book, command: TransferMake, instant: Any) -> Any:
        raise ValueError(SSN.decode())

    desk.context = replace(LEDGER, rules={**LEDGER.rules, TransferMake: talkative})
    dead, told = await desk.tell(moving(a, b, "1"))

    assert told.body["code"] == "internal_error"
    assert told.body["reason"].endswith("(ValueError)")
    said = capsys.readouterr()
    assert "test_dead_letters.py:" in said.out  # where it was raised
    assert SSN.decode() not in said.out + said.err + str(told) + str(await desk.kept(dead))


async def test_nothing_that_a_store_stumbles_over_is_logged_or_told(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    class Talkative(LedgerStore):
        async def find_in_tx(self, tx: Any, commands: Any) -> Any:
            if commands:
                raise ValueError(SSN.decode())
            return await super().find_in_tx(tx, commands)

    desk.context = replace(LEDGER, store=Talkative())
    dead, told = await desk.tell(moving(a, b, "1"))

    said = capsys.readouterr()
    assert told.body["code"] == "internal_error"
    assert "test_dead_letters.py:" in said.out
    assert SSN.decode() not in said.out + said.err + str(told) + str(await desk.kept(dead))
