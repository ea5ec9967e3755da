"""``partita status``: what waits where."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from partita.status import ContextStatus, statuses


async def status(
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Shows what waits: records, events, dead letters.

    Lag is what a partition holds beyond what its lane has applied. Events are
    unpublished between their commit and the relay's acknowledgement. Parked
    are events too large for their topic: they were left out for good.

    For example:
        partita status --json | jq '[.topics[].lag] | add'

    Parameters
    ----------
    context:
        only this context; may be given several times
    as_json:
        one JSON object instead of tables
    """
    app = App(settings=load_settings()).limited_to(context or [])
    async with session(app, "status") as connection:
        found = await statuses(app, connection)
    if as_json:
        print(json.dumps(_as_object(found)))
    else:
        _show(found)


def _as_object(found: Sequence[ContextStatus]) -> dict[str, Any]:
    lanes = [_lane(context, lane) for context in found for lane in context.partitions]
    return {
        "lag": sum(lane["lag"] for lane in lanes),
        "unpublished": sum(lane["unpublished"] for lane in lanes),
        "oldest_unpublished_s": max((lane["oldest_unpublished_s"] for lane in lanes), default=0.0),
        "dead_letters": sum(context.dead_letters for context in found),
        "parked": [{"context": context.context, **asdict(event)} for context in found for event in context.parked],
        "topics": lanes,
    }


def _lane(context: ContextStatus, lane: Any) -> dict[str, Any]:
    return {
        "context": context.context,
        "topic": lane.topic,
        "partition": lane.partition,
        "end": lane.end,
        "applied": lane.applied,
        "lag": lane.lag,
        "unpublished": lane.unpublished,
        "oldest_unpublished_s": _age_s(lane.oldest),
    }


def _age_s(moment: datetime | None) -> float:
    return max((datetime.now(UTC) - moment).total_seconds(), 0.0) if moment else 0.0


def _show(found: Sequence[ContextStatus]) -> None:
    console = Console()
    for context in found:
        console.print(_table(context))
        console.print(f"dead letters: {context.dead_letters}")
        for event in context.parked:
            place = f"{context.context}/{event.partition}/{event.offset}"
            console.print(f"parked: {place}, {event.bytes} bytes, too large for {event.topic}")


def _table(context: ContextStatus) -> Table:
    table = Table(title=next((lane.topic for lane in context.partitions), context.context))
    for name in ("partition", "end", "applied to", "lag", "unpublished", "oldest s"):
        table.add_column(name, justify="right")
    for lane in context.partitions:
        applied = "no lane" if lane.applied is None else lane.applied
        numbers = (lane.partition, lane.end, applied, lane.lag, lane.unpublished, f"{_age_s(lane.oldest):.1f}")
        table.add_row(*map(str, numbers))
    return table
