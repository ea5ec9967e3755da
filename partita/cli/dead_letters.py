"""``partita dead-letters``: what became no command, and a second chance for it."""

import base64
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import App as Doors
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.dead_letters.letters import Letter, Line, Place, Replay, letter_at, listed, not_replayed, replays_of
from partita.dead_letters.mending import by_editor, by_filter
from partita.dead_letters.replaying import Mending, Refused, Sent, replayer
from partita.settings import load_settings
from processor.errors import PartitaError

NO: Final = 1
LISTED: Final = 50

dead_letters = Doors(
    name="dead-letters",
    help="""Lists, shows and replays records that were no commands.

A dead letter is named by where its record lay: CONTEXT/PARTITION/OFFSET, the
numbers that its headers dlq-partition and dlq-offset say.

For example:
    partita dead-letters list --code field_invalid

    partita dead-letters show ledger/3/1234

    partita dead-letters replay ledger/3/1234 --filter '.amount = "1.20"'
""",
    help_epilogue="",
)

Flag = Annotated[bool, Parameter(negative=())]
Json = Annotated[bool, Parameter(name="--json", negative=())]


class WrongUsage(PartitaError):
    """Options that do not go together."""


@dead_letters.command(name="list")
async def list_(
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    code: str | None = None,
    since: datetime | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = LISTED,
    as_json: Json = False,
) -> None:
    """Lists dead letters, the newest first.

    Never a value: what a record says is shown by `partita dead-letters show`.

    For example:
        partita dead-letters list --since 2026-07-01 --json | jq -r .id

    Parameters
    ----------
    context:
        only this context; may be given several times
    code:
        only those with this code, such as type_unknown
    since:
        only those from this moment on, in UTC unless it names its zone
    limit:
        how many at most
    as_json:
        JSON Lines instead of a table
    """
    app = App(settings=load_settings()).limited_to(context or [])
    since = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
    async with session(app, "dead-letters") as connection:
        lines = await listed(app, connection, code=code, since=since, limit=limit)
    if as_json:
        for line in lines:
            print(json.dumps(_as_object(line)))
    else:
        Console().print(_table(lines))


@dead_letters.command
async def show(place: str, /, *, as_json: Json = False, raw: Flag = False) -> None:
    """Shows a dead letter in full.

    Its reason, key, headers and value, and every replay so far. What is not
    text is written in hexadecimal digits, in JSON as base64.

    For example:
        partita dead-letters show ledger/3/1234 --raw > record.json

    Parameters
    ----------
    place:
        CONTEXT/PARTITION/OFFSET of its record
    as_json:
        one JSON object
    raw:
        the bytes of the value, and nothing else
    """
    app = App(settings=load_settings())
    async with session(app, "dead-letters") as connection:
        letter = await letter_at(connection, Place.of(place))
        replays = await replays_of(connection, letter)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
    elif as_json:
        print(json.dumps(_whole(letter, replays)))
    else:
        _print(letter, replays)


@dead_letters.command
async def replay(
    *places: str,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    code: str | None = None,
    filter_: Annotated[str | None, Parameter(name="--filter")] = None,
    edit: Flag = False,
    key: str | None = None,
    dry_run: Flag = False,
) -> int:
    """Sends dead letters again, as they came or mended.

    Each goes to the topic it came from, with its headers and one more,
    partita_replay_of. What is still no command is not sent: the line on
    stderr says why, and the door ends with 1. Who replayed what is kept.

    For example:
        partita dead-letters replay ledger/3/1234 --edit

        partita dead-letters replay --all --code internal_error

    Parameters
    ----------
    places:
        CONTEXT/PARTITION/OFFSET of their records
    all_:
        instead, all that were not replayed yet
    code:
        with --all: only those with this code
    filter_:
        a jq program that makes the right value of the wrong one
    edit:
        opens the value of one dead letter in $VISUAL or $EDITOR
    key:
        the key to send one dead letter under; a value that was mended goes
        under the key of its command by itself
    dry_run:
        only says what would be sent
    """
    _require_sense(places, every=all_, code=code, filter_=filter_, single=edit or key is not None, edit=edit)
    mending = Mending(value=by_filter(filter_) if filter_ else by_editor if edit else None, key=key)
    app, refused = App(settings=load_settings()), 0
    async with session(app, "replay") as connection, replayer(app, connection, mending, dry_run=dry_run) as again:
        pages = not_replayed(app, connection, code=code) if all_ else _named(connection, places)
        async for page in pages:
            for outcome in await again.replay(page):
                refused += _told(outcome)
    return NO if refused else 0


