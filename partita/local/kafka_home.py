"""Kafka, prepared once per machine: jars, a formatted data directory, an archive of loaded classes.

Promise   `prepare` returns a Kafka that answers about 2 s after its start. Whatever was done before is not done again.
Cost      The first time 45 MB from a Maven repository (half a minute) and 6 s of preparation; then one `java -version`.
Invariant What is in the cache is complete: everything is made beside its place and renamed into it, under a file lock.

    <cache>/kafka-<hash of pom.xml>/
      libs/                 the jars
      formatted-<hash>/     an empty data directory, per server.properties
      classes-<hash>.jsa    an archive of loaded classes (AppCDS), per build of the JVM; empty where it can make none
"""

import contextlib
import fcntl
import hashlib
import shutil
import string
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from partita.local.machine import Java, Machine, make_directory
from partita.local.ports import free_ports
from partita.local.program import run_to_end

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
PROPERTIES = HERE / "server.properties"
CLUSTER_ID = "cGFydGl0YS1sb2NhbC0wMA"  # any 16 bytes in base64; one for all, since no cluster ever meets another
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"
MAVEN_WITHIN_S = 900.0
FORMAT_WITHIN_S = 120.0
QUICK_JVM = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # start-up counts, not peak speed
LOGGING = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
]
MAKING = ".making-"
PORT_COUNT = 3

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class KafkaHome:
    """Everything needed to run a broker, except a place for its data."""

    java: Java
    directory: Path

    @property
    def libs(self) -> Path:
        """The jars."""
        return self.directory / "libs"

    @property
    def formatted(self) -> Path:
        """An empty formatted data directory to copy."""
        return self.directory / f"formatted-{_hash_of(PROPERTIES)}"

    @property
    def classes(self) -> Path:
        """The archive of loaded classes of this JVM."""
        return self.directory / f"classes-{self.java.fingerprint}.jsa"

    def command(self, main: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """Write the command line of one of Kafka's programs."""
        # Sorted and spelled out: an archive fits only the very class path it was made with.
        class_path = ":".join(str(jar) for jar in sorted(self.libs.glob("*.jar")))
        return [str(self.java.path), *QUICK_JVM, *options, *LOGGING, "-cp", class_path, main, *arguments]

    def broker_command(self, properties: Path) -> list[str]:
        """Write the command line of the broker, with the archive if this JVM could make one."""
        has_archive = self.classes.is_file() and self.classes.stat().st_size
        options = (f"-XX:SharedArchiveFile={self.classes}",) if has_archive else ()
        return self.command("kafka.Kafka", str(properties), options=options)


def prepare(machine: Machine, on_progress: Progress) -> KafkaHome:
    """Find Java, and bring the cache to where a broker can start from it."""
    home = KafkaHome(java=machine.java(), directory=machine.cache / f"kafka-{_hash_of(POM)}")
    make_directory(home.directory, cure="Set PARTITA_CACHE_DIR to a directory you may write to.")
    with only_one(home.directory / "lock"):
        for leftover in home.directory.glob(f"{MAKING}*"):  # whoever made it died: we hold the lock
            shutil.rmtree(leftover)
        if not home.libs.is_dir():
            on_progress("resolving Kafka's jars with Maven (once, 45 MB)")
            _fetch_jars(machine, home)
        if not home.formatted.is_dir():
            _format(home)
    return home


def write_properties(target: Path, *, data: Path, ports: Sequence[int], proxy_port: int) -> None:
    """Fill in `server.properties` for one start; *ports* are the broker's, the controller's and the proxied one."""
    names = ("broker_port", "controller_port", "proxied_port")
    template = string.Template(PROPERTIES.read_text())
    filled = template.substitute(dict(zip(names, ports, strict=True)), data=data, proxy_port=proxy_port)
    target.write_text(filled)


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Hand out a path next to the target; what is made there takes the target's place if nothing fails."""
    with tempfile.TemporaryDirectory(prefix=MAKING, dir=target.parent) as workshop:
        made = Path(workshop) / target.name
        yield made
        made.rename(target)


def _fetch_jars(machine: Machine, home: KafkaHome) -> None:
    # Maven looks on PATH and in JAVA_HOME by itself, but does not know of the wheel.
    java_home = {"JAVA_HOME": str(home.java.path.parent.parent)} if home.java.path == machine.java_wheel else {}
    with beside(home.libs) as libs:
        where = ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        run_to_end(
            [machine.maven(), "-B", "-q", "-f", str(POM), COPY_JARS, *where],
            failure="Maven cannot resolve Kafka's jars. Check that a Maven repository can be reached (mirror, proxy: "
            "~/.m2/settings.xml), or give the address of a running Kafka.",
            within_s=MAVEN_WITHIN_S,
            cwd=libs.parent,
            env=dict(machine.environment) | java_home,
        )


def _format(home: KafkaHome) -> None:
    with beside(home.formatted) as formatted:
        properties = formatted.with_name("server.properties")
        write_properties(properties, data=formatted, ports=free_ports(PORT_COUNT), proxy_port=1)
        run_to_end(
            home.command("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)),
            failure=f"Kafka cannot format a data directory. Remove {home.directory} and start again.",
            within_s=FORMAT_WITHIN_S,
            cwd=formatted.parent,
        )


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time through; the kernel drops the lock with its holder."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def copy_formatted(home: KafkaHome, data: Path) -> None:
    """Make a data directory out of the formatted one."""
    with beside(data) as copy:
        shutil.copytree(home.formatted, copy)
