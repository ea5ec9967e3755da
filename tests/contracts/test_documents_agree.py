"""A schema takes what the model takes: every sample, with every field in turn left out or made something else.

What a schema cannot say is listed here, and said in a description.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.catalog import Catalog
from contracts.documents.files import Place, committed
from contracts.envelope import Command
from contracts.specs import CATALOG
from tests.contracts.samples import FULL, ID, LEAST, context_of

Body = dict[str, Any]
Path = tuple[str | int, ...]

SCHEMAS: Final = committed(Place.here().schemas)
VALIDATORS: Final = {
    name.partition("/")[2]: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in SCHEMAS.items()
}
UNDERSTAND: Final = Catalog().understand
SAMPLES: Final = [*FULL.values(), *LEAST.values()]

FRAME: Final = ("command_id", "requested_at", "correlation_id", "metadata")
FRAMED: Final = ("transfer.make", "expense.add")  # commands by which it is tried what all of them share

TIER: Final = {"from": "0", "rate": "0"}
VALUES: Final[list[Any]] = [
    *(None, True, False, 0, 1, -1, 12.5, [], {}, [""], {"a": 1}, {"a": "b"}),
    *(359, 360, 365, 1000, 1001, 8784, 8785, TIER, [TIER] * 20, [TIER] * 21),
    *(
        "",
        " ",
        "x",
        "x" * 64,
        "x" * 65,
        "x" * 500,
        "x" * 501,
        "a b",
        "a\n",
        "\n",
        "a\x00b",
        "é",
        "😀" * 500,
        "😀" * 501,
        "x" * 2000,
        "x" * 2001,
    ),
    *("0", "00", "0.0", "0.00", "0.10", "0.01", "1", "01", "12.30", "12.", ".5", "+1", "-1", "-0", "1e3", "1_000"),
    *("1\n", "１２", "١٢", "NaN", "9" * 64, "9" * 65, "0." + "0" * 61 + "1"),
    *(ID, ID.upper(), ID + "\n", ID[:-1], ID.replace("-", ""), f"{{{ID}}}"),
    *("0.0123456789", "0.01234567891", "99.9", "100", "2026-1-2", "2026-13-41", "2026-01-02\n"),
    *("a\u00a0", "\u3000a", "a\u2028b", "a\x85b", "\ufeffa", "a\tb", "daily", "weekly", 2**53 - 1, 2**53),
    *("2026-01", "2026-13", "1" * 13, "0." + "1" * 13, "Europe/Berlin"),
    *("078051120", "078-05-1120", "07805-1120", "07805112", "0780511201", "078 05 1120"),
    *("PENDING", "VERIFIED", "none", "compound", "whole", "marginal", "LEGAL", "legal"),
    *("debit", "credit", "DEBIT", "CHECKING", "SAVINGS", "checking", "EUR", "eur", "house:cash:EUR"),
    *("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456+01:00", "2026-01-02T03:04:05", "2026-01-02", "03:04:05Z"),
    *("2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T25:04:05Z", "2026-01-02T03:04:05+99:00"),
    {f"k{number}": "v" for number in range(16)},
    {f"k{number}": "v" for number in range(17)},
    *({"k" * 64: "v" * 256}, {"k" * 65: "v"}, {"k": "v" * 257}, {"k": None}, {"": ""}),
    *("-12.30", "-12.", "-0.01", "-0.00", "--1", "\t\n", "\x01", "\n a", "x" * 200, "x" * 201, "x" * 1024, "x" * 1025),
    *(2**31 - 1, 2**31, ["x"] * 1000, ["x"] * 1001, ["x" * 1025], [1], "csv", "pdf", "pro", "lenient"),
    *({"0": 1}, {"0": 0}, {"01": 1}, {"1" * 9: 1}, {"1" * 10: 1}, {"x": 1}, {"0": 2**53 - 1}, {"0": 2**53}),
    {"k" * 32: "v" * 200},
    {"k" * 33: "v"},
    {"k": "v" * 201},
    {f"k{number}": "v" for number in range(8)},
    {f"k{number}": "v" for number in range(9)},
]


def understood(body: Body) -> bool:
    return isinstance(UNDERSTAND(context_of(body), json.dumps(body).encode()), Command)


def valid(body: Body) -> bool:
    kind = body.get("type")
    return isinstance(kind, str) and kind in VALIDATORS and VALIDATORS[kind].is_valid(body)


def unsayable(body: Body) -> bool:
    """Say whether *body* breaks only what a schema cannot say: the legs and the source of a batch fit together."""
    legs, source = body.get("legs"), body.get("source_account_id", "")
    if body.get("type") != "transfer.batch" or not legs or not valid(body):
        return False
    return source not in ("", legs[0]["source_account_id"], legs[0]["destination_account_id"]) or (
        source == legs[0]["destination_account_id"] and legs[0].get("direction", "debit") == "debit"
    )


def places(body: Any, at: Path = ()) -> Iterator[Path]:
    """Yield where every field and every element of *body* stands."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, value in inner:
        yield (*at, step)
        yield from places(value, (*at, step))


