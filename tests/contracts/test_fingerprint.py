"""The fingerprint: which two commands are one, and what differs where they are two."""

from typing import Any, Final

import msgspec
import pytest
from msgspec import NODEFAULT, UNSET, structs

from contracts.activity import FileName
from contracts.catalog import Catalog
from contracts.customers import Name, SocialSecurityNumber
from contracts.dates import Date, Day, Month
from contracts.envelope import Command, LongText, Text, TextHash, differing_fields, fingerprint
from contracts.expenses import Category
from contracts.exports import ContextName, FilterName, FilterValue, Kind, Partition
from contracts.ids import BusinessId, CommandId
from contracts.money import Amount, CurrencyCode, PositiveAmount, SignedAmount
from contracts.products import Rate
from contracts.rates import Ratio
from contracts.revenue import RevenueName
from contracts.specs import CATALOG, Spec
from tests.contracts.samples import FULL, ID, LEAST, ORIGINAL
from tests.contracts.texts import Path, texts_in

UNDERSTOOD = Catalog()
AMOUNTS: Final = (Amount, PositiveAmount, SignedAmount, Rate, Ratio)
READABLE: Final = (  # a fingerprint shows them as they were said
    *(BusinessId, CommandId, CurrencyCode, Date, Day, Month),
    *(FileName, Kind, FilterName, FilterValue, ContextName, Partition),
)
HIDDEN: Final = {  # what else is said is only recognised; of each kind two texts
    **dict.fromkeys(
        (Text, LongText, Name, Category, RevenueName), ("Mrs Miller, 4 High Street", "Mrs Miller, 4 High Street.")
    ),
    SocialSecurityNumber: ("078051120", "078051121"),
}
OF_A_PERSON: Final = {  # and so are these, whatever may be read of their kind
    "date_of_birth": ("1961-07-29", "1961-07-30"),
    "device_id": ("Anns-phone", "Anns-tablet"),
    "timezone": ("Europe/Berlin", "Asia/Tokyo"),
}
MAKE, BATCH, OPEN = FULL["transfer.make"], FULL["transfer.batch"], LEAST["account.open"]
DEPOSIT, REVERSE = LEAST["transfer.deposit"], LEAST["transfer.reverse"]
CREATE, UPDATE, PRODUCT = FULL["customer.create"], LEAST["customer.update"], LEAST["product.set"]
LINK, PLACE, EXTEND = FULL["account.link_protection"], FULL["hold.place"], FULL["hold.extend"]
CAPTURE, REFUND = FULL["settlement.capture"], FULL["settlement.refund"]
RECORD, IMPORT, EXPORT = FULL["revenue.record"], FULL["activity.import"], FULL["export.request"]
CUT = EXPORT["cut"]
SPEND, CHANGE, BUDGET = FULL["expense.add"], LEAST["expense.change"], FULL["budget.set"]
TIERS = [{"from": "0", "rate": "0.01"}, {"from": "1000", "rate": "0.025"}]
ZEROS = [{"from": "0.00", "rate": "0.010"}, {"from": "1000.00", "rate": "0.0250"}]
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
        (CREATE, CREATE | {"ssn": "078051120"}),
        (CREATE, CREATE | {"ssn": "078-051120"}),
        (PRODUCT, PRODUCT | {"overdraft_fee": "35.00"}),
        (PRODUCT | {"currency": "JPY"}, PRODUCT | {"currency": "JPY", "overdraft_fee": "3500"}),
        (PRODUCT | {"currency": "KWD"}, PRODUCT | {"currency": "KWD", "overdraft_fee": "3.5"}),
        (PRODUCT | {"tiers": TIERS}, PRODUCT | {"tiers": ZEROS}),
        (PLACE, PLACE | {"expires_at": "2026-01-02T03:04:05.000006Z"}),
        (EXTEND, EXTEND | {"expires_at": "2026-01-02T02:04:05.000-01:00"}),
        (REFUND, REFUND | {"transaction_id": ORIGINAL.upper()}),
        (BATCH, without(BATCH, "source_account_id")),
        (BATCH | {"legs": [LEG]}, BATCH | {"legs": [LEG | {"amount": "1.00", "direction": "debit"}]}),
        (BATCH | {"legs": [LEG]}, without(BATCH | {"legs": [TURNED]}, "source_account_id")),
        (BATCH | {"legs": [LEG]}, BATCH | {"legs": [TURNED], "source_account_id": "A2"}),
        (SPEND | {"category": "Caf\u00e9"}, SPEND | {"category": "Cafe\u0301"}),
        (CHANGE, CHANGE | {"device_id": None}),
        (BUDGET | {"month": None}, without(BUDGET, "month")),
        (LEAST["user.create"], LEAST["user.create"] | {"timezone": "UTC"}),
        (RECORD, RECORD | {"amount": "-12.3"}),
        (LEAST["activity.import"], LEAST["activity.import"] | {"policy": "lenient"}),
        (LEAST["export.request"], LEAST["export.request"] | {"format": "csv", "filters": {}, "cut": None}),
        (EXPORT, EXPORT | {"filters": {"account_id": "A2", "from": "2026-02-01"}}),
        (EXPORT, EXPORT | {"cut": {"next_seq": {"12": 1, "0": 7}, "epoch": 2, "context": "ledger"}}),
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
        (CREATE, CREATE | {"ssn": "078-05-1121"}, ["ssn"]),
        (CREATE, CREATE | {"name": "Ann", "date_of_birth": "1980-02-28"}, ["date_of_birth", "name"]),
        (UPDATE, UPDATE | {"address": ""}, ["address"]),
        (UPDATE, UPDATE | {"kyc_status": "PENDING", "good_standing": True}, ["good_standing", "kyc_status"]),
        (PRODUCT, PRODUCT | {"overdraft_fee": "35.01"}, ["overdraft_fee"]),
        (PRODUCT, PRODUCT | {"overdraft_fee": "0"}, ["overdraft_fee"]),
        (PRODUCT | {"tiers": TIERS}, PRODUCT | {"tiers": TIERS[::-1]}, ["tiers"]),
        (PRODUCT, PRODUCT | {"day_count": 360, "grace_hours": 1}, ["day_count", "grace_hours"]),
        (LINK, LINK | {"protection_account_id": None}, ["protection_account_id"]),
        (PLACE, without(PLACE, "expires_at"), ["expires_at"]),
        (EXTEND, EXTEND | {"expires_at": "2026-01-02T04:04:05.000001+01:00"}, ["expires_at"]),
        (CAPTURE, without(CAPTURE, "final"), ["final"]),
        (REFUND, without(REFUND, "amount"), ["amount"]),
        (SPEND, SPEND | {"category": "food"}, ["category"]),
        (SPEND, SPEND | {"date": "2026-02-27", "device_id": "tablet"}, ["date", "device_id"]),
        (CHANGE, CHANGE | {"notes": ""}, ["notes"]),
        (CHANGE, CHANGE | {"amount": "1"}, ["amount"]),
        (BUDGET, BUDGET | {"limit": None}, ["limit"]),
        (BUDGET | {"limit": "0"}, BUDGET | {"limit": None}, ["limit"]),
        (BUDGET, without(BUDGET, "month"), ["month"]),
        (RECORD, RECORD | {"amount": "12.30"}, ["amount"]),
        (LEAST["revenue.update_account"], FULL["revenue.update_account"], ["name", "tier"]),
        (IMPORT, IMPORT | {"files": IMPORT["files"][::-1]}, ["files"]),
        (EXPORT, EXPORT | {"filters": {"from": "2026-02-01"}, "cut": None}, ["cut", "filters"]),
        (EXPORT, EXPORT | {"cut": CUT | {"next_seq": {"0": 7, "12": 2}}}, ["cut"]),
    ],
)
def test_what_differs_between_two_commands_is_named(
    one: dict[str, Any], other: dict[str, Any], fields: list[str]
) -> None:
    assert differing_fields(of(one), of(other)) == differing_fields(of(other), of(one)) == fields


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
def test_a_default_that_is_given_makes_no_other_command(spec: Spec) -> None:
    for field in structs.fields(spec.command):
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        said = LEAST[spec.type] | {field.encode_name: default}
        if default in (NODEFAULT, UNSET):
            continue
        if isinstance(UNDERSTOOD.understand(spec.context, msgspec.json.encode(said)), Command):
            assert of(said) == of(LEAST[spec.type]), field.name
        else:
            assert default == "", f"{field.name}: a default that cannot be given"


