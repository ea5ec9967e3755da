"""``partita import activity``: files of merchant activity, wherever they lie."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from contracts.activity import ActivityImportProgressed
from partita.app import App
from partita.cli.books import session
from partita.importing import Ended, import_and_follow
from partita.settings import load_settings
from processor.activity.uploads import Uploaded, import_of, pieces_of, upload
from processor.errors import NotPrepared
from processor.objects import Objects
from producers.command_ids import new_command_id

NO: Final = 1
FILES_MAX: Final = 1000
SUFFIXES: Final = (".csv", ".csv.gz")


async def activity(
    *path: Path,
    policy: Literal["lenient", "strict"] = "lenient",
    again: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    timeout: Annotated[float, Parameter(validator=Number(gt=0))] = 120.0,  # noqa: ASYNC109 - the option's name
) -> int:
    """Imports files of merchant activity, and waits for the end.

    The files go into the object store, and a role `imports` reads them from
    there. A line whose event was imported before, from whatever file, is a
    duplicate. The same files by the same policy are the same import: asking
    again tells how it has ended. It ends with 1 unless every file was read.

    For example:
        partita import activity data/*.csv.gz --policy strict

    Parameters
    ----------
    path:
        CSV files, plain or compressed (.gz), or folders of them
    policy:
        what becomes of a line whose amount or time cannot be read: lenient
        takes it with 0.00 or without a time, strict rejects it
    again:
        another import, even if these files were imported before
    as_json:
        one JSON object instead of a line
    timeout:
        gives up after so many seconds without a word of the import
    """
    paths = files_of(path)
    app = App(settings=load_settings())
    objects = Objects.at(app.settings.objects_url)
    async with session(app, "import") as connection:
        with shown(paths) as bars:
            files = [await _uploaded(objects, each, bars) for each in paths]
            command = import_of(files, policy, again=new_command_id() if again else "")
            bars.reading(files)
            ended = await import_and_follow(app, connection, command, on_progress=bars.read, silence_s=timeout)
            bars.end(ended)
    _tell(ended, as_json=as_json)
    return 0 if ended.state == "COMPLETED" else NO


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: those of a folder by name.

    Raises:
        NotPrepared: There are none, too many, or one cannot be read.
    """
    found = list(dict.fromkeys(file for path in paths for file in (_inside(path) if path.is_dir() else [path])))
    if not found:
        raise NotPrepared("No file is named; give CSV files, plain or compressed (.gz), or a folder that has some.")
    if len(found) > FILES_MAX:
        raise NotPrepared(f"These are {len(found)} files, and an import has {FILES_MAX} at most; name fewer at once.")
    for file in found:
        try:
            file.open("rb").close()
        except OSError as error:
            raise NotPrepared(f"{file} cannot be read ({error.strerror}); name a file of activity.") from error
    return found


def _inside(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.endswith(SUFFIXES) and file.is_file())


async def _uploaded(objects: Objects, path: Path, bars: "Bars") -> Uploaded:
    try:
        return await upload(objects, path.name, pieces_of(path), on_progress=bars.uploading(path))
    except OSError as error:
        raise NotPrepared(f"{path} cannot be read ({error.strerror}); name a file of activity.") from error


# What is shown --------------------------------------------------------------------------------------------------------


class Bars:
    """A bar for each file: how much of it is in the object store, then how many of its lines were read."""

    def __init__(self, progress: Progress, paths: Sequence[Path]) -> None:
        self._progress = progress
        self._tasks: list[TaskID] = []
        self._of: dict[Path, TaskID] = {}
        for path in paths:
            task = progress.add_task(path.name, total=2 * path.stat().st_size, said="waits")
            self._tasks.append(task)
            self._of[path] = task
        self._names: list[str] = []
        self._lines_before = self._lines = 0
        self._at = 0

    def uploading(self, path: Path) -> Any:
        """Return what is told of the bytes of a file."""

        def advance(size: int) -> None:
            self._progress.update(self._of[path], advance=size, said="into the store")

        return advance

    def reading(self, files: Sequence[Uploaded]) -> None:
        """Go on from the store: nobody knows yet how many lines the files have."""
        self._names = [file.name for file in files]
        for task in self._tasks:
            self._progress.remove_task(task)
        self._tasks = [
            self._progress.add_task(file.title, total=None, start=False, said="to be read") for file in files
        ]

    def read(self, event: ActivityImportProgressed) -> None:
        """Show how far the import has come."""
        while self._at < min(event.files_done, len(self._tasks)):
            self._finish(self._at)
            self._at, self._lines_before = self._at + 1, self._lines
        self._lines = event.lines
        if self._at < len(self._tasks) and event.file == self._names[self._at]:
            self._progress.start_task(self._tasks[self._at])
            self._progress.update(self._tasks[self._at], said=f"{event.lines - self._lines_before:,} lines")

    def end(self, ended: Ended) -> None:
        """Show that every file was read, if so."""
        if ended.state == "COMPLETED":
            for number in range(self._at, len(self._tasks)):
                self._finish(number)

    def _finish(self, number: int) -> None:
        self._progress.start_task(self._tasks[number])
        self._progress.update(self._tasks[number], total=1, completed=1, said="read")


@contextmanager
def shown(paths: Sequence[Path]) -> Iterator[Bars]:
    """Show a bar for each file on stderr while the block lasts, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bars(progress, paths)


def _tell(ended: Ended, *, as_json: bool) -> None:
    """Print what became of the import, and on stderr what to do about it."""
    counts = msgspec.to_builtins(ended.counts) if ended.counts else {}
    numbers = {name: counts[name] for name in ("lines", "imported", "rejected", "duplicate") if counts}
    if as_json:
        why = {"code": ended.code, "reason": ended.reason} if ended.code else {}
        print(json.dumps({"import_id": ended.import_id, "state": ended.state, **numbers, **why}))
    else:
        told = ", ".join(f"{number:,} {name}" for name, number in numbers.items())
        print(f"{ended.import_id} {ended.state}{': ' if told else ''}{told}")
    if ended.code:
        sys.stderr.write(f"{ended.code}: {ended.reason}\n")
    if ended.state == "UNKNOWN":
        sys.stderr.write("Nothing was heard of it; does a role imports run? Ask again: it is the same import.\n")
    if ended.state == "CANCELLED":
        sys.stderr.write("It was cancelled; --again makes another import of these files.\n")
    if numbers.get("rejected"):
        sys.stderr.write(f"See why: partita export activity_rejects --filter import_id={ended.import_id}\n")
