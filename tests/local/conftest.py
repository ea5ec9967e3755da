"""Where a local stack may come from in these tests."""

import os
import time
from collections.abc import Callable

import pytest

DOCKER_SETTING = "PARTITA_TEST_DOCKER"
DONE_WITHIN_S = 20.0


@pytest.fixture(scope="module", params=["process", "docker"])
def origin(request: pytest.FixtureRequest) -> str:
    """Each way to a real Kafka and a real PostgreSQL; Docker only where it is asked for."""
    name: str = request.param
    if name == "docker" and os.environ.get(DOCKER_SETTING) != "1":
        pytest.skip(f"the Docker way is tested with {DOCKER_SETTING}=1 (needs a Docker engine and its images)")
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
