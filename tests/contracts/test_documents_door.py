"""``partita contracts``: it writes what the models say, and will not break anybody who was not told."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.documents import asyncapi, files
from contracts.documents.examples import FOLDER, Body, examples_of
from contracts.documents.schemas import OURS, Schema
from partita.cli import main
from tests.house.tree import ROOT

NAME: Final = "schemas/ledger/transfer.make.json"
Said = Callable[..., tuple[int, list[str]]]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back what the command line takes over."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="module")
def _the_document_once() -> Iterator[None]:
    """Have the largest of the documents, which is the same each time, written down once for each set of examples."""
    texts = dict[str, str]()

    def once(examples: Any) -> str:
        asked = repr(examples)
        if asked not in texts:
            texts[asked] = write(examples)
        return texts[asked]

    write = asyncapi.text
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncapi, "text", once)
        yield


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Return how to run the door in an empty folder: its exit code and what it says."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, list[str]]:
        code = main(["contracts", *arguments])
        told = capsys.readouterr()
        return code, [*told.out.splitlines(), *told.err.splitlines()]

    return run


def edit(folder: Path, change: Callable[[Schema], None]) -> None:
    """Make what is in *folder* say that the contract was another before."""
    schema = json.loads((folder / NAME).read_text("utf-8"))
    change(schema)
    (folder / NAME).write_text(files.schema_text(schema), encoding="utf-8")


def add_field(schema: Schema) -> None:
    schema["properties"]["colour"] = {"type": "string"}


def add_field_in_an_earlier_version(schema: Schema) -> None:
    add_field(schema)
    schema[OURS]["version"] = 0


def add_one_field_and_drop_another(schema: Schema) -> None:
    add_field(schema)
    schema["properties"].pop("reference")


REMOVED: Final = "transfer.make: field colour was removed"


def test_what_is_committed_is_up_to_date_and_breaks_nobody(said: Said) -> None:
    assert said("--check") == (0, [])


def test_what_is_committed_is_checked_with_every_change() -> None:
    assert "partita contracts --check" in (ROOT / "Makefile").read_text("utf-8")
    assert "make check" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_it_writes_and_then_has_nothing_to_write(said: Said, tmp_path: Path) -> None:
    code, lines = said("--to", "out")
    assert (code, len(lines)) == (0, len(files.generated(files.Place.at(tmp_path))))
    assert f"out/{NAME} written" in lines
    assert said("--to", "out") == (0, [])
    assert said("--to", "out", "--check") == (0, [])


def test_a_check_names_every_file_and_every_break_and_writes_nothing(said: Said) -> None:
    said("--to", "out")
    edit(Path("out"), add_field)
    Path("out/messages.md").unlink()
    before = Path("out", NAME).read_text("utf-8")
    assert said("--to", "out", "--check") == (
        1,
        [
            f"{REMOVED} (breaking)",
            f"out/{NAME} is out of date; run `partita contracts`",
            "out/messages.md is missing; run `partita contracts`",
        ],
    )
    assert Path("out", NAME).read_text("utf-8") == before


def test_a_break_is_not_written_unless_somebody_says_so(said: Said) -> None:
    said("--to", "out")
    edit(Path("out"), add_field)
    code, lines = said("--to", "out")
    assert (code, lines[0]) == (1, f"{REMOVED} (breaking)")
    assert "nothing was written" in lines[1]
    assert "colour" in Path("out", NAME).read_text("utf-8")
    assert said("--to", "out", "--allow-breaking") == (0, [f"{REMOVED} (breaking)", f"out/{NAME} written"])
    assert "colour" not in Path("out", NAME).read_text("utf-8")


def test_a_break_is_written_with_a_raised_version(said: Said) -> None:
    said("--to", "out")
    edit(Path("out"), add_field_in_an_earlier_version)
    assert said("--to", "out") == (0, [f"out/{NAME} written"])


def test_a_type_that_is_gone_is_removed_only_if_somebody_says_so(said: Said) -> None:
    said("--to", "out")
    gone = "out/schemas/ledger/transfer.give.json"
    Path(gone).write_text(Path("out", NAME).read_text("utf-8").replace("transfer.make", "transfer.give"), "utf-8")
    assert said("--to", "out")[0] == 1
    assert Path(gone).exists()
    code, lines = said("--to", "out", "--allow-breaking")
    assert (code, lines) == (0, ["transfer.give: the type was removed (breaking)", f"{gone} removed"])


def test_every_change_since_a_folder_is_named(said: Said) -> None:
    said("--to", "then")
    edit(Path("then"), add_one_field_and_drop_another)
    code, lines = said("--against", "then")
    assert (code, sorted(lines)) == (1, [f"{REMOVED} (breaking)", "transfer.make: field reference is new"])


def test_changes_since_a_revision_are_named(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git on PATH")
    clone = tmp_path / "clone"
    said("--to", str(clone / "contracts"))
    edit(clone / "contracts", add_field)
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "then"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *command], cwd=clone, check=True)
    monkeypatch.setattr(files, "PACKAGE", clone / "contracts")
    assert said("--against", "HEAD") == (1, [f"{REMOVED} (breaking)"])
    assert said("--against", "nowhere")[0] == 2


def drop_a_result(lines: list[Body]) -> None:
    del lines[3]["result"]


def drop_openings(lines: list[Body]) -> None:
    lines[:] = [line for line in lines if line.get("command", {}).get("type") != "account.open"]


@pytest.mark.parametrize(
    ("drop", "named"),
    [
        (drop_a_result, ":4: the example has no result; have it written (CONTRIBUTING.md)."),
        (drop_openings, ": no example of account.open in which it is applied; add a line."),
    ],
)
def test_an_example_that_is_missing_is_one_line_that_names_it(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop: Callable[[list[Body]], None], named: str
) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    lines = [json.loads(line) for line in (FOLDER / "ledger.jsonl").read_text("utf-8").splitlines()]
    drop(lines)
    (tmp_path / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    monkeypatch.setattr(examples_of, "__defaults__", (tmp_path,))
    one_line = [f"error: contracts/examples/ledger.jsonl{named}"]
    assert said("--to", "out") == said("--to", "out", "--check") == (2, one_line)
    assert not Path("out").exists()


@pytest.mark.parametrize("source", [".", "no/such/revision"])
def test_a_source_without_schemas_is_an_error_that_says_what_to_name(said: Said, source: str) -> None:
    code, (line,) = said("--against", source)
    assert code == 2
    assert "folder of schemas" in line
