"""The headers that documents list are those that are read and written."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

import contracts.headers
from contracts.catalog import Topics
from contracts.documents.record_headers import OF_COMMANDS, OF_DEAD_LETTERS, OF_RESULTS, Header
from producers.records import EventHeaders

HEADERS: Final = EventHeaders("ledger", Topics())
RESULT: Final[dict[str, Any]] = {
    "id": "0190a0e0-0000-8000-8000-00000000000a",
    "type": "transfer.posted",
    "occurred_at": datetime(2026, 11, 21, tzinfo=UTC),
    "command_id": "0190a0e0-0000-7000-8000-00000000000a",
    "seq": 7,
    "headers": None,
}
FURTHER: Final = b'{"ce_correlationid": "a", "partita_wrong_key": "1", "traceparent": "b", "tracestate": "c"}'
DEAD: Final[dict[str, Any]] = {
    "partition": 0,
    "source_offset": 17,
    "timestamp_ms": 1,
    "timestamp_type": 1,
    "code": "field_missing",
    "reason": "The field is missing.",
    "path": "$.amount",
    "dead_command_id": "0190a0e0-0000-7000-8000-00000000000a",
    "dead_headers": None,
}


def names(headers: Any) -> list[str]:
    return sorted(name for name, _ in headers)


def listed(headers: tuple[Header, ...], *, always: bool) -> list[str]:
    return sorted(header.name for header in headers if header.always or not always)


@pytest.mark.parametrize(("further", "always"), [(None, True), (FURTHER, False)])
def test_a_result_has_the_headers_that_are_listed(further: bytes | None, *, always: bool) -> None:
    lane = HEADERS.of_lane(partition=0, epoch=1)
    told = HEADERS.of_result(RESULT | {"headers": further}, lane=lane, key=b"alice")
    assert names(told) == listed(OF_RESULTS, always=always)


@pytest.mark.parametrize(("less", "always"), [({"timestamp_ms": None, "dead_command_id": ""}, True), ({}, False)])
def test_a_dead_letter_has_the_headers_that_are_listed(less: dict[str, Any], *, always: bool) -> None:
    assert names(HEADERS.of_dead_letter(DEAD | less)) == listed(OF_DEAD_LETTERS, always=always)


def test_a_header_of_a_command_that_is_read_is_listed() -> None:
    read = {
        value
        for name, value in vars(contracts.headers).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }
    assert read <= {header.name for header in OF_COMMANDS}


@pytest.mark.parametrize("headers", [OF_COMMANDS, OF_RESULTS, OF_DEAD_LETTERS])
def test_a_header_is_listed_once(headers: tuple[Header, ...]) -> None:
    assert len({header.name for header in headers}) == len(headers)
