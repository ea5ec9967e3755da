"""The headers of a command that mean something here, and what becomes of them.

A command may come as a CloudEvent in binary mode. Its body says everything; of the headers only the correlation id is
used where the body has none, and the W3C trace context is handed on to every result.

Invariant Any header may be missing, null, binary or there several times; the last one counts, and what is not text is
          no header. What is handed on is bounded.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

Headers = Sequence[tuple[str, bytes | None]]

CE_ID: Final = "ce_id"
CE_TYPE: Final = "ce_type"
CE_CORRELATION_ID: Final = "ce_correlationid"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

_MEANINGFUL: Final = frozenset((CE_ID, CE_TYPE, CE_CORRELATION_ID, TRACEPARENT, TRACESTATE))

TEXT_BYTES_MAX: Final = 2000  # 500 characters
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?", re.ASCII)
_TRACESTATE: Final = re.compile(r"[ -~]{1,512}", re.ASCII)


class Said(Struct, frozen=True):
    """What the headers of a record say; empty texts where they say nothing."""

    id: str = ""
    type: str = ""
    correlation_id: str = ""
    traceparent: str = ""
    tracestate: str = ""

    @property
    def passed_on(self) -> dict[str, str]:
        """The headers that results carry on."""
        return {name: text for name in (TRACEPARENT, TRACESTATE) if (text := getattr(self, name))}


NOTHING: Final = Said()


def read(headers: Headers) -> Said:
    """Return what *headers* say."""
    texts = {name: _text(value) for name, value in headers if name in _MEANINGFUL}
    if not texts:
        return NOTHING
    correlation_id = texts.get(CE_CORRELATION_ID, "")
    traceparent, tracestate = texts.get(TRACEPARENT, ""), texts.get(TRACESTATE, "")
    traced = bool(_TRACEPARENT.fullmatch(traceparent))
    return Said(
        id=texts.get(CE_ID, ""),
        type=texts.get(CE_TYPE, ""),
        correlation_id=correlation_id if len(correlation_id) <= 500 and "\x00" not in correlation_id else "",  # noqa: PLR2004
        traceparent=traceparent if traced else "",
        tracestate=tracestate if traced and _TRACESTATE.fullmatch(tracestate) else "",
    )


def _text(value: bytes | None) -> str:
    if value is None or len(value) > TEXT_BYTES_MAX:
        return ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""
