"""The fingerprint: which two commands are one, and what differs where they are two."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
import pytest

from contracts.catalog import CATALOG, Catalog, Spec
from contracts.envelope import Command, Text, TextHash, differing_fields, fingerprint
from contracts.ids import BusinessId, CommandId
from contracts.money import Amount, CurrencyCode, PositiveAmount
from tests.contracts.samples import FULL, ID, LEAST, ORIGINAL
from tests.contracts.texts import Path, texts_in

UNDERSTOOD = Catalog()
AMOUNTS: Final = (Amount, PositiveAmount)
READABLE: Final = (BusinessId, CommandId, CurrencyCode)  # a fingerprint shows them as they were said
MAKE, BATCH, OPEN = FULL["transfer.make"], FULL["transfer.batch"], LEAST["account.open"]
DEPOSIT, REVERSE = LEAST["transfer.deposit"], LEAST["transfer.reverse"]
LEG = {"source_account_id": "A1", "destination_account_id": "A2", "amount": "1"}
TURNED = {"source_account_id": "A2", "destination_account_id": "A1", "amount": "1", "direction": "credit"}


def of(said: dict[str, Any], *, key: bytes = b"key") -> bytes:
    command = UNDERSTOOD.understand(UNDERSTOOD.specs[said["type"]].context, msgspec.json.encode(said))
    assert isinstance(command, Command), command
    return fingerprint(command, TextHash(key))


def without(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


@pytest.mark.parametrize("kind", FULL)
def test_when_it_was_asked_and_what_goes_along_with_it_make_no_other_command(kind: str) -> None:
    said = FULL[kind]
    later = said | {"requested_at": "2027-01-01T00:00:00Z", "correlation_id": "another", "metadata": {"other": "pair"}}
    bare = without(said, "requested_at", "correlation_id", "metadata")
    assert of(said) == of(later) == of(bare) == of(said | {"command_id": ID.upper()})


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (MAKE | {"amount": "12.3"}, MAKE | {"amount": "12.30"}),
        (LEAST["transfer.make"], LEAST["transfer.make"] | {"description": "", "reference": "", "direction": "debit"}),
        (DEPOSIT, DEPOSIT | {"reason": "", "correlation_id": "", "metadata": {}}),
        (BATCH | {"legs": [LEG]}, BATCH | {"legs": [LEG | {"description": "", "reference": ""}]}),
        (MAKE | {"amount": "12"}, MAKE | {"amount": "12.00"}),
        (MAKE, without(MAKE, "direction")),
        (
            MAKE,
            MAKE | {"direction": "credit", "source_account_id": "A2", "destination_account_id": "A1"},
        ),
        (DEPOSIT | {"amount": "1.0"}, DEPOSIT | {"amount": "1"}),
        (OPEN, OPEN | {"overdraft_limit": "0"}),
        (OPEN, OPEN | {"overdraft_limit": "0.00"}),
        (OPEN, OPEN | {"product": "plain"}),
        (OPEN | {"customer_id": "C"}, OPEN | {"customer_id": "C", "product": "savings"}),
        (
            OPEN | {"customer_id": "C", "account_type": "CHECKING"},
            OPEN | {"customer_id": "C", "account_type": "CHECKING", "product": "standard"},
        ),
        (FULL["account.set_overdraft"], FULL["account.set_overdraft"] | {"overdraft_limit": "50.50"}),
        (REVERSE, REVERSE | {"transaction_id": ORIGINAL.upper()}),
        (MAKE, MAKE | {"reference": "INV-7"}),
        (BATCH, without(BATCH, "source_account_id")),
        (BATCH | {"legs": [LEG]}, BATCH | {"legs": [LEG | {"amount": "1.00", "direction": "debit"}]}),
        (BATCH | {"legs": [LEG]}, without(BATCH | {"legs": [TURNED]}, "source_account_id")),
        (BATCH | {"legs": [LEG]}, BATCH | {"legs": [TURNED], "source_account_id": "A2"}),
    ],
)
def test_two_ways_to_say_the_same_are_one_command(one: dict[str, Any], same: dict[str, Any]) -> None:
    assert of(one) == of(same)
    assert differing_fields(of(one), of(same)) == []


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        (MAKE, MAKE | {"amount": "12.31"}, ["amount"]),
        (MAKE, without(MAKE, "currency"), ["currency"]),
        (DEPOSIT, DEPOSIT | {"currency": "USD"}, ["currency"]),
        (MAKE, MAKE | {"direction": "credit"}, ["destination_account_id", "source_account_id"]),
        (MAKE, MAKE | {"description": "Rent"}, ["description"]),
        (MAKE, without(MAKE, "reference"), ["reference"]),
        (MAKE, MAKE | {"amount": "1", "reference": "x"}, ["amount", "reference"]),
        (DEPOSIT, DEPOSIT | {"type": "transfer.withdraw"}, ["type"]),
        (OPEN, OPEN | {"product": "gold"}, ["product"]),
        (OPEN, OPEN | {"currency": "EUR", "account_type": "CHECKING"}, ["account_type", "currency"]),
        (OPEN, OPEN | {"overdraft_limit": "1"}, ["overdraft_limit"]),
        (REVERSE, REVERSE | {"transaction_id": ID}, ["transaction_id"]),
        (BATCH, BATCH | {"legs": BATCH["legs"][:1]}, ["legs"]),
        (BATCH | {"legs": [LEG, TURNED]}, BATCH | {"legs": [TURNED, LEG | {"reference": "r"}]}, ["legs"]),
        (LEAST["account.close"], FULL["account.close"], ["payout_account_id"]),
    ],
)
def test_what_differs_between_two_commands_is_named(
    one: dict[str, Any], other: dict[str, Any], fields: list[str]
) -> None:
    assert differing_fields(of(one), of(other)) == differing_fields(of(other), of(one)) == fields


def put(said: Any, path: Path, word: str) -> Any:
    """Return *said* with *word* at *path*; in every member, where there is a list on the way."""
    if isinstance(said, list):
        return [put(each, path, word) for each in said]
    return said | {path[0]: put(said[path[0]], path[1:], word) if path[1:] else word}


def places(kinds: Collection[Any]) -> list[tuple[str, Path]]:
    return [(spec.type, path) for spec in CATALOG for path, kind in texts_in(spec.command) if kind in kinds]


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
def test_every_text_of_a_command_is_of_a_kind_of_which_it_is_known_whether_it_may_be_read(spec: Spec) -> None:
    kinds = dict(texts_in(spec.command))
    assert [path for path, kind in kinds.items() if kind not in (Text, *AMOUNTS, *READABLE)] == []
    own = {path[0]: kind for path, kind in kinds.items() if len(path) == 1}
    assert {name for name, kind in own.items() if kind == Text} == set(spec.command.free_texts), "free_texts"
    assert {name for name, kind in own.items() if kind in AMOUNTS} == set(spec.command.amounts), "amounts"


@pytest.mark.parametrize(("kind", "path"), places([Text]))
def test_free_text_cannot_be_read_in_a_fingerprint(kind: str, path: Path) -> None:
    secret = "Mrs Miller, 4 High Street"
    said = put(FULL[kind], path, secret)
    stored = of(said)
    assert b"Miller" not in stored
    assert stored == of(said)
    assert stored != of(said, key=b"another")
    assert differing_fields(stored, of(put(said, path, secret + "."))) == [path[0]]


@pytest.mark.parametrize(("kind", "path"), places(AMOUNTS))
def test_an_amount_with_more_zeros_is_the_same_amount(kind: str, path: Path) -> None:
    assert of(put(FULL[kind], path, "7.5")) == of(put(FULL[kind], path, "7.500"))


@pytest.mark.parametrize("kind", FULL)
def test_a_correlation_and_metadata_leave_no_trace_in_a_fingerprint(kind: str) -> None:
    stored = of(FULL[kind])
    assert b"order 7" not in stored
    assert b"branch" not in stored
