"""Ids: the sender's own words for accounts, UUIDs for commands; the house's are nobody's."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import BusinessId, CommandId, is_reserved, uuid_bytes, uuid_text


def accepts(kind: Any, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@given(st.uuids(), st.sampled_from([str.lower, str.upper, str.title]))
def test_a_uuid_is_the_same_16_bytes_in_any_case(uuid: UUID, case: Any) -> None:
    text = case(str(uuid))
    assert accepts(CommandId, text)
    assert uuid_bytes(text) == uuid.bytes
    assert uuid_text(uuid.bytes) == str(uuid)
    assert uuid_text(uuid_bytes(text)) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0190a0e00000700080000000000000aa",
        "{0190a0e0-0000-7000-8000-0000000000aa}",
        "urn:uuid:0190a0e0-0000-7000-8000-0000000000aa",
        "0190a0e0-0000-7000-8000-0000000000a",
        "0190a0e0-0000-7000-8000-0000000000aaa",
        "0190a0e0-0000-7000-8000-0000000000ag",
        "0190a0e0-0000-7000-80000-000000000aa",
        "0190a0e0-0000-7000-8000-0000000000aa\n",
        " 0190a0e0-0000-7000-8000-0000000000aa",
        "0190a0e0-0000-7000-8000-0000000000a１",
        "0190a0e0_0000_7000_8000_0000000000aa",
    ],
)
def test_only_the_plain_text_form_of_a_uuid_is_a_command_id(text: str) -> None:
    assert not accepts(CommandId, text)


@given(st.text(alphabet="AZaz09._:-", min_size=1, max_size=64))
def test_a_business_id_is_any_word_of_its_alphabet(text: str) -> None:
    assert accepts(BusinessId, text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a/b", "ä", "１", "a\n", "\na", "a\x00", "a" * 65, "a,b", "a@b", "a\u200b"]
)
def test_anything_else_is_no_business_id(text: str) -> None:
    assert not accepts(BusinessId, text)


@pytest.mark.parametrize("text", ["house:", "house:cash:EUR", "house:anything"])
def test_ids_of_the_house_are_reserved(text: str) -> None:
    assert is_reserved(text)


@pytest.mark.parametrize("text", ["house", "House:cash:EUR", "household", "my.house:cash", "a-house:"])
def test_ids_that_only_sound_like_the_house_are_not(text: str) -> None:
    assert not is_reserved(text)
