"""What may be wrong with a run, planted in a true one, and the check that has to find it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from partita.chaos.book_checks import ANSWER
from partita.chaos.topic_checks import DEAD, REPEAT, REUSE
from tests.chaos.model_run import CASH, Model

Plant = Callable[[Model], None]


def at(model: Model, kind: int, type_: str = "") -> int:
    """Return the index of the last event of a kind, and of a type if one is named."""
    return max(n for n, told in enumerate(model.events) if told.kind == kind and told.type.startswith(type_))


def spoilt(model: Model, index: int, **changed: Any) -> None:
    model.events[index] = replace(model.events[index], **changed)


def entry(model: Model, index: int, **changed: Any) -> None:
    model.entries[index] = replace(model.entries[index], **changed)


def first_of(model: Model, name: str) -> int:
    return next(n for n, each in enumerate(model.entries) if each.account_id == name)


def money_made(model: Model) -> None:
    entry(model, -1, amount_minor=model.entries[-1].amount_minor + 1)


def wrong_balance(model: Model) -> None:
    model.accounts[0] = replace(model.accounts[0], ledger_minor=model.accounts[0].ledger_minor + 1)


def wrong_availability(model: Model) -> None:
    model.accounts[0] = replace(model.accounts[0], available_minor=model.accounts[0].available_minor - 1)


def lost_account(model: Model) -> None:
    model.accounts = [each for each in model.accounts if each.account_id != "S-0"]


def two_answers(model: Model) -> None:
    spoilt(model, at(model, REPEAT), kind=ANSWER)


def entries_of_a_refusal(model: Model) -> None:
    refused = at(model, ANSWER, "transfer.rejected")
    entry(model, -1, seq=model.events[refused].seq)
    entry(model, -2, seq=model.events[refused].seq)


def posted_without_entries(model: Model) -> None:
    posted = model.events[at(model, ANSWER, "transfer.posted")]
    model.entries = [each for each in model.entries if each.seq != posted.seq]


def granted_without_entries(model: Model) -> None:
    granted = model.events[at(model, ANSWER, "advance.granted")]
    model.entries = [each for each in model.entries if each.seq != granted.seq]


def resent_otherwise(model: Model) -> None:
    model.results.append(replace(model.results[-1], offset=len(model.results), value=b'{"code":"other"}'))


def repeated_otherwise(model: Model) -> None:
    told = model.events[at(model, REPEAT)]
    change_result(model, told.seq, lambda said: said | {"amount": "0.01"})


def repeat_with_another_id(model: Model) -> None:
    told = model.events[at(model, REPEAT)]
    index = next(n for n, each in enumerate(model.results) if each.number("ce_sequence") == told.seq)
    headers = dict(model.results[index].headers) | {"ce_id": b"another"}
    model.results[index] = replace(model.results[index], headers=headers)


def reuse_accepted(model: Model) -> None:
    index = at(model, REUSE)
    payload = {"type": "transfer.posted", "replayed": False}
    spoilt(model, index, payload=payload)
    change_result(model, model.events[index].seq, lambda _said: payload)


def change_result(model: Model, seq: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    index = next(n for n, each in enumerate(model.results) if each.number("ce_sequence") == seq)
    said = change(json.loads(model.results[index].value or b""))
    model.results[index] = replace(model.results[index], value=json.dumps(said).encode())


def lost_by_kafka(model: Model) -> None:
    del model.records[-1]


def never_answered(model: Model) -> None:
    del model.events[-1]


def answered_twice(model: Model) -> None:
    spoilt(model, -1, source_offset=model.events[-2].source_offset)


def sent_by_a_stranger(model: Model) -> None:
    model.records[-1] = replace(model.records[-1], value=b"a stranger's")


def order_turned(model: Model) -> None:
    one, other = model.events[5].source_offset, model.events[6].source_offset
    spoilt(model, 5, source_offset=other)
    spoilt(model, 6, source_offset=one)


def seq_skipped(model: Model) -> None:
    spoilt(model, -1, seq=model.events[-1].seq + 1)


def entry_skipped(model: Model) -> None:
    del model.entries[first_of(model, CASH)]


def balance_after_wrong(model: Model) -> None:
    index = first_of(model, "S-0")
    entry(model, index, balance_after_minor=model.entries[index].balance_after_minor + 1)


def entries_turned(model: Model) -> None:
    """The second entry of an account is of the event before the first one's."""
    one, other = (n for n, each in enumerate(model.entries) if each.account_id == CASH and each.entry_no <= 2)
    first, second = model.entries[one].seq, model.entries[other].seq
    entry(model, one, seq=second)
    entry(model, other, seq=first)


