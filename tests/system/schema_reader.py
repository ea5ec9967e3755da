"""A reader made of nothing but schema files: it takes messages as JSON Lines and says which do not fit.

It stands for whoever reads results in another language: it knows the folder of schemas it is given, the ``type`` of a
message, and JSON Schema. Nothing of the product is imported here.

    python schema_reader.py contracts/schemas/ledger < results.jsonl
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SHOWN_MAX = 5


def validators(folder: Path) -> dict[str, Draft202012Validator]:
    """Return what judges a message, by its type; schemas find each other by their ``$id``."""
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    )
    checker = Draft202012Validator.FORMAT_CHECKER
    return {
        schema["properties"]["type"]["const"]: Draft202012Validator(
            {"$ref": schema["$id"]}, registry=registry, format_checker=checker
        )
        for schema in schemas
    }


def read(lines: Iterable[str], known: dict[str, Draft202012Validator]) -> tuple[Counter[str], list[str]]:
    """Return how many messages of each type there were, and what is wrong with those that do not fit."""
    seen, wrong = Counter[str](), list[str]()
    for number, line in enumerate(lines, start=1):
        message = json.loads(line)
        kind = message.get("type")
        seen[kind] += 1
        if kind not in known:
            wrong.append(f"line {number}: no schema for the type {kind}")
        else:
            wrong += [
                f"line {number}: {kind}{error.json_path[1:]}: {error.message}" for error in _errors(known, message)
            ]
    return seen, wrong


def _errors(known: dict[str, Draft202012Validator], message: dict[str, Any]) -> list[Any]:
    return list(known[message["type"]].iter_errors(message))


def main() -> int:
    """Read standard input to its end; 1 if anything does not fit."""
    seen, wrong = read(sys.stdin, validators(Path(sys.argv[1])))
    json.dump({"messages": seen.total(), "types": seen, "wrong": len(wrong), "first": wrong[:SHOWN_MAX]}, sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
