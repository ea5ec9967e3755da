"""A program that is run to its end, such as Maven or initdb: its failure is told with a cure and in its own words."""

import subprocess
from pathlib import Path
from typing import Any

from partita.local.errors import LocalStackError

LINES_QUOTED = 15


def run_to_end(argv: list[str], *, failure: str, within_s: float, cwd: Path, told: str = "", **how: Any) -> str:
    """Run a program, tell it `told`, and return what it says; `how` goes to `subprocess`."""
    try:
        done = subprocess.run(  # noqa: S603 - callers write their command lines themselves
            argv,
            cwd=cwd,
            input=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=within_s,
            **how,
        )
    except subprocess.TimeoutExpired:
        raise LocalStackError(f"{failure} It had not ended after {within_s:.0f} s.") from None
    said: str = done.stdout
    if done.returncode:
        raise LocalStackError(f"{failure} What it says:\n{quoted(said)}")
    return said


def quoted(text: str) -> str:
    """Quote the last lines of what a program said."""
    lines = text.splitlines()[-LINES_QUOTED:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
