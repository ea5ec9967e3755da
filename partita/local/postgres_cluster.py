"""A PostgreSQL data directory: made, owned by the right account, configured.

Promise   `create_cluster` leaves a finished directory or none; it holds the database `partita` and a random password.
Cost      0.6 s, of which initdb is 0.4 s. Copying a prepared directory would save 0.35 s and is not worth its rules:
          Kafka, which starts at the same time, takes longer.
Invariant Programs run inside the data directory and call it `/proc/self/cwd` where that exists: so their account needs
          no right on the directories above, and data may lie below /root.
"""

import os
import secrets
import shutil
from pathlib import Path

from partita.local.errors import LocalStackError
from partita.local.place import Place
from partita.local.postgres_home import PostgresHome
from partita.local.program import quoted, run_to_end

HERE = Path(__file__).parent
SETTINGS = HERE / "partita.conf"
ACCESS = HERE / "pg_hba.conf"
DATABASE = "partita"
USER = "postgres"
# Whoever may enter the directory is settled by our pg_hba.conf before the server first listens.
INITDB_OPTIONS = ("--encoding=UTF8", "--locale=C", "--auth=trust", "--no-instructions")
WORKING_DIRECTORY = "/proc/self/cwd"
DONE_WITHIN_S = 120.0


def create_cluster(home: PostgresHome, place: Place, directory: Path) -> None:
    """Make the data directory beside its place; an interrupted attempt is swept away by the next."""
    making = directory.with_name(f"{directory.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    give_directory(making, place)
    password = secrets.token_urlsafe(24)
    _write_private(password_file(directory), password)
    sql = f"ALTER ROLE {USER} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n"
    durable = ["--no-sync"] if place.temporary else []
    _run(home, place, making, "initdb", "-D", name_of(making), "-U", USER, *INITDB_OPTIONS, *durable)
    _run(home, place, making, "postgres", "--single", "-D", name_of(making), "postgres", sql=sql)
    with (making / "postgresql.conf").open("a") as configuration:
        configuration.write(f"include '{SETTINGS.name}'\n")
    making.rename(directory)


def password_of(directory: Path) -> str:
    """Read the password kept beside the data directory."""
    try:
        return password_file(directory).read_text()
    except FileNotFoundError:
        raise LocalStackError(
            f"{directory} is there, but not its password, {password_file(directory).name}. "
            f"Put that file back, or remove {directory} to start with empty books."
        ) from None


def password_file(directory: Path) -> Path:
    """Name the file that keeps the password."""
    return directory.with_name(f"{directory.name}.password")


def configure(directory: Path, place: Place) -> None:
    """Refresh our settings and our rules of access, so that kept data follow the program."""
    for file in (SETTINGS, ACCESS):
        target = directory / file.name
        target.write_bytes(file.read_bytes())
        os.chown(target, place.account.uid, place.account.gid)


def give_directory(directory: Path, place: Place) -> None:
    """Make sure of a directory that belongs to the server's account and to nobody else."""
    directory.mkdir(mode=0o700, exist_ok=True)
    os.chown(directory, place.account.uid, place.account.gid)


def name_of(directory: Path) -> str:
    """Name the data directory for a program that runs inside it."""
    return WORKING_DIRECTORY if Path(WORKING_DIRECTORY).exists() else str(directory)


def _run(home: PostgresHome, place: Place, directory: Path, program: str, *arguments: str, sql: str = "") -> None:
    failure = (
        f"PostgreSQL's {program} cannot prepare {directory} as {place.account.name}. Check free space and rights there."
    )
    said = run_to_end(
        [home.program(program), *arguments],
        failure=failure,
        within_s=DONE_WITHIN_S,
        cwd=directory,
        told=sql,
        pass_fds=place.held,
        **place.account.switch,
    )
    if "ERROR:" in said:  # a single-user server goes on after an error and ends well
        raise LocalStackError(f"{failure} What it says:\n{quoted(said)}")


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