def _require_sense(
    places: tuple[str, ...], *, every: bool, code: str | None, filter_: str | None, single: bool, edit: bool
) -> None:
    if bool(places) == every:
        raise WrongUsage("Name dead letters, or all of them by --all.")
    if code is not None and not every:
        raise WrongUsage("--code chooses among --all.")
    if single and len(places) != 1:
        raise WrongUsage("--edit and --key mend one dead letter; name it.")
    if edit and filter_ is not None:
        raise WrongUsage("--edit and --filter mend the same value; choose one.")


async def _named(connection: Any, places: tuple[str, ...]) -> AsyncIterator[list[Letter]]:
    for place in places:
        yield [await letter_at(connection, Place.of(place))]


def _told(outcome: Sent | Refused) -> bool:
    """Print what became of a dead letter, and say whether it was refused."""
    if isinstance(outcome, Refused):
        print(f"{outcome.place}: {outcome.code} at {outcome.path}: {outcome.reason}", file=sys.stderr)
        return True
    if outcome.partition is None:
        print(f"{outcome.place} would go to {outcome.topic}")
    else:
        print(f"{outcome.place} -> {outcome.topic}/{outcome.partition}/{outcome.offset}")
    return False


def _as_object(line: Line) -> dict[str, Any]:
    fields = asdict(line)
    del fields["place"]
    return {"id": str(line.place), **fields, "occurred_at": line.occurred_at.isoformat()}


def _table(lines: list[Line]) -> Table:
    table = Table()
    for name in ("id", "UTC", "code"):
        table.add_column(name, no_wrap=True)
    for name in ("path", "type"):
        table.add_column(name, overflow="fold")
    for name in ("bytes", "sent"):  # sent again: how often
        table.add_column(name, justify="right")
    for line in lines:
        size = f"{'' if line.bytes is None else line.bytes}{' parked' if line.parked else ''}"
        told = (line.code, line.path, line.command_type or "-", size, str(line.replays))
        table.add_row(str(line.place), f"{line.occurred_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", *told)
    return table


def _whole(letter: Letter, replays: list[Replay]) -> dict[str, Any]:
    fields = asdict(letter)
    for name in ("place", "lane_no", "seq"):
        del fields[name]
    return {"id": str(letter.place), **fields} | {
        "occurred_at": letter.occurred_at.isoformat(),
        "key": _encoded(letter.key),
        "value": _encoded(letter.value),
        "headers": [[_printable(name), _encoded(value)] for name, value in letter.headers],
        "replays": [asdict(each) | {"recorded_at": each.recorded_at.isoformat()} for each in replays],
    }


def _encoded(raw: bytes | None) -> dict[str, str] | None:
    if raw is None:
        return None
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _print(letter: Letter, replays: list[Replay]) -> None:
    for name in ("place", "occurred_at", "code", "path", "reason", "command_type", "command_id", "masked", "parked"):
        print(f"{name + ':':<14}{getattr(letter, name)}")
    print(f"{'key:':<14}{_shown(letter.key)}")
    for name, value in letter.headers:
        print(f"{'header:':<14}{_printable(name)} = {_shown(value)}")
    for each in replays:
        where = (
            "nobody has seen it arrive" if each.partition is None else f"{each.topic}/{each.partition}/{each.offset}"
        )
        how = "mended" if each.mended else "as it came"
        who = f"{each.os_user} as {each.database_user}"
        print(f"{'replay:':<14}{each.recorded_at.isoformat(timespec='seconds')} by {who}, {how}: {where}")
    print(f"value:\n{_shown(letter.value)}")


def _shown(raw: bytes | None) -> str:
    if raw is None:
        return "none"
    try:
        return _printable(raw.decode())
    except UnicodeDecodeError:
        return f"0x{raw.hex()}"


def _printable(text: str) -> str:
    """Return *text* without what would command a terminal."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
