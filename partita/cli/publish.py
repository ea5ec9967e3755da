"""``partita publish``: commands from JSON Lines to their topics."""

import json
import sys
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from partita.app import App
from partita.cli.display import bar
from partita.cli.garbage import settle_garbage
from partita.cli.lines import Lines
from partita.exchange import exchange, publish_only
from partita.settings import load_settings
from partita.tally import Pace
from processor.errors import NotPrepared

NO: Final = 1


async def publish(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    wait: Annotated[bool, Parameter(negative=())] = False,
    rate: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0,
    timeout: Annotated[float, Parameter(validator=Number(gt=0))] = 120.0,  # noqa: ASYNC109 - the option's name
) -> int:
    """Publishes commands from JSON Lines, in order.

    Each line goes to the topic of its command's context, under the right key.
    A line that is no JSON object, or has an unknown type, ends it; what came
    before is published. An invalid command is published and becomes a dead
    letter.

    With --wait it prints one line of JSON when all are answered: how many of
    each event, how many refused by each code, how many dead. It ends with 1
    if one was not answered or is dead; refusals are answers.

    For example:
        partita publish commands.jsonl --wait

        generate | partita publish - --rate 500

    Parameters
    ----------
    file:
        one command a line; - is standard input
    context:
        only commands of this context are known, and only its topics needed;
        may be given several times
    wait:
        waits for all answers
    rate:
        commands per second (0: as fast as they go)
    timeout:
        gives up after so many seconds without any answer
    """
    app = App(settings=load_settings()).limited_to(context or [])
    lines = Lines(file)
    settle_garbage()
    try:
        return await _waiting(app, lines, rate, timeout) if wait else await _publishing(app, lines, rate)
    except ValueError as error:
        raise NotPrepared(f"line {lines.number}: {error}") from error


async def _publishing(app: App, lines: "Lines", rate: float) -> int:
    published = await publish_only(app, lines.each(), rate=rate)
    sys.stderr.write(f"{published} published\n")
    return 0


async def _waiting(app: App, lines: "Lines", rate: float, timeout_s: float) -> int:
    async with exchange(app) as market:
        with bar("answered") as shown:
            tally = await market.run(
                lines.each(),
                pace=Pace(rate=rate, timeout_s=timeout_s),
                on_progress=lambda tally: shown(tally.answered, tally.published),
            )
        # Here, not after the block: leaving it may fail, when brokers are gone.
        print(json.dumps(tally.line()), flush=True)
    if missing := tally.published - tally.answered:
        sys.stderr.write(f"{missing} of {tally.published} were not answered; are consumer and relay running?\n")
    return 0 if tally.is_complete else NO
