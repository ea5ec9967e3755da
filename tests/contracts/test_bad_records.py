"""Every bad record gets the code that stands beside it in the file, from the function that reads all records."""

from collections import Counter

import pytest

from contracts import headers
from contracts.catalog import Catalog
from contracts.diagnosis import RECORD_BYTES_MAX
from contracts.invalid import InvalidCode, NotUnderstood
from contracts.specs import ACTIVITY, EXPORTS, LEDGER, REVENUE
from tests.contracts.bad_records import BadRecord, bad_records

UNDERSTOOD = Catalog()
RECORDS = [record for context in (LEDGER, REVENUE, ACTIVITY, EXPORTS) for record in bad_records(context)]


def judged(record: BadRecord) -> NotUnderstood:
    beside = len(record.key or b"") + sum(len(name) + len(value or b"") for name, value in record.headers)
    answer = UNDERSTOOD.understand(record.context, record.value, said=headers.read(record.headers), other_bytes=beside)
    assert isinstance(answer, NotUnderstood), answer
    return answer


def test_there_are_enough_of_them_and_of_every_kind() -> None:
    codes = Counter(record.code for record in RECORDS)
    assert sum(codes.values()) >= 120
    elsewhere = {InvalidCode.WRONG_TOPIC, InvalidCode.INTERNAL_ERROR}  # no second context, and no bug, lies in a file
    assert codes.keys() == set(InvalidCode) - elsewhere
    assert len({record.name for record in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_bad_record_gets_its_code_and_its_place(record: BadRecord) -> None:
    answer = judged(record)
    assert (answer.code, answer.path, answer.command_id or None) == (record.code, record.path, record.command_id)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_what_is_said_about_a_bad_record_is_a_sentence_of_our_own(record: BadRecord) -> None:
    answer = judged(record)
    assert 20 <= len(answer.reason) <= 400
    assert answer.reason[0].isupper()
    assert answer.reason.endswith(".")
    assert answer.reason.isascii()
    assert answer.path.isascii()
    assert not any(secret in answer.reason + answer.path for secret in ("4111", "sk_live", "078", "1120"))


def test_a_record_of_just_the_right_size_is_read() -> None:
    (record,) = [each for each in RECORDS if each.name == "one byte too large"]
    assert record.value is not None
    assert len(record.value) == RECORD_BYTES_MAX + 1
    assert not isinstance(UNDERSTOOD.understand(LEDGER, record.value[:-1]), NotUnderstood)
