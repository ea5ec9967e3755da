"""`partita import activity` and the watch on a whole system: files become rows, metrics and totals, each once."""

import json
import subprocess
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from collections.abc import Callable, Iterator, Sequence
from gzip import compress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console
from rich.progress import Progress

from contracts.activity import ActivityCancel, ActivityImportProgressed
from contracts.envelope import encode_command
from partita.cli.import_activity import Bars
from partita.importing import Ended
from processor.activity.merging import merge_lock_in_tx
from processor.activity.uploads import Uploaded
from processor.database import Connection
from producers.command_ids import new_command_id

from .conftest import PARTITA, Door, System, environment

At = Callable[..., subprocess.CompletedProcess[str]]
HEADING = "event_id,merchant_id,event_timestamp,product,event_type,amount,status,channel,region,merchant_tier\n"
DAY = "2024-01-02T03:04:05"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def system(
    elsewhere: dict[str, str], watched: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Run a system that watches a folder; return the way to it."""
    env_file = tmp_path_factory.mktemp("up") / "partita.env"
    settings = elsewhere | {"PARTITA_IMPORT_WATCH": str(watched)}
    without = [word for role in ("api", "scheduler", "exports") for word in ("--without", role)]
    with System(env_file, "--partitions", "1", *without, settings=settings) as running:
        running.hears("ready")
        yield running.settings


@pytest.fixture
def at(door: Door, system: dict[str, str]) -> At:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return door(*arguments, settings=system)

    return run


def line(number: int, amount: str = "1.50", *, merchant: str = "MRC-000001", at: str = DAY) -> str:
    return f"{UUID(int=number)},{merchant},{at},POS,CARD_TRANSACTION,{amount},SUCCESS,POS,LAGOS,STARTER\n"


def written(path: Path, lines: Sequence[str], *, heading: str = HEADING) -> Path:
    text = (heading + "".join(lines)).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(compress(text) if path.suffix == ".gz" else text)
    return path


def imported(at: At, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = at("import", "activity", *arguments, "--json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def counts(found: dict[str, Any]) -> tuple[Any, ...]:
    return (found["state"], *(found[name] for name in ("lines", "imported", "rejected", "duplicate")))


def metric(at: At, name: str, *more: str) -> Any:
    done = at("metrics", name, *more, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_files_are_imported_once_and_the_same_again_tells_how_it_ended(at: At, tmp_path: Path) -> None:
    bad = line(3, amount="much")
    one = written(tmp_path / "data" / "activities_20240101.csv", [line(1), line(2, merchant="é"), line(1)])
    two = written(tmp_path / "data" / "activities_20240102.csv.gz", [bad, line(2)])
    (tmp_path / "data" / "notes.txt").write_text("no activity", "utf-8")

    lenient = imported(at, str(one), str(two))
    again = imported(at, str(tmp_path / "data"))
    strict = imported(at, str(one), str(two), "--policy", "strict")
    anew = imported(at, "--again", str(one))
    told = at("import", "activity", str(one), str(two), "--policy", "strict")

    assert counts(lenient) == ("COMPLETED", 5, 3, 0, 2)
    assert again == lenient
    assert counts(strict) == ("COMPLETED", 5, 0, 1, 4)
    assert counts(anew) == ("COMPLETED", 3, 0, 0, 3)
    assert len({each["import_id"] for each in (lenient, strict, anew)}) == 3
    assert told.stdout == f"{strict['import_id']} COMPLETED: 5 lines, 0 imported, 1 rejected, 4 duplicate\n"
    assert told.stderr == f"See why: partita export activity_rejects --filter import_id={strict['import_id']}\n"
    assert metric(at, "product-adoption") == {"POS": 2}


def test_a_file_that_appears_is_imported_and_metrics_are_shown(
    at: At, watched: Path, tmp_path: Path, system: dict[str, str]
) -> None:
    lines = [line(100 + number, merchant="MRC-000009", at="2023-12-31T23:59:59") for number in range(3)]
    dropped = written(tmp_path / "activities_20231231.csv", lines)
    dropped.replace(watched / dropped.name)
    same = imported(at, str(watched / dropped.name))  # whoever of both is first: it is one import

    assert counts(same) == ("COMPLETED", 3, 3, 0, 0)
    assert metric(at, "top-merchant") == {"merchant_id": "MRC-000009", "total_volume": "4.50"}
    assert list(metric(at, "monthly-active-merchants").items()) == [("2023-12", 1), ("2024-01", 2)]
    assert metric(at, "kyc-funnel") == {"documents_submitted": 0, "verifications_completed": 0, "tier_upgrades": 0}
    assert at("metrics", "failure-rates", "--decimals", "4", "--json").stdout == (
        '[{"product":"POS","failure_rate":0.0000}]\n'
    )
    assert "MRC-000009" in at("metrics", "top-merchant").stdout
    assert "2023-12" in at("metrics", "monthly-active-merchants").stdout


def test_an_import_that_fails_says_why_and_again_likewise(at: At, tmp_path: Path) -> None:
    file = written(tmp_path / "activities_20240103.csv", [line(7)], heading="a,b\n")
    first, again = imported(at, str(file), code=1), imported(at, str(file), code=1)
    assert (first["state"], again) == ("FAILED", first)
    told = at("import", "activity", str(file))
    assert (told.returncode, told.stderr) == (1, f"{first['code']}: {first['reason']}\n")


async def test_an_import_that_is_cancelled_ends_the_door_and_asked_for_again_is_known_to_be(
    at: At, tmp_path: Path, system: dict[str, str], connection: Connection
) -> None:
    file = written(tmp_path / "activities_20240104.csv", [line(10**6)])
    arguments = (*PARTITA, "import", "activity", str(file), "--json")
    door = await create_subprocess_exec(*arguments, env=environment(**system), stdout=PIPE)
    async with connection.transaction():  # merging waits, so the import cannot end before it is cancelled
        await merge_lock_in_tx(connection)
        while not (import_id := await connection.fetchval(RUNNING)):
            await connection.execute("SELECT pg_sleep(0.01)")
            assert door.returncode is None
        command = encode_command(ActivityCancel(command_id=new_command_id(), import_id=import_id))
        said = tmp_path / "cancel.jsonl"
        said.write_bytes(command + b"\n")
        answered = at("publish", str(said), "--wait")
    assert json.loads(answered.stdout)["answers"] == {"activity.import_cancelled": 1}
    told = json.loads((await door.communicate())[0])
    again = at("import", "activity", str(file))

    assert (told["import_id"], told["state"], door.returncode) == (import_id, "CANCELLED", 1)
    assert (again.returncode, again.stdout) == (1, f"{import_id} CANCELLED\n")
    assert "--again" in again.stderr


RUNNING = "SELECT job_id FROM job WHERE context = 'activity' AND state = 2"


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "No file is named"),
        (("empty",), "No file is named"),
        (("nowhere.csv",), "nowhere.csv cannot be read"),
        (("one.csv", "--policy", "loose"), "loose"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_exit_2(
    door: Door, tmp_path: Path, arguments: tuple[str, ...], cause: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.csv").write_bytes(b"x")
    done = door("import", "activity", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert cause in done.stderr
    assert door("metrics", "richest").returncode == 2


def come(file: str, files_done: int, lines: int) -> ActivityImportProgressed:
    counted = {"lines": lines, "imported": lines, "rejected": 0, "duplicate": 0}
    return ActivityImportProgressed(import_id="I", file=file, files_done=files_done, **counted)


def test_each_file_has_a_bar_of_the_bytes_in_the_store_and_then_of_the_lines_that_were_read(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.csv", [line(1)]) for name in "abc"]
    progress = Progress(console=Console(quiet=True))
    bars = Bars(progress, paths)
    size = paths[0].stat().st_size

    def shown() -> list[tuple[str, float, float | None]]:
        return [(str(task.fields["said"]), task.completed, task.total) for task in progress.tasks]

    bars.uploading(paths[0])(size)
    assert shown() == [("into the store", size, 2 * size), ("waits", 0, 2 * size), ("waits", 0, 2 * size)]
    bars.reading([Uploaded(title=path.name, name=path.name, digest="0", size=size) for path in paths])
    assert shown() == [("to be read", 0, None)] * 3
    bars.read(come("a.csv", 0, 5000))
    bars.read(come("b.csv", 1, 12_000))
    assert shown() == [("read", 1, 1), ("7,000 lines", 0, None), ("to be read", 0, None)]
    bars.end(Ended(import_id="I", state="FAILED"))
    assert shown()[2] == ("to be read", 0, None)
    bars.end(Ended(import_id="I", state="COMPLETED"))
    assert shown() == [("read", 1, 1)] * 3
