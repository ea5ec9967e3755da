"""The history of a run as JSON Lines: what was asked, when, what was known of it; what struck, and when it healed."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class History:
    """Writes ``history.jsonl`` in *folder*; ``t`` is in seconds since it was opened."""

    def __init__(self, folder: Path) -> None:
        self._began = time.monotonic()
        self._lines = (folder / "history.jsonl").open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lines.close()

    def note(self, what: str, **fields: Any) -> None:
        """Write a line."""
        line = {"t": round(time.monotonic() - self._began, 4), "what": what, **fields}
        self._lines.write(json.dumps(line, separators=(",", ":")) + "\n")
