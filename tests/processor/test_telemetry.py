"""An outage is told, not recited."""

import logging

from processor.telemetry import OncePerInterval


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
