"""Dependencies point one way, and what decides is pure: the import contracts hold, and would notice if they did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT

LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(LINT, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy everything that import contracts are about."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.gz", "*.csv"))
    return folder


def test_imports_point_one_way_and_rules_are_pure() -> None:
    verdict = lint(ROOT)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("contracts/money.py", "import processor.errors", "Imports point one way BROKEN"),
        ("processor/engine/decision.py", "import processor.ledger.values", "Imports point one way BROKEN"),
        ("consumers/__init__.py", "import producers", "Imports point one way BROKEN"),
        ("producers/relay.py", "import partita.settings", "Imports point one way BROKEN"),
        ("processor/ledger/rules/transfers.py", "import time", "pure BROKEN"),
        ("processor/ledger/book.py", "import random", "pure BROKEN"),
        ("processor/ledger/rules/draft.py", "import asyncpg", "pure BROKEN"),
    ],
)
def test_a_forbidden_import_would_be_noticed(clone: Path, module: str, line: str, broken: str) -> None:
    planted = clone / module
    kept = planted.read_text("utf-8")
    planted.write_text(f"{kept}\n{line}\n", encoding="utf-8")
    try:
        verdict = lint(clone)
    finally:
        planted.write_text(kept, encoding="utf-8")
    assert verdict.returncode != 0
    assert broken in verdict.stdout
