"""Tokens: read by whoever has the secret, and by nobody else; none that was changed passes for another."""

import subprocess
import sys

import pytest
from msgspec import Struct

from processor.engine.tokens import Seal
from processor.errors import Declined
from tests.house.tree import ROOT


class Place(Struct):
    page: int
    account: str = ""


def seal(secret: bytes = b"secret", *, purpose: str = "test") -> Seal[Place]:
    return Seal(secret, purpose=purpose, content=Place)


def code_of(reader: Seal[Place], token: str) -> str:
    with pytest.raises(Declined) as declined:
        reader.read(token)
    return declined.value.code


def test_a_token_is_read_by_every_process_that_has_the_secret() -> None:
    told = "from tests.engine.test_tokens import *; print(seal().write(Place(7, 'alice')))"
    written = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)
    assert seal().read(written.stdout.strip()) == Place(7, "alice")


@pytest.mark.parametrize(
    "reader", [seal(b"another"), seal(b""), seal(purpose="other")], ids=["secret", "none", "purpose"]
)
def test_a_token_of_another_secret_or_purpose_is_none(reader: Seal[Place]) -> None:
    assert code_of(reader, seal().write(Place(7))) == "token_invalid"


def test_a_token_that_was_changed_anywhere_is_none() -> None:
    token = seal().write(Place(7, "alice"))
    for place, character in enumerate(token):
        for other in {"A", "B", "_", "-", "9"} - {character}:
            assert code_of(seal(), token[:place] + other + token[place + 1 :]) == "token_invalid"
    for place in range(len(token)):
        assert code_of(seal(), token[:place]) == "token_invalid"


@pytest.mark.parametrize("token", ["", " ", "=", "é", "\n", "AAAA", "{}", "A" * 10_000, "not a token"])
def test_what_was_never_a_token_is_none(token: str) -> None:
    assert code_of(seal(), token) == "token_invalid"
    assert code_of(seal(), seal().write(Place(7)) + token + "=") == "token_invalid"


def test_a_token_of_a_version_that_put_other_things_into_it_is_none() -> None:
    class Other(Struct):
        name: str

    token = Seal(b"secret", purpose="test", content=Other).write(Other("x"))
    assert code_of(seal(), token) == "token_invalid"
