"""Kafka and PostgreSQL from a Docker engine, through testcontainers.

Promise   The same settings as the local processes have, read from the same files. Ports are published on the loopback
          address where the engine is on this machine.
Cost      Images are pulled once; an engine or a registry that says nothing for 20 s counts as absent.
Invariant Whatever closes this way is a `DockerUnavailableError` with the reason, so that `auto` can go on without it.

testcontainers' reaper (its setting, on by default) removes the containers of a process that was killed.
"""

import contextlib
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import docker  # type: ignore[import-untyped]
import docker.errors  # type: ignore[import-untyped]
import requests
from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import get_docker_host

from partita.local.errors import DockerUnavailableError
from partita.local.kafka_home import PROPERTIES
from partita.local.machine import Machine
from partita.local.ports import LOOPBACK
from partita.local.postgres_cluster import DATABASE, SETTINGS, USER

KAFKA_IMAGE = "confluentinc/cp-kafka:8.0.0"
POSTGRES_IMAGE = "postgres:18"
DEFAULT_HOST = "unix:///var/run/docker.sock"
PING_WITHIN_S = 3
SILENT_FOR_S = 20
ANSWERS_WITHIN_S = 60
SET_BY_TESTCONTAINERS = re.compile(r"process\.roles|node\.id|controller\.|.*listener|log\.dirs")
KAFKA_HEAP = "-Xms256m -Xmx512m"


class Engine:
    """A Docker engine that answered."""

    def __init__(self, *, client: Any, on_progress: Callable[[str], None]) -> None:
        self._client = client
        self._on_progress = on_progress

    @classmethod
    def reach(cls, machine: Machine, on_progress: Callable[[str], None]) -> "Engine":
        """Ask the engine that testcontainers would use whether it is there."""
        host = machine.environment.get("DOCKER_HOST") or get_docker_host() or DEFAULT_HOST
        try:
            _knock(host)
            environment = dict(machine.environment) | {"DOCKER_HOST": host}
            client = docker.from_env(environment=environment, timeout=PING_WITHIN_S)
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise DockerUnavailableError("no Docker engine answers") from error
        client.api.timeout = SILENT_FOR_S
        return cls(client=client, on_progress=on_progress)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def start_kafka(self, cleanup: contextlib.ExitStack) -> str:
        """Run a broker until `cleanup`; return the address clients start from."""
        with _reasons("Kafka"):
            self._make_sure_of(KAFKA_IMAGE)
            container = KafkaContainer(KAFKA_IMAGE).with_kraft().with_envs(**kafka_environment())
            self._publish_locally(container, container.port)
            cleanup.callback(container.stop)
            container.start(timeout=ANSWERS_WITHIN_S)
            return str(container.get_bootstrap_server())

    def start_postgres(self, cleanup: contextlib.ExitStack) -> str:
        """Run a PostgreSQL until `cleanup`; return the URL of its database."""
        with _reasons("PostgreSQL"):
            self._make_sure_of(POSTGRES_IMAGE)
            password = secrets.token_urlsafe(24)
            container = PostgresContainer(
                POSTGRES_IMAGE, username=USER, password=password, dbname=DATABASE, driver=None, shm_size="1g"
            )
            container.with_command(["postgres", *postgres_options()])
            self._publish_locally(container, container.port)
            cleanup.callback(container.stop)
            container.start()
            return str(container.get_connection_url())

    def _make_sure_of(self, image: str) -> None:
        """Find the images in the engine or pull them, for as long as there is news of the pull."""
        wanted = [image] if testcontainers_config.ryuk_disabled else [image, testcontainers_config.ryuk_image]
        for name in wanted:
            try:
                self._client.images.get(name)
            except docker.errors.ImageNotFound:
                self._pull(name)

    def _pull(self, image: str) -> None:
        self._on_progress(f"pulling the image {image} (once)")
        repository, _, tag = image.rpartition(":")
        try:
            for news in self._client.api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in news:
                    raise DockerUnavailableError(f"the image {image} cannot be pulled ({news['error']})")
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise DockerUnavailableError(f"the image {image} cannot be pulled ({_in_short(error)})") from error

    def _publish_locally(self, container: DockerContainer, port: int) -> None:
        client = container.get_docker_client()
        mode = client.get_connection_mode()
        if mode is ConnectionMode.docker_host and client.host() in {"localhost", LOOPBACK}:
            published = cast("dict[str, Any]", container.ports)
            published[str(port)] = (LOOPBACK, None)


def _knock(host: str) -> None:
    """Try the socket before the library does: where nobody listens, the library leaves its own one open."""
    kind, _, path = host.partition("://")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PING_WITHIN_S)
            probe.connect(path)


def kafka_environment() -> dict[str, str]:
    """Translate `server.properties` into the image's variables, without what testcontainers sets itself."""
    pairs = (line.split("=", 1) for line in PROPERTIES.read_text().splitlines() if "=" in line and line[0] != "#")
    ours = {name: value for name, value in pairs if not SET_BY_TESTCONTAINERS.match(name)}
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in ours.items()}
    return variables | {"KAFKA_HEAP_OPTS": KAFKA_HEAP}


def postgres_options() -> Iterator[str]:
    """Translate `partita.conf` into options of the server."""
    for line in SETTINGS.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            yield from ("-c", f"{name.strip()}={value.strip().strip(chr(39))}")


@contextlib.contextmanager
def _reasons(name: str) -> Iterator[None]:
    """Turn whatever Docker and testcontainers raise into one reason."""
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, RuntimeError, TimeoutError, OSError) as error:
        raise DockerUnavailableError(f"{name} does not start in Docker ({_in_short(error)})") from error


def _in_short(error: Exception) -> str:
    """Quote the engine's own words without the request around them, or the first line of anything else."""
    words = error.explanation if isinstance(error, docker.errors.APIError) else str(error)
    return (str(words).splitlines() or [type(error).__name__])[0]
