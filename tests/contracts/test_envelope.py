"""The frame: commands and results as bytes, and back."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.accounts import AccountFrozen
from contracts.catalog import Catalog
from contracts.entries import EntryView, OverdraftView
from contracts.envelope import (
    Command,
    Event,
    Frame,
    as_replayed,
    encode_command,
    encode_result,
    moment_text,
    type_of,
)
from contracts.specs import CATALOG
from contracts.transfers import TransferPosted, TransferRefusal, TransferRejected
from tests.contracts.samples import FULL, ID, LEAST, context_of

UNDERSTOOD = Catalog()


def command_of(said: dict[str, Any]) -> Command:
    command = UNDERSTOOD.understand(context_of(said), msgspec.json.encode(said))
    assert isinstance(command, Command), command
    return command


def posted(*, description: str = "") -> TransferPosted:
    sides: Any = [("A1", 4, "TRANSFER_OUT", "DEBIT"), ("A2", 9, "TRANSFER_IN", "CREDIT")]
    entries = [
        EntryView(
            account_id=account_id,
            entry_no=entry_no,
            entry_type=entry_type,
            direction=direction,
            amount="1.00",
            balance_after="2.00",
            available_after="2.00",
        )
        for account_id, entry_no, entry_type, direction in sides
    ]
    overdraft = OverdraftView(used="0.00", fee="0.00", waived=False, protected_by=None, fee_refunded="0.00")
    return TransferPosted(
        transaction_id=ID,
        amount="1.00",
        currency="USD",
        description=description,
        entries=entries,
        overdraft=overdraft,
    )


def frame(**more: Any) -> Frame:
    return Frame(
        command_id=ID, command_type="transfer.make", occurred_at="2026-01-01T00:00:00.000000Z", replayed=False, **more
    )


def test_there_is_a_sample_of_every_command_with_all_of_its_fields() -> None:
    fields = {spec.type: {"type", *spec.command.__struct_fields__} for spec in CATALOG}
    assert {kind: set(said) for kind, said in FULL.items()} == fields


@pytest.mark.parametrize(
    "said", [*FULL.values(), *LEAST.values()], ids=lambda said: f"{said['type']}, {len(said)} fields"
)
def test_a_command_is_the_same_after_it_was_published(said: dict[str, Any]) -> None:
    command = command_of(said)
    assert type_of(command) == said["type"]
    assert command_of(msgspec.json.decode(encode_command(command))) == command


@pytest.mark.parametrize("kind", FULL)
def test_a_command_that_was_made_by_hand_says_all_it_was_given(kind: str) -> None:
    assert FULL[kind].keys() - msgspec.json.decode(encode_command(command_of(FULL[kind]))).keys() <= {"direction"}


@pytest.mark.parametrize("kind", LEAST)
def test_each_field_of_the_least_command_is_needed(kind: str) -> None:
    for name in LEAST[kind].keys() - {"type"}:
        said = {key: value for key, value in LEAST[kind].items() if key != name}
        answer = UNDERSTOOD.understand(context_of(FULL[kind]), msgspec.json.encode(said))
        assert not isinstance(answer, Command), f"{kind} without {name}"


@pytest.mark.parametrize("kind", FULL)
def test_a_field_that_no_command_has_is_not_understood(kind: str) -> None:
    for said in (FULL[kind] | {"amonut": "1"}, FULL[kind] | {"legs": [{"note": "1"}]}):
        assert not isinstance(UNDERSTOOD.understand(context_of(said), msgspec.json.encode(said)), Command)


def test_a_result_is_the_event_and_then_the_frame_and_replayed_comes_last() -> None:
    body = msgspec.json.decode(encode_result(posted(), frame(correlation_id="c", metadata={"a": "b"})))
    assert next(iter(body)) == "type"
    assert list(body)[-6:] == ["command_id", "command_type", "correlation_id", "metadata", "occurred_at", "replayed"]
    assert body["type"] == "transfer.posted"
    assert body["replayed"] is False


def test_what_a_sender_did_not_say_is_not_in_the_result() -> None:
    body = msgspec.json.decode(encode_result(posted(), frame()))
    assert body.keys().isdisjoint({"correlation_id", "metadata", "description", "reference", "purpose"})
    assert body["overdraft"]["protected_by"] is None


@given(st.text() | st.just('"replayed":false}') | st.just('","replayed":false'))
def test_told_again_a_result_differs_in_replayed_alone(text: str) -> None:
    first = encode_result(posted(description=text), frame(correlation_id=text, metadata={text: text}))
    again = as_replayed(first)
    assert msgspec.json.decode(again) == msgspec.json.decode(first) | {"replayed": True}
    assert list(msgspec.json.decode(again)) == list(msgspec.json.decode(first))
    assert first[: -len(b"false}")] == again[: -len(b"true}")]


def test_every_kind_of_result_can_be_told_again() -> None:
    frozen: Event = AccountFrozen(
        purpose='"replayed":false}',
        account_id="A1",
        account_type="CHECKING",
        currency="USD",
        status="FROZEN",
        product="plain",
        customer_id=None,
        ledger_balance="0.00",
        available_balance="0.00",
        overdraft_limit="0.00",
        overdraft_used="0.00",
        protection_account_id=None,
        opened_at="2026-01-01T00:00:00.000000Z",
        closed_at=None,
    )
    refused = TransferRejected.of(
        command_of(FULL["transfer.make"]), TransferRefusal.ACCOUNT_CLOSED, {"account_id": "A"}
    )
    for event in (frozen, refused):
        body = msgspec.json.decode(as_replayed(encode_result(event, frame())))
        assert body == msgspec.json.decode(encode_result(event, frame())) | {"replayed": True}


def test_an_instant_is_written_in_utc_with_microseconds() -> None:
    moment = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(moment) == "2025-12-31T23:30:00.000000Z"
    assert moment_text(datetime(2026, 1, 1, 0, 0, 0, 7, tzinfo=UTC)) == "2026-01-01T00:00:00.000007Z"
