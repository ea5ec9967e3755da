"""Where a local stack may come from in these tests."""

import time
from collections.abc import Callable

import pytest

from tests.conftest import needs_docker, needs_processes

DONE_WITHIN_S = 20.0


@pytest.fixture(
    scope="module",
    params=[pytest.param("process", marks=needs_processes), pytest.param("docker", marks=needs_docker)],
)
def origin(request: pytest.FixtureRequest) -> str:
    """Each way to a real Kafka and a real PostgreSQL; Docker only where it is asked for."""
    name: str = request.param
    return name


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Ask again and again, up to a limit: for the ends of processes that are not our children."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DONE_WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, "not within the time allowed"
            time.sleep(0.02)

    return wait
