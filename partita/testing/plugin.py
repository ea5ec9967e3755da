"""The pytest plugin: the session fixture ``partita``, a whole system that runs.

Promise   A test that does not ask for the fixture pays nothing: only then is anything imported or started.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from partita.testing.system import System


@pytest.fixture(scope="session")
def partita() -> Iterator["System"]:
    """A running system of this test session's own: Kafka, PostgreSQL, a consumer and a relay as real processes.

    It is never one that the environment gives an address of, and it ends with the session.
    """
    from partita.testing.system import NotStarted, running_system  # noqa: PLC0415 - see the promise

    try:
        with running_system() as system:
            yield system
    except NotStarted as error:
        pytest.fail(f"The fixture partita cannot start a system.\n{error}", pytrace=False)
