"""The files that are written from the models, and which of those that are there are not as they would be written.

Promise   Writing twice changes nothing. What is checked is what would be written.
Layout    In a clone ``contracts/`` has ``schemas/<context>/<type>.json`` and ``asyncapi.yaml``, ``docs/`` has
          ``messages.md``. In a folder of their own they lie beside each other. An installed package has no page.
"""

import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts import generate
from contracts.documents import asyncapi, reference
from contracts.documents.examples import examples_of
from contracts.documents.messages import contexts_of, messages_of
from contracts.documents.schemas import OURS, Schema, schemas
from contracts.specs import CATALOG

PACKAGE: Final = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the files go; without ``page`` no page is written there."""

    schemas: Path
    document: Path
    page: Path | None

    @classmethod
    def here(cls) -> "Place":
        """Return the place they have beside the models; a page only in a clone."""
        clone = PACKAGE.parent
        has_docs = (clone / "pyproject.toml").exists() and (clone / "docs").is_dir()
        return cls(
            schemas=PACKAGE / "schemas",
            document=PACKAGE / "asyncapi.yaml",
            page=clone / "docs" / "messages.md" if has_docs else None,
        )

    @classmethod
    def at(cls, folder: Path) -> "Place":
        """Return the place in a *folder* of their own."""
        return cls(schemas=folder / "schemas", document=folder / "asyncapi.yaml", page=folder / "messages.md")


def generated_schemas() -> dict[str, Schema]:
    """Return every schema by ``<context>/<type>``."""
    contexts = contexts_of(CATALOG)
    examples = {context: examples_of(context) for context in contexts}
    return schemas([message for context in contexts for message in messages_of(context)], examples)


def generated(place: Place) -> dict[Path, str]:
    """Return every file at *place* with the text it should have."""
    examples = {context: examples_of(context) for context in contexts_of(CATALOG)}
    files = {place.schemas / f"{name}.json": schema_text(each) for name, each in generated_schemas().items()}
    files[place.document] = asyncapi.text(examples)
    if place.page is not None:
        files[place.page] = reference.text(examples)
    is_clone = place == Place.here() and place.page is not None
    return files | (generate.generated() if is_clone and _has_currencies() else {})


def schema_text(schema: Schema) -> str:
    """Return the text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def out_of_date(place: Place) -> dict[Path, str]:
    """Return the files at *place* that are not as they should be, each with what is wrong."""
    return _stale(place, generated(place))


def _stale(place: Place, wanted: Mapping[Path, str]) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for path, text in wanted.items():
        if not path.exists():
            found[path] = "is missing"
        elif path.read_text("utf-8") != text:
            found[path] = "is out of date"
    return found | dict.fromkeys(_surplus(place, wanted), "belongs to no message")


def write(place: Place) -> list[Path]:
    """Write what is out of date at *place*, remove what belongs to no message, and return both."""
    wanted = generated(place)
    changed = _stale(place, wanted)
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return list(changed)


def committed(folder: Path) -> dict[str, Schema]:
    """Return the schemas of messages in *folder* and below, by ``<context>/<type>``."""
    return by_message(json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*.json")))


def by_message(found: Iterable[Any]) -> dict[str, Schema]:
    """Return those of *found* that are schemas of messages, by ``<context>/<type>``."""
    own = (each for each in found if isinstance(each, Mapping) and OURS in each)
    return {f"{each[OURS]['context']}/{each['title']}": dict(each) for each in own}


def _surplus(place: Place, wanted: Mapping[Path, str]) -> list[Path]:
    return [path for path in sorted(place.schemas.rglob("*.json")) if path not in wanted]


def _has_currencies() -> bool:
    """Say whether the list that currencies come from is installed; it is for development only."""
    return importlib.util.find_spec("iso4217") is not None
