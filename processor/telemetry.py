"""How the program speaks: structured log lines, and the names of what it counts.

Invariant A log line carries ids and numbers, never a name, a text or a whole message of a customer's. Of an exception
          it tells the class and the places in the program: its text may quote a record.
"""

import logging
import sys
import traceback
from collections import Counter
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, Literal

import structlog

CounterName = Literal[
    "batches",  # transactions committed
    "records",  # records applied
    "repeats",  # commands seen before, answered again
    "fenced_records",  # records dropped because the lane had passed them
    "header_mismatches",  # records whose headers name another command than their body
    "wrong_keys",  # commands that came under another key than their own
    "dead_letters",  # records that could not be understood, decided or stored
    "reruns",  # batches rolled back and run again
    "unknown_commit_resolved",  # batches whose COMMIT was not answered, and that were found applied
    "advance_audits_failed",  # advances whose payments do not sum to them
    "scheduled",  # commands published because their time had come
    "blockers_terminated",  # sessions of frozen clients that were ended because a batch waited for rows
]

FRAMES_MAX: Final = 6
COUNTERS: Final[Counter[CounterName]] = Counter()


def count(name: CounterName, by: int = 1) -> None:
    """Raise the counter *name* of this process."""
    COUNTERS[name] += by


def frames(error: BaseException) -> str:
    """Return where *error* comes from, the innermost place first: ``rules.py:12 < decide.py:81``."""
    found = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(found))


def without_text(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception in *line* by its class and its places, whoever has handed it in."""
    found = line.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        line.update(error=type(error).__name__, at=frames(error))
    return line


class WithoutText(logging.Formatter):
    """Writes the lines of libraries; of an exception the class and the places."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return what is told of the exception in *ei*."""
        return f"{ei[0].__name__} at {frames(ei[1])}"


def set_up_logging(*, level: str = "INFO", json: bool = False) -> None:
    """Send structured lines to stderr, and the libraries' own lines too, but only from WARNING on."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_text,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(WithoutText("%(asctime)s %(name)s %(levelname)s %(message)s"))
        handler.addFilter(OncePerInterval("aiokafka", seconds=10.0))


class OncePerInterval(logging.Filter):
    """Lets each message of the loggers below *name* pass once in *seconds*: an outage is told, not recited."""

    def __init__(self, name: str, *, seconds: float) -> None:
        super().__init__(name)
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether *record* may pass."""
        if not super().filter(record):
            return True
        template = str(record.msg)
        if record.created - self._last.get(template, float("-inf")) < self._seconds:
            return False
        self._last[template] = record.created
        return True


def logger(name: str) -> Any:
    """Return the structured logger of module *name*."""
    return structlog.get_logger(module=name)
