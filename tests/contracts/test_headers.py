"""The headers of a command: some are used, none can do harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import headers
from contracts.catalog import Catalog
from contracts.envelope import Command, encode_command
from contracts.headers import NOTHING, Said, read
from contracts.specs import LEDGER
from tests.contracts.samples import ID, LEAST
from tests.contracts.test_envelope import command_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_headers_nothing_is_said() -> None:
    assert read(()) is NOTHING
    assert NOTHING.passed_on == {}


def test_what_means_something_is_read_and_the_last_one_counts() -> None:
    said = read(
        [
            ("ce_id", b"first"),
            ("ce_specversion", b"1.0"),
            ("ce_id", ID.encode()),
            ("ce_type", b"transfer.make"),
            ("ce_correlationid", "order 7 – Zürich".encode()),
            ("traceparent", TRACE.encode()),
            ("tracestate", b"vendor=1"),
            ("anything", b"\xff\x00"),
        ]
    )
    assert said == Said(ID, "transfer.make", "order 7 – Zürich", TRACE, "vendor=1")
    assert said.passed_on == {"traceparent": TRACE, "tracestate": "vendor=1"}


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"x" * 2001, TRACE.upper().encode(), TRACE.encode() + b"\n", b"00-1"]
)
def test_a_trace_that_is_none_is_not_handed_on(value: bytes | None) -> None:
    assert read([("traceparent", value), ("tracestate", b"a=1")]).passed_on == {}


@pytest.mark.parametrize("value", [None, b"\xff", b"c" * 501, b"a\x00b", "ü".encode() * 501])
def test_a_correlation_id_that_no_body_could_say_is_none(value: bytes | None) -> None:
    assert read([("ce_correlationid", value)]).correlation_id == ""


@given(st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=80)), max_size=8))
def test_whatever_the_headers_are_they_can_be_read(given_headers: list[tuple[str, bytes | None]]) -> None:
    assert isinstance(read(given_headers), Said)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_correlationid", "traceparent", "tracestate"]),
            st.none() | st.binary(max_size=600) | st.text(max_size=600).map(str.encode) | st.just(TRACE.encode()),
        ),
        max_size=8,
    )
)
def test_what_is_handed_on_is_short_and_plain(given_headers: list[tuple[str, bytes | None]]) -> None:
    said = read(given_headers)
    assert all(text.isascii() and text.isprintable() and len(text) <= 512 for text in said.passed_on.values())
    assert len(said.correlation_id) <= 500


def test_the_body_beats_the_header_and_the_header_fills_in_for_the_body() -> None:
    catalog, said = Catalog(), Said(correlation_id="header")
    without = encode_command(command_of(LEAST["transfer.make"]))
    with_one = encode_command(command_of(LEAST["transfer.make"] | {"correlation_id": "body"}))
    for value, expected in ((without, "header"), (with_one, "body")):
        command = catalog.understand(LEDGER, value, said=said)
        assert isinstance(command, Command)
        assert command.correlation_id == expected


def test_the_names_are_those_of_the_cloudevents_binding_for_kafka() -> None:
    assert (headers.CE_ID, headers.CE_TYPE, headers.TRACEPARENT) == ("ce_id", "ce_type", "traceparent")
