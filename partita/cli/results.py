"""``partita results``: the results as they come."""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from consumers.results import ResultSubscriber
from partita.app import App
from partita.cli.files import writable, write_whole
from partita.settings import load_settings
from processor.errors import NotPrepared

POLL_S: Final = 0.25


async def results(
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    from_beginning: Annotated[bool, Parameter(negative=())] = False,
    state: Path | None = None,
    idle: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
) -> None:
    """Prints results as JSON Lines, as they come.

    Results of one key come in the order in which they were decided. Nothing is
    committed to Kafka, so reading changes nothing.

    For example:
        partita results --from-beginning --idle 2 | jq -r .type | sort | uniq -c

        partita results --context ledger --state results.position

    Parameters
    ----------
    context:
        only this context; may be given several times
    from_beginning:
        all that the topics hold, instead of from now on
    state:
        begins where this file says, if it is there, and keeps it up to date:
        a run after this one was killed prints the last lines once more at
        worst, and leaves out none
    idle:
        ends after so many seconds in which nothing came
    """
    settings = load_settings()
    app = App(settings=settings).limited_to(context or [])
    kept = State(state)
    subscriber = ResultSubscriber(
        settings.kafka_bootstrap,
        contexts=[one.name for one in app.contexts],
        catalog=app.catalog,
        topics=app.topics,
        from_beginning=from_beginning,
        resume=kept.read(),
        repeats=True,
    )
    async with subscriber:
        kept.write(subscriber)
        heard_at = time.monotonic()
        while idle is None or time.monotonic() - heard_at < idle:
            if received := await subscriber.poll(min(POLL_S, idle or POLL_S)):
                heard_at = time.monotonic()
                sys.stdout.buffer.writelines(one.value + b"\n" for one in received if one.value is not None)
                sys.stdout.flush()
                kept.write(subscriber)


class State:
    """The file that a position is kept in, if one was named."""

    def __init__(self, path: Path | None) -> None:
        self._path = writable(path, option="--state") if path else None

    def read(self) -> str:
        """Return the position; empty if there is none yet."""
        if self._path is None or not self._path.exists():
            return ""
        try:
            return self._path.read_text("utf-8", errors="replace")
        except OSError as error:
            raise NotPrepared(f"{self._path} cannot be read ({error.strerror}); name another --state.") from error

    def write(self, subscriber: ResultSubscriber) -> None:
        """Keep the position of *subscriber*, after what it covers was printed."""
        if self._path is not None:
            write_whole(self._path, subscriber.position, option="--state")
