"""Two commits side by side: a bench of another revision and that of this working tree, in turn on one machine.

Promise   Each is measured by its own bench; a revision that does not know the bench yet is measured by ours, laid over
          it. The revision's files stand in a temporary folder, which is removed however this ends.
Cost      Both benches, ``rounds`` times; 1 s for the folder.
Invariant Both run on this interpreter with its installed packages; only the code differs.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from partita.bench.found import OnPart, Say, Unmeasured, rounded
from partita.local.program import quoted
from processor.errors import NotPrepared

ROOT: Final = Path(__file__).parents[2]
OURS: Final = ("partita/bench", "partita/cli/bench.py")
ROUNDS: Final = 3
RUN_S: Final = 3600.0
STOPS_WITHIN_S: Final = 60.0
FIELDS: Final = ("value", "ratio", "cpu_us_per_command")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The lines of both benches, in the order in which they were taken."""

    name: str
    against: str
    base: list[Mapping[str, Any]] = field(default_factory=list)
    this: list[Mapping[str, Any]] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """Return what scripts are told: the yardstick is the other revision's value, the ratio this one's to it."""
        base, this = _medians(self.base), _medians(self.this)
        told = {
            "name": self.name,
            "value": this["value"],
            "unit": self.this[0]["unit"],
            "yardstick": base["value"],
            "ratio": _ratio(base["value"], this["value"]),
            "cpu_us_per_command": this["cpu_us_per_command"],
            "against": self.against,
            "base": base,
            "this": this,
        }
        found: dict[str, Any] = rounded(told)
        return found

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told: every round, then the medians."""
        for number, (base, this) in enumerate(zip(self.base, self.this, strict=True), start=1):
            yield f"round {number}: {self.against}, this, {base['unit']}", f"{base['value']:,}  {this['value']:,}"
        medians = _medians(self.base), _medians(self.this)
        for name in FIELDS:
            base_figure, this_figure = (each[name] for each in medians)
            if base_figure is not None and this_figure is not None:
                both = f"{base_figure:,.2f}  {this_figure:,.2f}  {_ratio(base_figure, this_figure) or 0:.3f}"
                yield f"{name}: {self.against}, this, this/{self.against}", both


async def compare(
    name: str, *, against: str, options: Sequence[str], rounds: int, on_part: OnPart, say: Say
) -> Compared:
    """Run the bench *name* with *options* at the revision *against* and here, so many times in turn.

    Raises:
        NotPrepared: There is no such revision, or no clone.
        Unmeasured: One of the benches fails; the end of what it said is quoted.
    """
    found = Compared(name=name, against=against)
    with _worktree(against) as base:
        _lay_over(base, name, say)
        for done in range(rounds):
            for folder, lines in ((base, found.base), (ROOT, found.this)):
                on_part("runs", len(found.base) + len(found.this), 2 * rounds)
                lines.append(await _run(folder, name, options))
            say(f"round {done + 1}: {against} {found.base[-1]['value']:,}, this {found.this[-1]['value']:,}")
        on_part("runs", 2 * rounds, 2 * rounds)
    return found


async def _run(folder: Path, name: str, options: Sequence[str]) -> Mapping[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "partita", "bench", name, "--json", *options),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,  # its bars would be drawn over ours
    )
    try:
        output, said = await asyncio.wait_for(process.communicate(), RUN_S)
    except TimeoutError:
        raise Unmeasured(f"bench {name} in {folder} has not ended after {RUN_S:g} s.") from None
    finally:
        await _stopped(process)
    if process.returncode:
        text = quoted(said.decode(errors="replace"))
        raise Unmeasured(f"bench {name} in {folder} ended with {process.returncode}. What it says:\n{text}")
    line: Mapping[str, Any] = json.loads(output.splitlines()[-1])
    return line


async def _stopped(process: asyncio.subprocess.Process) -> None:
    """End a bench that still runs: in good order, or at once if it does not listen."""
    with suppress(ProcessLookupError, TimeoutError):
        process.terminate()
        await asyncio.wait_for(process.wait(), STOPS_WITHIN_S)
    with suppress(ProcessLookupError):
        process.kill()


@contextmanager
def _worktree(revision: str) -> Iterator[Path]:
    """Check *revision* out beside this working tree while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="partita-bench-") as temporary:
        folder = Path(temporary) / "base"
        _git("worktree", "add", "--quiet", "--detach", str(folder), revision)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _lay_over(base: Path, name: str, say: Say) -> None:
    """Put our bench over one that does not know *name*.

    Raises:
        NotPrepared: There is nothing to put it over.
    """
    if (base / "partita" / "bench" / f"{name}.py").exists():
        return
    if not all((base / path).exists() for path in OURS):
        raise NotPrepared("That revision has no benches at all; name a later one.")
    say(f"that revision has no bench {name}: ours is laid over it")
    for path in OURS:
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, base / path, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / path, base / path)


def _git(*arguments: str) -> None:
    """Run git in this clone.

    Raises:
        NotPrepared: There is no git, no clone, or no such revision.
    """
    try:
        subprocess.run(  # noqa: S603 - a person asks for a revision of their own clone
            ["git", "-C", str(ROOT), *arguments],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise NotPrepared("There is no git on PATH; install it to compare revisions.") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["git failed"])[-1]
        raise NotPrepared(f"git cannot check that revision out ({last}); name one of this clone.") from error


def _medians(lines: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the median of each field that has numbers."""
    columns = {name: [line[name] for line in lines if line.get(name) is not None] for name in FIELDS}
    return {name: median(column) if column else None for name, column in columns.items()}


def _ratio(base: float | None, this: float | None) -> float | None:
    return this / base if base and this else None