def holder(body: Body, at: Path) -> Any:
    found: Any = body
    for step in at[:-1]:
        found = found[step]
    return found


def changed(body: Body) -> Iterator[tuple[str, Body]]:
    """Yield *body* with one thing in it changed, for every place and every value."""
    for at in places(body):
        if at[0] in FRAME and body["type"] not in FRAMED:
            continue
        other = copy.deepcopy(body)
        for value in VALUES:
            holder(other, at)[at[-1]] = value
            yield f"{at} = {value!r}", other
        for what in ("missing", "unknown"):
            other = copy.deepcopy(body)
            if what == "missing":
                del holder(other, at)[at[-1]]
            elif isinstance(holder(other, at), dict):
                holder(other, at)["surplus"] = "x"
            yield f"{at} {what}", other


@pytest.mark.parametrize("kind", FULL)
def test_one_thing_changed_is_judged_alike_by_model_and_schema(kind: str) -> None:
    differ = []
    for sample in (FULL[kind], LEAST[kind]):
        assert understood(sample)
        assert valid(sample)
        differ += [
            what
            for what, body in changed(sample)
            if body.get("type") == kind and understood(body) != valid(body) and not unsayable(body)
        ]
    assert differ == []


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("transfer.batch", "source_account_id", "A9", "a record that names another is invalid"),
        ("transfer.batch", "requested_at", "1899-12-31T23:59:59Z", "in the years 1900 to 9998"),
        ("transfer.batch", "requested_at", "9999-01-01T00:00:00Z", "in the years 1900 to 9998"),
        ("hold.place", "expires_at", "9999-01-01T00:00:00Z", "in the years 1900 to 9998"),
        ("hold.extend", "expires_at", "1899-12-31T23:59:59Z", "in the years 1900 to 9998"),
    ],
)
def test_what_a_schema_cannot_say_is_in_words_and_refused_by_the_model(
    kind: str, field: str, value: str, words: str
) -> None:
    body = FULL[kind] | {field: value}
    assert valid(body)
    assert not understood(body)
    assert words in SCHEMAS[f"ledger/{kind}"]["properties"][field]["description"]


@settings(max_examples=300, deadline=None)
@given(sample=st.sampled_from(SAMPLES), data=st.data())
@example(sample=FULL["transfer.make"], data=None)
def test_any_text_in_any_field_is_judged_alike_by_model_and_schema(sample: Body, data: Any) -> None:
    body = copy.deepcopy(sample)
    if data is not None:
        at = data.draw(st.sampled_from([each for each in places(body) if each not in (("type",), ("requested_at",))]))
        holder(body, at)[at[-1]] = data.draw(st.text() | st.from_regex(r"[0-9.]{1,8}") | st.sampled_from(VALUES))
    assert understood(body) == valid(body) or unsayable(body)


def test_every_command_has_a_validator() -> None:
    assert {spec.type for spec in CATALOG} <= VALIDATORS.keys()
