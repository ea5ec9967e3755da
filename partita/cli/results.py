"""``partita results``: the results as they come."""

import sys
import time
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from consumers.results import ResultSubscriber
from partita.app import App
from partita.settings import load_settings

POLL_S: Final = 0.25


async def results(
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    from_beginning: Annotated[bool, Parameter(negative=())] = False,
    idle: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
) -> None:
    """Prints results as JSON Lines, as they come.

    Results of one key come in the order in which they were decided. Nothing is
    committed to Kafka, so reading changes nothing.

    For example:
        partita results --from-beginning --idle 2 | jq -r .type | sort | uniq -c

        partita results --context ledger

    Parameters
    ----------
    context:
        only this context; may be given several times
    from_beginning:
        all that the topics hold, instead of from now on
    idle:
        ends after so many seconds in which nothing came
    """
    settings = load_settings()
    app = App(settings=settings).limited_to(context or [])
    subscriber = ResultSubscriber(
        settings.kafka_bootstrap,
        contexts=[one.name for one in app.contexts],
        topics=app.topics,
        from_beginning=from_beginning,
    )
    async with subscriber:
        heard_at = time.monotonic()
        while idle is None or time.monotonic() - heard_at < idle:
            if received := await subscriber.poll(min(POLL_S, idle or POLL_S)):
                heard_at = time.monotonic()
                sys.stdout.buffer.writelines(one.value + b"\n" for one in received if one.value is not None)
                sys.stdout.flush()
