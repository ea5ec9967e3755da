"""What the roles say during a run: counted, kept in a file, and waited for.

Invariant Roles log JSON, one object a line; what is none (the word of a process about to die at a point, a traceback)
          is kept as it is and can be waited for too.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TextIO

_SQLSTATE: Final = re.compile(r"\b(?=[0-9A-Z]{0,4}[0-9])[0-9A-Z]{5}\b")
_ALARM: Final = re.compile(r"Traceback|error: (?!.*cannot be reached)")

FENCED: Final = "records were applied before and are left out"
RESOLVED: Final = "a commit that was not answered had happened"
FAILED: Final = "a batch failed"


class Hearing:
    """The lines of a ``Crew``, which go to *log* too."""

    def __init__(self, log: TextIO) -> None:
        self.said: Counter[str] = Counter()  # log events
        self.retries: Counter[str] = Counter()  # batches that failed, by SQLSTATE, or by class where there is none
        self.fenced_records = 0
        self.alarms: list[str] = []  # what no fault of a server or of the way to it explains
        self._log = log
        self._awaited: dict[asyncio.Event, re.Pattern[str]] = {}

    def hear(self, line: str) -> None:
        """Take a line of a crew."""
        self._log.write(line + "\n")
        for event, pattern in self._awaited.items():
            if pattern.search(line):
                event.set()
        name, bar, text = line.partition(" | ")
        if bar and text.startswith("{"):
            self._count(name, text)
        elif bar and _ALARM.match(text):
            self.alarms.append(f"{name}: {text}")

    @asynccontextmanager
    async def hearing(self, pattern: str, within_s: float) -> AsyncIterator[None]:
        """Do what is in the block, then wait until somebody has said since it began what *pattern* is found in.

        Raises:
            TimeoutError: Nobody has, for so long.
        """
        heard = asyncio.Event()
        self._awaited[heard] = re.compile(pattern)
        try:
            yield
            async with asyncio.timeout(within_s):
                await heard.wait()
        finally:
            del self._awaited[heard]

    def _count(self, name: str, text: str) -> None:
        try:
            line: dict[str, Any] = json.loads(text)
        except ValueError:
            return
        event = str(line.get("event"))
        self.said[event] += 1
        if event == FAILED:
            error = str(line.get("error"))
            state = _SQLSTATE.search(error)
            self.retries[state[0] if state else error.partition(" ")[0]] += 1
        if event == FENCED:
            self.fenced_records += int(line.get("records", 0))
        if line.get("level") == "error":
            self.alarms.append(f"{name}: {text}")
