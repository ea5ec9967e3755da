"""``partita contracts``: what is written from the models, and whether a change of it breaks anybody."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from contracts.documents import files
from contracts.documents.compatibility import Change, Effect, Schemas, breaking, changes
from contracts.documents.words import Incomplete
from partita import exporting
from processor.errors import NotPrepared

NO: Final = 1
SCHEMAS: Final = "contracts/schemas"


def contracts(
    *,
    check: Annotated[bool, Parameter(negative=())] = False,
    against: str = "",
    to: Path | None = None,
    allow_breaking: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Writes schemas, the AsyncAPI document and the pages, or checks them.

    All are made of the models; the page of what is exported lies in a clone
    alone. A change that would break a sender or a reader is named, and nothing
    is written, unless the message's schema_version was raised with it.

    For example:
        partita contracts --check

        partita contracts --against origin/main

        partita contracts --to ./partita-contracts

    Parameters
    ----------
    check:
        writes nothing; ends with 1 if a file is out of date or a change breaks
    against:
        writes nothing; names every change since a git revision, or a folder of
        schemas, and ends with 1 if one breaks
    to:
        writes into this folder instead of in place
    allow_breaking:
        writes in spite of changes that break
    """
    place = files.Place.here() if to is None else files.Place.at(to)
    try:
        return _contracts(place, check=check, against=against, allow_breaking=allow_breaking)
    except Incomplete as error:
        raise NotPrepared(str(error)) from error


def _contracts(place: files.Place, *, check: bool, against: str, allow_breaking: bool) -> int:
    now = files.generated_schemas()
    found = changes(_schemas_of(against), now) if against else breaking(changes(files.committed(place.schemas), now))
    _say(f"{change}{_mark(change)}" for change in found)
    stale = check and _stale(place)
    if check or against:
        return NO if stale or breaking(found) else 0
    if found and not allow_breaking:
        print("nothing was written; docs/compatibility.md says what to do instead")
        return NO
    changed = files.write(place)
    for page in _columns(place):
        exporting.write_page(page)
        changed.append(page)
    _say(f"{_shown(path)} {'written' if path.exists() else 'removed'}" for path in changed)
    return 0


def _columns(place: files.Place) -> list[Path]:
    """Return the page of the columns of exports where it is not as it should be; it lies in a clone alone."""
    if place.page is None or place != files.Place.here():
        return []
    page = place.page.with_name(exporting.PAGE)
    return [] if exporting.is_current(page) else [page]


def _mark(change: Change) -> str:
    return "" if change.effect is Effect.COMPATIBLE else f" ({change.effect.value})"


def _stale(place: files.Place) -> bool:
    """Name what is not as it should be, and say whether there is anything."""
    found = files.out_of_date(place) | dict.fromkeys(_columns(place), "is out of date")
    _say(f"{_shown(path)} {why}; run `partita contracts`" for path, why in found.items())
    return bool(found)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


# What was there before ------------------------------------------------------------------------------------------------


def _schemas_of(source: str) -> Schemas:
    """Return the schemas in the folder, or at the revision, that *source* names.

    Raises:
        NotPrepared: There are none.
    """
    if Path(source).is_dir():
        found: Schemas = files.committed(Path(source))
    else:
        found = files.by_message(_at_revision(source))
    if not found:
        raise NotPrepared(f"{source} holds no schemas of messages; name a folder of schemas or a git revision.")
    return found


def _at_revision(revision: str) -> Iterator[object]:
    for name in _git("ls-tree", "-r", "--name-only", revision, "--", SCHEMAS).splitlines():
        if name.endswith(".json"):
            yield json.loads(_git("show", f"{revision}:{name}"))


def _git(*arguments: str) -> str:
    """Run git where the models are.

    Raises:
        NotPrepared: There is no git, no clone, or no such revision.
    """
    try:
        done = subprocess.run(  # noqa: S603 - a person asks for a revision of their own clone
            ["git", "-C", str(files.PACKAGE.parent), *arguments],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise NotPrepared("There is no git on PATH; install it, or name a folder of schemas.") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["git failed"])[-1]
        raise NotPrepared(f"git has no such revision ({last}); name one, or a folder of schemas.") from error
    return done.stdout
