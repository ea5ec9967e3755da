"""An outage is told, not recited; an exception is told without its text."""

import logging

import pytest

from processor.telemetry import OncePerInterval, WithoutText, frames, without_text

SSN = "123-45-6789"


def test_what_a_library_repeats_passes_once_and_what_others_say_always() -> None:
    once = OncePerInterval("aiokafka", seconds=10.0)

    def passes(name: str, text: str, at: float) -> bool:
        record = logging.LogRecord(name, logging.WARNING, "", 0, text, (), None)
        record.created = at
        return bool(once.filter(record))

    assert passes("aiokafka.conn", "connect failed", 0.0)
    assert not passes("aiokafka.conn", "connect failed", 9.0)
    assert passes("aiokafka.conn", "connect failed", 11.0)
    assert passes("aiokafka.consumer.fetcher", "something else", 0.0)
    assert passes("partita", "connect failed", 0.0)
    assert passes("partita", "connect failed", 0.1)


def stumble() -> None:
    raise ValueError(SSN)


def test_an_exception_is_told_by_its_class_and_its_places() -> None:
    with pytest.raises(ValueError, match=SSN) as raised:
        stumble()
    here = frames(raised.value).split(" < ")
    assert [place.partition(":")[0] for place in here] == ["test_telemetry.py"] * 2
    for found in (raised.value, (ValueError, raised.value, raised.value.__traceback__)):
        line = without_text(None, "error", {"event": "e", "exc_info": found})
        assert line == {"event": "e", "error": "ValueError", "at": frames(raised.value)}
    assert without_text(None, "info", {"event": "e"}) == {"event": "e"}


def test_the_lines_of_libraries_show_no_exception_s_text_either() -> None:
    with pytest.raises(ValueError, match=SSN) as raised:
        stumble()
    what = (ValueError, raised.value, raised.value.__traceback__)
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "failed", (), what)
    said = WithoutText("%(message)s").format(record)
    assert "ValueError at test_telemetry.py:" in said
    assert SSN not in said
