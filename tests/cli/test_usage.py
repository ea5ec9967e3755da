"""What the command line says before it reaches any server."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partita.cli import main
from partita.cli.program import DOORS, module_of
from tests.processes import run

from .conftest import PARTITA, PATIENCE_S, environment

NOWHERE = {"PARTITA_KAFKA_BOOTSTRAP": "127.0.0.1:1", "PARTITA_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

Error = Callable[..., str]


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take away settings from outside, and give back what the command line takes over."""
    for name in os.environ:
        if name.startswith("PARTITA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Error:
    """Return how to learn the one line that a door says when it cannot start."""

    def told(*arguments: str, **settings: str) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert main(arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1, said.err
        assert said.err.startswith("error: ")
        return said.err

    return told


def test_help_lists_every_door_and_imports_no_library_for_it() -> None:
    heavy = "aiokafka", "asyncpg", "faststream", "pydantic", "structlog"
    asked = f"import sys; from partita.cli import main; main(['--help']); print({heavy!r} & sys.modules.keys())"
    asked = asked.replace(repr(heavy), f"set({heavy!r})")
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in DOORS)
    assert done.stdout.splitlines()[-1] == "set()"


def test_garbage_is_collected_again_when_a_door_is_open() -> None:
    assert main(["--version"]) == 0
    assert gc.isenabled()


def test_no_door_waits_for_the_library_of_consumers() -> None:
    doors = [f"partita.cli.{module_of(name)}" for name in DOORS]
    code = f"import importlib, sys; [*map(importlib.import_module, {doors})]; print('faststream' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("arguments", [["--help"], ["publish", "no-such-file"], ["paint"]], ids=lambda each: each[0])
def test_a_process_that_is_forked_for_a_test_says_what_one_in_a_new_interpreter_says(
    tmp_path: Path, arguments: list[str]
) -> None:
    started = subprocess.run(
        [*PARTITA, *arguments], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    forked = run(arguments, cwd=tmp_path, env=environment(), within_s=PATIENCE_S)
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


@pytest.mark.parametrize("name", DOORS)
def test_help_of_a_door_repeats_its_line_and_gives_an_example(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert DOORS[name] in text
    assert f"partita {name}" in text.partition("For example:")[2]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["rum"], "Did you mean"),
        (["run"], "No role is named"),
        (["run", "cook"], "consumer"),
        (["publish"], "requires an argument"),
        (["publish", "nowhere.jsonl"], "cannot be read"),
        (["up", "--without", "cook"], "no role cook"),
        (["up", "--context", "kitchen"], "no context kitchen"),
        (["up", "--partitions", "0"], "--partitions"),
        (["up", "--env-file", "no/such/place"], "--env-file"),
        (["results", "--state", "no/such/place"], "--state"),
        (["bench", "everything"], "pipeline"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(error_of: Error, arguments: list[str], cause: str) -> None:
    assert cause in error_of(*arguments)


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (["publish", __file__], "PARTITA_KAFKA_BOOTSTRAP"),
        (["publish", __file__, "--wait"], "PARTITA_KAFKA_BOOTSTRAP"),
        (["results"], "PARTITA_KAFKA_BOOTSTRAP"),
        (["topics"], "PARTITA_KAFKA_BOOTSTRAP"),
        (["migrate"], "PARTITA_DATABASE_URL"),
        (["accounts"], "PARTITA_DATABASE_URL"),
        (["audit"], "PARTITA_DATABASE_URL"),
        (["status"], "PARTITA_DATABASE_URL"),
    ],
)
def test_a_wrong_address_is_told_with_the_setting_that_cures_it(
    error_of: Error, arguments: list[str], setting: str
) -> None:
    assert setting in error_of(*arguments, **NOWHERE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITA_PARTITIONS", "many"),
        ("PARTITA_ADVANCE_LIMITS", "EUR:1.234"),
        ("PARTITA_ADVANCE_CARRY_OVER", "later"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(error_of: Error, name: str, value: str) -> None:
    assert name in error_of("status", **{name: value})
