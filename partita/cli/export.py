"""``partita export``: what the books hold of one kind, as files."""

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from contracts.envelope import encode_command
from contracts.exports import CutGiven, ExportCompleted, ExportProgressed, ExportRequest
from contracts.ids import uuid_text
from partita.app import App
from partita.cli.books import session
from partita.cli.display import bar
from partita.cli.files import writable
from partita.fetching import Ended, export_and_follow, fetch
from partita.settings import load_settings
from processor.errors import NotPrepared
from producers.command_ids import new_command_id

NO: Final = 1
_UNSAID: Final = Parameter(show_default=False)


class _Manifest(msgspec.Struct):
    cut: CutGiven


async def export(
    kind: str,
    *,
    filter: Annotated[Sequence[str], Parameter(show_default=False, negative=())] = (),  # noqa: A002 - the option's name
    format: Literal["csv", "csv.gz", "pdf"] = "csv",  # noqa: A002 - likewise
    cut: Path | None = None,
    export_id: Annotated[str, Parameter(name="--id", show_default=False)] = "",
    out: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    timeout: Annotated[float, Parameter(validator=Number(gt=0))] = 120.0,  # noqa: ASYNC109 - the option's name
) -> int:
    """Exports what the books hold of one kind, and waits for the end.

    A role `exports` writes it into the object store: numbered parts, and a
    manifest that names them with their hashes. With --out it is fetched from
    there too. It ends with 1 unless the export is completed.

    For example:
        partita export entries --filter from=2026-07-01 --filter to=2026-08-01

        partita export expenses --filter user_id=ada --filter year=2026 --format pdf --out ada.pdf

    Parameters
    ----------
    kind:
        what is exported
    filter:
        what it is narrowed to, name=value; may be said again
    format:
        csv, csv.gz, or pdf for expenses
    cut:
        the manifest of an earlier export: as of the same moment as that
    export_id:
        an id for it; the same one, asked for the same again, is the same export
    out:
        a file for the parts one behind the other, or a folder that is there
    as_json:
        one JSON object instead of a line
    timeout:
        gives up after so many seconds without a word of the export
    """
    app = App(settings=load_settings())
    target = None if out is None else _target(out)
    command = _request(kind, filter, format, _cut_in(cut), export_id)
    async with session(app, "export") as connection:
        ended = await _followed(app, connection, command, timeout)
    if target is not None and isinstance(ended.event, ExportCompleted):
        with bar("fetched") as shown:
            await fetch(ended.event, target, on_bytes=shown)
    _tell(command, ended, as_json=as_json)
    return 0 if ended.state == "COMPLETED" else NO


def _target(out: Path) -> Path:
    return out.absolute() if out.is_dir() else writable(out, option="--out")


def _request(
    kind: str, filters: Sequence[str], format_: Literal["csv", "csv.gz", "pdf"], cut: CutGiven | None, export_id: str
) -> ExportRequest:
    """Return the command; under an id that was given, its own follows from all that it says."""
    named = dict(_pair(each) for each in filters)
    if len(named) != len(filters):
        raise NotPrepared("A --filter is said twice; say each once.")
    command_id = new_command_id()
    command = ExportRequest(
        command_id=command_id, export_id=export_id or command_id, kind=kind, format=format_, filters=named, cut=cut
    )
    if not export_id:
        return command
    said = encode_command(msgspec.structs.replace(command.canonical(), command_id=""))
    return msgspec.structs.replace(command, command_id=_id_of(said))


def _id_of(said: bytes) -> str:
    raw = bytearray(sha256(said).digest()[:16])
    raw[6] = 0x80 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return uuid_text(bytes(raw))


def _pair(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not is_there:
        raise NotPrepared(f"--filter {text} says nothing; write name=value.")
    return name, value


def _cut_in(path: Path | None) -> CutGiven | None:
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Manifest).cut
    except OSError as error:
        raise NotPrepared(f"{path} cannot be read ({error.strerror}); name the manifest of an export.") from error
    except msgspec.DecodeError as error:
        raise NotPrepared(f"{path} is no manifest of an export; name one.") from error


async def _followed(app: App, connection: Any, command: ExportRequest, silence_s: float) -> Ended:
    console = Console(stderr=True)
    with console.status(f"{command.kind} ...") if console.is_terminal else nullcontext() as status:

        def show(event: ExportProgressed) -> None:
            if status is not None:
                status.update(f"{command.kind}: {event.rows:,} rows, {event.bytes:,} bytes, {event.parts:,} parts")

        return await export_and_follow(app, connection, command, on_progress=show, silence_s=silence_s)


def _tell(command: ExportRequest, ended: Ended, *, as_json: bool) -> None:
    """Print what became of the export, and on stderr what to do about it."""
    event = None if ended.event is None else msgspec.to_builtins(ended.event)
    if as_json:
        print(json.dumps({"export_id": command.export_id, "state": ended.state, "event": event}))
    elif isinstance(ended.event, ExportCompleted):
        sums = "".join(f", {amount} {currency}" for currency, amount in ended.event.sums.items())
        print(f"{command.export_id} {ended.state}: {ended.event.rows:,} rows, {ended.event.parts:,} parts{sums}")
        print(ended.event.manifest)
    else:
        print(f"{command.export_id} {ended.state}")
    if ended.code:
        details = json.dumps(event["details"]) if event and event.get("details") else ""
        sys.stderr.write(f"{ended.code}: {ended.reason} {details}".rstrip() + "\n")
    if ended.state == "UNKNOWN":
        sys.stderr.write("Nothing was heard of it; does a role exports run? It may still be written.\n")
