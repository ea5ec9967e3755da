"""Good records with something done to them, by hypothesis: some are still good, most are not."""

import json
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from contracts.specs import LEDGER
from tests.contracts.samples import samples_of

GOOD: Final[Sequence[dict[str, Any]]] = samples_of(LEDGER)
TEXTS: Final = st.text(max_size=8) | st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1e3",
        "1_0",
        "NaN",
        "\ud800",
        "\0",
        "\ufeff",
        "１２",
        '"',
        '\\"',
        '":"',
        "x" * 501,
        "house:cash:EUR",
    ]
)
VALUES: Final = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FRAGMENTS: Final = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\x00", b"\xff", b"\xef\xbb\xbf", b"null", b"NaN", b"\n"),
    *(b"\\u0022", b"\\ud800", b'"amount":"1",', b'"amount" : "1" , ', b'"am\\u006funt":"1",', b'"metadata":{"a":"b"},'),
    *(b"[" * 9, b'"type":"transfer.make",', b"1e400", b"\\u0031"),
]


@st.composite
def values(draw: st.DrawFn, said: Sequence[dict[str, Any]] = GOOD) -> bytes:
    """A record's value: one of *said*, mutated as an object and then, perhaps, as bytes."""
    fields = dict(draw(st.sampled_from(said)))
    for _ in range(draw(st.integers(0, 2))):
        fields = draw(_object_mutations(fields))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\n\t", ":")]))
    value = json.dumps(fields, separators=separators, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        value = draw(_byte_mutations(value))
    return value


@st.composite
def _object_mutations(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    names = list(fields) or ["amount"]
    name = draw(st.sampled_from(names))
    match draw(st.sampled_from(["drop", "replace", "add", "rename", "borrow", "wrap"])):
        case "drop":
            return {each: value for each, value in fields.items() if each != name}
        case "replace":
            return fields | {name: draw(VALUES)}
        case "add":
            return fields | {draw(TEXTS): draw(VALUES)}
        case "rename":
            return {draw(TEXTS) if each == name else each: value for each, value in fields.items()}
        case "borrow":
            return fields | {name: draw(st.sampled_from(list(fields.values()) or [""]))}
        case _:
            return fields | {name: [fields.get(name)]}


@st.composite
def _byte_mutations(draw: st.DrawFn, value: bytes) -> bytes:
    at = draw(st.integers(0, len(value)))
    to = min(len(value), at + draw(st.integers(0, 12)))
    match draw(st.sampled_from(["insert", "insert", "delete", "double", "cut", "byte", "encode"])):
        case "insert":
            return value[:at] + draw(st.sampled_from(FRAGMENTS)) + value[at:]
        case "delete":
            return value[:at] + value[to:]
        case "double":
            return value[:to] + value[at:to] + value[to:]
        case "cut":
            return value[:at]
        case "byte":
            return value[:at] + draw(st.binary(min_size=1, max_size=2)) + value[at + 1 :]
        case _:
            text = value.decode("utf-8", "replace")
            return text.encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])))
