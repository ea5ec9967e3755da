"""A project of somebody else's, with the wheel and nothing of this clone: its tests have a system that runs."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.house.tree import PACKAGES, ROOT
from tests.system.installation import PATIENCE_S

OURS: Final = re.compile(r"__editable__|partita|__pycache__|.*\.pth$")
PAGE_TEST: Final = re.compile(r"^```python test\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SETTINGS: Final = (
    "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
)

TEN_COMMANDS: Final = """
import os
import time
from pathlib import Path

from contracts.accounts import AccountOpen, AccountOpened
from contracts.transfers import TransferMake, TransferPosted, TransferRejected
from partita.testing import system as installed


def test_ten_commands_are_answered(partita):
    assert Path(installed.__file__).is_relative_to(os.environ["INSTALLED_AT"])
    a, b = partita.new_id("a"), partita.new_id("b")
    opening = dict(account_type="CHECKING", currency="EUR", overdraft_limit="3.00")
    commands = [
        *(AccountOpen(command_id=partita.new_command_id(), account_id=each, **opening) for each in (a, b)),
        *(
            TransferMake(command_id=each, source_account_id=a, destination_account_id=b, amount="0.50")
            for each in (partita.new_command_id() for _ in range(8))
        ),
    ]
    events = [partita.ask(command).event for command in commands]
    assert [type(event) for event in events] == [AccountOpened] * 2 + [TransferPosted] * 6 + [TransferRejected] * 2
"""

PROCESSES: Final = '''
import os
import signal
import subprocess
from pathlib import Path

import pytest


def descendants(pid):
    """Return the processes below *pid*, whatever session they are in."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        parents.setdefault(int(rest.split()[1]), []).append(int(name.split()[0]))
    found, ahead = [], [pid]
    while ahead:
        children = parents.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


def test_it_is_interrupted(partita):
    Path("processes").write_text("\\n".join(map(str, descendants(os.getpid()))))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell is born deaf to it
    os.kill(os.getpid(), getattr(signal, os.environ["WITH"]))
    signal.pause()
'''


class Downstream:
    """A project with an environment of its own."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.site = site

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def pytest(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PARTITA_", "PYTHON"))}
        nowhere = {"PARTITA_KAFKA_BOOTSTRAP": "127.0.0.1:9", "PARTITA_DATABASE_URL": "postgresql://127.0.0.1:9/books"}
        return subprocess.run(
            [str(self.site.parents[2] / "bin" / "python"), "-m", "pytest", "-q", *arguments],
            cwd=self.folder,
            env={**inherited, **nowhere, "INSTALLED_AT": str(self.site), **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """Install the wheel of this clone beside the packages that this environment has locked, and nothing else."""
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o711)  # pytest's own folders are closed to the account that PostgreSQL runs under
        yield installed(place)


def installed(place: Path) -> Path:
    venv.create(place, symlinks=True)
    site = next(place.glob("lib/python*/site-packages"))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not OURS.match(package.name):
            (site / package.name).symlink_to(package)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", "--target"]
    subprocess.run([*install, str(site), str(wheel(place))], check=True, timeout=PATIENCE_S)
    return site


def wheel(place: Path) -> Path:
    """Build the wheel from a copy: building leaves things lying about."""
    source = place / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place)]
    subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=PATIENCE_S)
    return next(place.glob("*.whl"))


@pytest.fixture
def project(site: Path, tmp_path: Path) -> Downstream:
    project = Downstream(tmp_path, site)
    project.write("pytest.ini", SETTINGS)
    return project


def test_ten_commands_with_the_fixture_are_answered_typed_and_the_tests_of_the_page_pass(
    project: Downstream, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("test_ten.py", TEN_COMMANDS)
    tests = PAGE_TEST.findall((ROOT / "docs" / "testing.md").read_text("utf-8"))
    assert len(tests) == 2
    for number, text in enumerate(tests):
        project.write(f"test_page_{number}.py", text)
    began = time.perf_counter()
    done = project.pytest("--durations=0")
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    with capsys.disabled():
        sys.stdout.write(f"\nfixture, ten commands and the page's tests, pytest and all: {took:.1f} s\n")


def test_a_run_that_does_not_ask_for_the_fixture_pays_nothing(project: Downstream) -> None:
    heavy = ["aiokafka", "asyncpg", "contracts", "faststream", "pydantic", "structlog"]
    project.write("test_idle.py", f"import sys\ndef test_it():\n    assert not set({heavy}) & sys.modules.keys()\n")
    done = project.pytest()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "partita" in project.pytest("--fixtures").stdout


def test_without_what_a_system_needs_the_test_fails_and_says_so(project: Downstream) -> None:
    project.write("test_it.py", "def test_it(partita):\n    pass\n")
    done = project.pytest(PARTITA_LOCAL="docker", DOCKER_HOST="unix:///nowhere")
    assert done.returncode == 1
    assert "The fixture partita cannot start a system" in done.stdout
    assert "pip install 'partita[local]'" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("with_signal", ["SIGINT", "SIGKILL"])
def test_no_process_is_left_however_the_run_ends(project: Downstream, with_signal: str) -> None:
    project.write("test_it.py", PROCESSES)
    done = project.pytest(WITH=with_signal)
    assert done.returncode != 0
    pids = [int(line) for line in (project.folder / "processes").read_text("utf-8").split()]
    assert len(pids) > 5, "Kafka, PostgreSQL, their guards, two roles"
    assert [pid for pid in pids if not has_ended(pid)] == []


def has_ended(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()