def put(said: Any, path: Path, word: str) -> Any:
    """Return *said* with *word* at *path*; in every member, where there is a list on the way."""
    if isinstance(said, list):
        return [put(each, path, word) for each in said]
    return said | {path[0]: put(said[path[0]], path[1:], word) if path[1:] else word}


def secrets_at(path: Path, kind: Any) -> tuple[str, str] | None:
    """Return two texts for *path* if a text there is only recognised."""
    return OF_A_PERSON.get(path[-1]) or HIDDEN.get(kind)


TEXTS: Final = [(spec.type, path, kind) for spec in CATALOG for path, kind in texts_in(spec.command)]


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
def test_every_text_of_a_command_is_of_a_kind_of_which_it_is_known_whether_it_may_be_read(spec: Spec) -> None:
    kinds = dict(texts_in(spec.command))
    hidden = {path for path, kind in kinds.items() if secrets_at(path, kind)}
    assert [path for path, kind in kinds.items() if path not in hidden and kind not in (*AMOUNTS, *READABLE)] == []
    own = {path[0]: kind for path, kind in kinds.items() if len(path) == 1}
    assert {name for name in own if (name,) in hidden} == set(spec.command.free_texts), "free_texts"
    assert {name for name, kind in own.items() if kind in AMOUNTS} == set(spec.command.amounts), "amounts"


@pytest.mark.parametrize(
    ("kind", "path", "secrets"),
    [(kind, path, secrets) for kind, path, text in TEXTS if (secrets := secrets_at(path, text))],
)
def test_what_a_person_said_or_is_cannot_be_read_in_a_fingerprint(
    kind: str, path: Path, secrets: tuple[str, str]
) -> None:
    secret, other = secrets
    said = put(FULL[kind], path, secret)
    stored = of(said)
    assert all(word.encode() not in stored for word in secret.split(", "))
    assert stored == of(said)
    assert stored != of(said, key=b"another")
    assert differing_fields(stored, of(put(said, path, other))) == [path[0]]


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, path, text in TEXTS if text in AMOUNTS])
def test_an_amount_with_more_zeros_is_the_same_amount(kind: str, path: Path) -> None:
    assert of(put(FULL[kind], path, "7.5")) == of(put(FULL[kind], path, "7.500"))


@pytest.mark.parametrize("kind", FULL)
def test_a_correlation_and_metadata_leave_no_trace_in_a_fingerprint(kind: str) -> None:
    stored = of(FULL[kind])
    assert b"order 7" not in stored
    assert b"branch" not in stored