def never_published(model: Model) -> None:
    del model.results[-1]


def published_late(model: Model) -> None:
    one, other = model.results[-1], model.results[-2]
    model.results[-1], model.results[-2] = (
        replace(one, offset=other.offset),
        replace(other, offset=one.offset),
    )


def published_by_nobody(model: Model) -> None:
    headers = {"partita_lane": b"0", "ce_sequence": b"999999", "ce_id": b"1"}
    model.results.append(replace(model.results[-1], offset=len(model.results), headers=headers))


def below_the_limit(model: Model) -> None:
    entry(model, debited(model, "transfer.posted"), balance_after_minor=-1_001)


def taken_back_from_nothing(model: Model) -> None:
    entry(model, debited(model, "transfer.reversed"), balance_after_minor=-1)


def debited(model: Model, type_: str) -> int:
    """Return the index of the last debit of a tight account under an answer of a type, that nobody else paid."""
    for told in reversed(model.events):
        said = told.payload or {}
        if told.kind == ANSWER and told.type == type_ and not said["overdraft"]["protected_by"]:
            one = said["entries"][0]
            if one["direction"] == "DEBIT" and one["account_id"].startswith("T-"):
                return next(
                    n for n, each in enumerate(model.entries)
                    if (each.account_id, each.entry_no) == (one["account_id"], one["entry_no"])
                )  # fmt: skip
    raise AssertionError("there is none")


def hold_forgotten(model: Model) -> None:
    """What is set aside is told to be available."""
    index = next(
        n for n, each in enumerate(model.accounts) if each.partition < 0 and each.available_minor < each.ledger_minor
    )
    model.accounts[index] = replace(model.accounts[index], available_minor=model.accounts[index].ledger_minor)


def capture_without_entries(model: Model) -> None:
    captured = model.events[at(model, ANSWER, "settlement.posted")]
    model.entries = [each for each in model.entries if each.seq != captured.seq]


def poison_swallowed(model: Model) -> None:
    del model.dead[0]


def neighbour_buried(model: Model) -> None:
    model.dead.append(replace(model.dead[0], headers=dict(model.dead[0].headers) | {"dlq-offset": b"0"}))


def poison_changed(model: Model) -> None:
    model.dead[0] = replace(model.dead[0], value=b"otherwise")


def poison_without_a_reason(model: Model) -> None:
    headers = {name: value for name, value in model.dead[0].headers.items() if name != "dlq-code"}
    model.dead[0] = replace(model.dead[0], headers=headers)


def command_buried(model: Model) -> None:
    spoilt(model, at(model, ANSWER), kind=DEAD)


def moved_twice(model: Model) -> None:
    """A steady account is paid once more than it was asked for, in books that are right by themselves."""
    index = first_of(model, "S-3")
    model.entries += [model.entries[index], replace(model.entries[index], account_id=CASH)]


PLANTS: list[tuple[Plant, str]] = [
    (money_made, "I1"),
    (wrong_balance, "I2"),
    (wrong_availability, "I2"),
    (hold_forgotten, "I2"),
    (lost_account, "I2"),
    (two_answers, "I3"),
    (entries_of_a_refusal, "I3"),
    (posted_without_entries, "I3"),
    (granted_without_entries, "I3"),
    (capture_without_entries, "I3"),
    (resent_otherwise, "I4"),
    (repeated_otherwise, "I4"),
    (repeat_with_another_id, "I4"),
    (reuse_accepted, "I4"),
    (lost_by_kafka, "I5"),
    (never_answered, "I5"),
    (answered_twice, "I5"),
    (sent_by_a_stranger, "I5"),
    (order_turned, "I6"),
    (seq_skipped, "I6"),
    (entry_skipped, "I6"),
    (balance_after_wrong, "I6"),
    (entries_turned, "I6"),
    (never_published, "I7"),
    (published_late, "I7"),
    (published_by_nobody, "I7"),
    (below_the_limit, "I8"),
    (taken_back_from_nothing, "I8"),
    (poison_swallowed, "I14"),
    (neighbour_buried, "I14"),
    (poison_changed, "I14"),
    (poison_without_a_reason, "I14"),
    (command_buried, "I14"),
    (moved_twice, "as_without_faults"),
]
