"""A whole system beside the tests that use it.

Promise   Commands are answered as long as the block lasts. After it, however it ends, no process is left; a test run
          that is killed takes them along too.
Cost      4 s to start on two cores; the first time on a machine, the time to fetch Kafka besides.
Invariant Servers and books are fresh and this machine's own, whatever addresses the environment has.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final
from uuid import uuid4

from consumers.results import ResultSubscriber
from contracts.envelope import Command, Result
from partita.app import App
from partita.local.stack import LocalStackError
from partita.settings import load_settings
from partita.testing.background import Background
from partita.whole import Plan, Whole, whole
from processor.errors import PartitaError
from producers.command_ids import new_command_id
from producers.commands import ANSWER_S, CommandPublisher

LINES_MAX: Final = 200
_EXTRA: Final = "It needs what `pip install 'partita[local]'` adds, and either Docker, or Java 17 with Maven."


class NotStarted(PartitaError):
    """The system cannot be started here."""


class System:
    """The running system: its addresses, and clients of it that are ready to use."""

    def __init__(self, whole: Whole, background: Background, publisher: CommandPublisher, said: deque[str]) -> None:
        self.kafka_bootstrap = whole.stack.kafka_bootstrap
        self.database_url = whole.stack.database_url
        self.environment = whole.addresses  # what another process needs in its environment to find this system
        self._app = whole.app
        self._background = background
        self._publisher = publisher
        self._said = said

    @property
    def log(self) -> Sequence[str]:
        """The last lines that the processes have logged: warnings and errors."""
        return list(self._said)

    def ask(self, command: Command, *, timeout_s: float = ANSWER_S) -> Result:
        """Publish *command* and wait for its answer; for tests that are no coroutines."""
        return self._background.run(self._publisher.ask(command, timeout_s=timeout_s))

    def publisher(self, **options: Any) -> CommandPublisher:
        """Make a publisher that can ask, to be entered by ``async with``."""
        return CommandPublisher(self.kafka_bootstrap, **{**_clients(self._app), "results": ResultSubscriber, **options})

    def subscriber(self, **options: Any) -> ResultSubscriber:
        """Make a subscriber, to be entered by ``async with``."""
        return ResultSubscriber(self.kafka_bootstrap, **{**_clients(self._app), **options})

    @staticmethod
    def new_command_id() -> str:
        """Return a command id that no other test has."""
        return new_command_id()

    @staticmethod
    def new_id(name: str) -> str:
        """Return an id for an account or its like that begins with *name*, and that no other test has."""
        return f"{name}-{uuid4().hex[:12]}"


@contextmanager
def running_system() -> Iterator[System]:
    """Run a system until the block ends.

    Raises:
        NotStarted: It cannot be started here; the message says what is missing.
    """
    said: deque[str] = deque(maxlen=LINES_MAX)
    with Background("partita") as background:
        lifetime = _lifetime(said)
        try:
            running, publisher = background.run(lifetime.__aenter__())
        except (PartitaError, LocalStackError) as error:
            raise NotStarted("\n".join([*said, str(error), _EXTRA])) from error
        try:
            yield System(running, background, publisher, said)
        finally:
            background.run(lifetime.__aexit__(None, None, None))


@asynccontextmanager
async def _lifetime(said: deque[str]) -> AsyncIterator[tuple[Whole, CommandPublisher]]:
    async with whole(
        Plan(settings=load_settings(), without=("scheduler",), fresh=True, quiet=True), say=said.append
    ) as running:
        await running.manned()
        bootstrap = running.stack.kafka_bootstrap
        async with CommandPublisher(bootstrap, **_clients(running.app), results=ResultSubscriber) as publisher:
            yield running, publisher


def _clients(app: App) -> dict[str, Any]:
    return {"catalog": app.catalog, "topics": app.topics}
