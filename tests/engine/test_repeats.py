"""Repeats and reuse: a command spelt otherwise, another under its id, in one batch and across partitions."""

import json
from typing import Any, Final

import pytest

from processor.engine.events import Kind
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, fill, moving, names, paying_in

FRAME: Final = {"requested_at": "2026-01-02T03:04:05Z", "correlation_id": "another", "metadata": {"desk": "9"}}


def raw(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode()


def spelt(kind: str, account: str, other: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]:
    """Return a command, the same one spelt otherwise, another one, and the fields in which that differs."""
    account_id = {"account_id": account}
    move = {"source_account_id": account, "destination_account_id": other, "amount": "1.50"}
    turned = {"source_account_id": other, "destination_account_id": account, "direction": "credit", "amount": "1.5"}
    table: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = {
        "account.set_overdraft": (
            account_id | {"overdraft_limit": "10"},
            account_id | {"overdraft_limit": "10.00"},
            account_id | {"overdraft_limit": "10.01"},
            ["overdraft_limit"],
        ),
        "account.freeze": (
            account_id | {"reason": "a"},
            account_id | {"reason": "a"},
            account_id | {"reason": "b"},
            ["reason"],
        ),
        "transfer.deposit": (
            account_id | {"amount": "1.50"},
            account_id | {"amount": "1.5", "reason": "", "reference": ""},
            account_id | {"amount": "1.50", "currency": "EUR"},
            ["currency"],
        ),
        "transfer.withdraw": (
            account_id | {"amount": "2"},
            account_id | {"amount": "2.00"},
            {"account_id": other, "amount": "2", "reference": "r"},
            ["account_id", "reference"],
        ),
        "transfer.make": (
            move,
            turned,
            move | {"direction": "credit"},
            ["destination_account_id", "source_account_id"],
        ),
        "transfer.batch": (
            {"legs": [move]},
            {"legs": [turned], "source_account_id": other},
            {"legs": [move, move]},
            ["legs"],
        ),
    }
    return table[kind]


KINDS: Final = [
    *("account.set_overdraft", "account.freeze", "transfer.deposit"),
    *("transfer.withdraw", "transfer.make", "transfer.batch"),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_repeat_is_known_however_it_is_spelt_and_wherever_it_comes(desk: Desk, kind: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command, same, _, _ = spelt(kind, a, b)
    frame = {"command_id": new_command_id(), "type": kind}
    answer = await desk.one(raw(frame | command))
    books = await desk.books()

    capital = frame | {"command_id": frame["command_id"].upper()}
    again = [await desk.one(raw(capital | same | FRAME)), await desk.one(raw(frame | same), partition=2)]

    assert answer.kind == Kind.ANSWER
    for repeat in again:
        assert (repeat.kind, repeat.id, repeat.key, repeat.type) == (Kind.REPEAT, answer.id, answer.key, answer.type)
    assert await desk.books() == books


@pytest.mark.parametrize("kind", KINDS)
async def test_another_command_under_the_id_is_told_in_what_it_differs(desk: Desk, kind: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command, _, other, fields = spelt(kind, a, b)
    frame = {"command_id": new_command_id(), "type": kind}
    answer = await desk.one(raw(frame | command))
    rows = await desk.connection.fetchval("SELECT count(*) FROM transaction")

    reuse = await desk.one(raw(frame | other), partition=1)

    assert reuse.kind == Kind.REUSE
    assert reuse.type == f"{kind.partition('.')[0]}.rejected"
    assert (reuse.body["code"], reuse.body["details"]) == ("command_id_reused", {"fields": fields})
    assert "transaction_id" not in reuse.body
    assert reuse.id != answer.id
    assert await desk.connection.fetchval("SELECT count(*) FROM transaction") == rows
    assert (await desk.one(raw(frame | command), partition=3)).id == answer.id


async def test_in_one_batch_the_first_is_answered_the_same_repeated_and_another_refused(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")
    other = paying_in(a, "7").__class__(command_id=command.command_id, account_id=a, amount="7")

    told = await desk.tell(command, other, command, other)

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.REUSE, Kind.REPEAT, Kind.REUSE]
    assert told[1].id != told[3].id
    assert await desk.balance(a) == 9900


async def test_in_one_batch_the_lower_partition_answers_and_the_others_repeat_or_are_refused(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")
    other = moving(a, b, "2")
    reused = type(other)(
        **{name: getattr(other, name) for name in other.__struct_fields__} | {"command_id": command.command_id}
    )
    before = {partition: await desk.last_seq(partition) for partition in (0, 1, 2)}

    await desk.run([desk.part(command, partition=0), desk.part(command, partition=1), desk.part(reused, partition=2)])

    told = [(await desk.told(partition, above=before[partition]))[0] for partition in (0, 1, 2)]
    assert [each.kind for each in told] == [Kind.ANSWER, Kind.REPEAT, Kind.REUSE]
    assert told[0].id == told[1].id
    assert told[2].body["details"] == {"fields": ["amount"]}
    assert await desk.balance(a) == 9900


async def test_a_refused_reuse_is_not_the_answer_of_its_id(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1000")
    refused = await desk.one(command)
    reuse = await desk.one(raw({"command_id": command.command_id, "type": "account.close", "account_id": a}))
    repeat = await desk.one(command)

    assert refused.body["code"] == "insufficient_funds"
    assert reuse.body["details"]["fields"] == [
        "account_id",
        "amount",
        "destination_account_id",
        "source_account_id",
        "type",
    ]
    assert (repeat.kind, repeat.id) == (Kind.REPEAT, refused.id)
