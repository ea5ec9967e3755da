"""The headers of records on Kafka, in words: what a command may have, and what results and dead letters carry.

Invariant ``contracts.headers`` reads no header that is not listed here, and the relay writes none; tests compare.
"""

from dataclasses import dataclass
from typing import Any, Final

_ID: Final = "0190a0e0-0000-7000-8000-000000000003"
_EVENT_ID: Final = "00000001-0000-8000-8000-000000000007"
_TIME: Final = "2026-11-21T04:33:11.559118Z"
_TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass(frozen=True, kw_only=True)
class Header:
    """One header. Its value is text in UTF-8, unless it says otherwise."""

    name: str
    means: str
    example: str
    always: bool = True


def _always(name: str, means: str, example: str) -> Header:
    return Header(name=name, means=means, example=example)


def _optional(name: str, means: str, example: str) -> Header:
    return Header(name=name, means=means, example=example, always=False)


OF_COMMANDS: Final = (
    _optional("ce_id", "Names the command where its value cannot be read; otherwise only the value counts.", _ID),
    _optional("ce_type", "The command's type. The value counts; a header that differs is counted.", "transfer.deposit"),
    _optional("ce_source", "Who sent it. Not read.", "/cash-desk/3"),
    _optional("ce_time", "When it was sent. Not read.", _TIME),
    _optional("ce_subject", "What it is about. Not read.", "alice"),
    _optional("ce_correlationid", "Counts as `correlation_id` where the value has none.", "order 7"),
    _optional("ce_causationid", "What caused it. Not read.", _ID),
    _optional("traceparent", "The W3C trace context; every result carries it on.", _TRACE),
    _optional("tracestate", "The state that belongs to it.", "vendor=1"),
)

OF_RESULTS: Final = (
    _always("ce_specversion", "The version of CloudEvents.", "1.0"),
    _always("ce_id", "The result's id; a repeat has that of its answer.", _EVENT_ID),
    _always("ce_type", "The result's type.", "transfer.posted"),
    _always("ce_source", "The context that tells it.", "/partita/ledger"),
    _always("ce_time", "When it was decided; for a repeat, when it was repeated.", _TIME),
    _always("ce_subject", "The result's key.", "alice"),
    _always("ce_causationid", "The command's id, in lower case.", _ID),
    _always("ce_sequence", "Its number in its lane. Where it does not rise, it was told before.", "7"),
    _always("partita_lane", "Its lane: the partition of the command.", "0"),
    _always("partita_epoch", "The epoch of the installation, which rises when books are restored.", "1"),
    _always("content-type", "The form of the value.", "application/json"),
    _optional("ce_correlationid", "The command's `correlation_id`, where it had one.", "order 7"),
    _optional("partita_wrong_key", "`1` where the command came under another key than its own.", "1"),
    _optional("traceparent", "The command's trace context, where it had one.", _TRACE),
    _optional("tracestate", "The command's trace state, where it had one.", "vendor=1"),
)

OF_DEAD_LETTERS: Final = (
    _always("dlq-topic", "The topic the record lay on.", "ledger.commands.v1"),
    _always("dlq-partition", "Its partition.", "0"),
    _always("dlq-offset", "Its offset.", "17"),
    _optional("dlq-timestamp", "Its time, in milliseconds since 1970.", "1795235591559"),
    _always("dlq-code", "Why it is here, as a word: a code of `command.invalid`.", "field_missing"),
    _always("dlq-reason", "Why it is here, as a sentence.", "The field is missing."),
    _always("dlq-path", "Where in the record, as a JSONPath.", "$.amount"),
    _optional("dlq-command-id", "The command's id, where it can be read.", _ID),
    _always("kafka_dlt-original-topic", "As Spring Kafka names it: the topic.", "ledger.commands.v1"),
    _always("kafka_dlt-original-partition", "The partition; a big-endian integer of 4 bytes.", "0"),
    _always("kafka_dlt-original-offset", "The offset; a big-endian integer of 8 bytes.", "17"),
    _optional("kafka_dlt-original-timestamp", "The time in milliseconds; 8 bytes.", "1795235591559"),
    _optional("kafka_dlt-original-timestamp-type", "`CreateTime` or `LogAppendTime`.", "LogAppendTime"),
    _always("kafka_dlt-original-consumer-group", "The group that read it.", "partita.ledger"),
    _always("kafka_dlt-exception-fqcn", "The code, where Spring names an exception.", "partita.field_missing"),
    _always("kafka_dlt-exception-message", "The sentence again.", "The field is missing."),
)


def schema_of(headers: tuple[Header, ...]) -> dict[str, Any]:
    """Return the schema of *headers* as an object; further headers may stand beside them."""
    properties = {header.name: {"type": "string", "description": header.means} for header in headers}
    required = [header.name for header in headers if header.always]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def examples_of(headers: tuple[Header, ...], **instead: str) -> dict[str, str]:
    """Return an example of the headers that are always there, with some of them *instead*."""
    return {header.name: instead.get(header.name, header.example) for header in headers if header.always}
