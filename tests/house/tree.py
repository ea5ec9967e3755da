"""The repository as the house rules see it: its files, and what its Python says."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("contracts", "processor", "consumers", "producers", "partita")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Module:
    """A Python file. ``name`` is its path below the root."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


@cache
def _parsed(text: str) -> ast.Module:
    """Parse a text once, however many rules look at it; no rule changes what it looks at."""
    return ast.parse(text)


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is, or is about to be, in the repository; without git, every file that is no artefact."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        found = [path for path in ROOT.rglob("*") if not _is_artefact(path)]
    return tuple(sorted(path for path in set(found) if path.is_file()))


def _is_artefact(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") or part in ("__pycache__", "build", "dist") for part in parts)


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of every file that is text."""
    for path in files():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def modules(*packages: str) -> list[Module]:
    """Return every Python file in *packages*."""
    wanted = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in packages]
    return [Module(name=path.relative_to(ROOT).as_posix(), text=path.read_text("utf-8")) for path in wanted]


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the name and the length of every function, methods and inner ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            assert node.end_lineno is not None
            yield f"{module.name}:{node.name}", node.end_lineno - node.lineno + 1
