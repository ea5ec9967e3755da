"""The oracle against a run written by hand, every balance worked out on paper, then spoilt one way each.

It is worth what it finds: each fault below was planted, and a run without one leaves it silent.
"""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.currencies import EXPONENTS
from partita.oracle.books import DECIMALS
from partita.oracle.commands import same
from partita.oracle.judge import judge
from partita.oracle.rules import Bank
from partita.sample import paysim
from tests.sample.larger import larger

HERE = Path(__file__).parent
NOW = "2026-01-01T00:00:00.000000Z"
Json = dict[str, Any]
Run = dict[str, list[Json]]

# partition offset | instant seq kind | command id and body, or what came instead | type and code told
STORY = """
0 10 | 1 1 1 | a0 account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=10 | account.opened
1 20 | 1 1 1 | b0 account.open account_id=B account_type=SAVINGS currency=USD | account.opened
0 11 | 2 2 1 | a1 transfer.deposit account_id=A amount=100.00 | transfer.posted
0 12 | 3 3 1 | a2 transfer.make from=A to=B amount=70 | transfer.posted
1 21 | 4 2 1 | b1 transfer.withdraw account_id=B amount=20.00 currency=USD | transfer.posted
0 13 | 5 4 1 | a3 transfer.make from=A to=B amount=40.01 | transfer.rejected insufficient_funds
0 14 | 5 5 1 | a4 transfer.make from=A to=B amount=40.00 | transfer.posted
0 15 | 5 6 2 | a2 transfer.make from=B to=A direction=credit amount=70.0 | transfer.posted
0 16 | 5 7 3 | a2 transfer.make from=A to=B amount=71 | transfer.rejected command_id_reused
0 18 | 5 8 5 | not json |
1 22 | 6 3 1 | b2 account.freeze account_id=B reason=lost | account.frozen
1 23 | 6 4 1 | b3 transfer.withdraw account_id=B amount=1 | transfer.rejected account_frozen
1 24 | 6 5 1 | b4 account.unfreeze account_id=B reason=found | account.unfrozen
0 19 | 7 9 1 | a5 transfer.reverse account_id=A transaction_id=a4 | transfer.reversed
1 25 | 8 6 1 | b5 account.close account_id=B payout_account_id=A | account.closed
"""
ENTRIES = """
A 1 0 2 10000 10000
A 2 0 3 -7000 3000
A 3 0 5 -4000 -1000
A 4 0 9 4000 3000
A 5 1 6 5000 8000
B 1 0 3 7000 7000
B 2 1 2 -2000 5000
B 3 0 5 4000 9000
B 4 0 9 -4000 5000
B 5 1 6 -5000 0
house:cash:USD 1 0 2 -10000 -10000
house:cash:USD 1 1 2 2000 2000
"""
ACCOUNTS = """
A - USD 8000 8000 ACTIVE
B - USD 0 0 CLOSED
house:cash:USD 0 USD -10000 -10000 -
house:cash:USD 1 USD 2000 2000 -
"""
SHORT = {"from": "source_account_id", "to": "destination_account_id"}
# What each answer shows: the transaction's amount and its entries (account, number, type, amount, balance after).
SHOWN = {
    "a1": ("100.00", "0.00", ["A 1 DEPOSIT CREDIT 100.00 100.00"]),
    "a2": ("70.00", "0.00", ["A 2 TRANSFER_OUT DEBIT 70.00 30.00", "B 1 TRANSFER_IN CREDIT 70.00 70.00"]),
    "b1": ("20.00", "0.00", ["B 2 WITHDRAWAL DEBIT 20.00 50.00"]),
    "a4": ("40.00", "10.00", ["A 3 TRANSFER_OUT DEBIT 40.00 -10.00", "B 3 TRANSFER_IN CREDIT 40.00 90.00"]),
    "a5": ("40.00", "0.00", ["B 4 REVERSAL DEBIT 40.00 50.00", "A 4 REVERSAL CREDIT 40.00 30.00"]),
}
# status, balance, overdraft limit, used, as each answer about an account shows them
STATES = {
    "a0": ("CHECKING", "ACTIVE", "0.00", "10.00"),
    "b0": ("SAVINGS", "ACTIVE", "0.00", "0.00"),
    "b2": ("SAVINGS", "FROZEN", "90.00", "0.00"),
    "b4": ("SAVINGS", "ACTIVE", "90.00", "0.00"),
    "b5": ("SAVINGS", "CLOSED", "0.00", "0.00"),
}


def uuid(short: str) -> str:
    return f"{short}000000-0000-8000-8000-000000000000"


def at(instant: str) -> str:
    return f"2026-01-01T00:00:0{instant}.000000Z"


def story() -> Run:
    run: Run = {"commands": [], "answers": [], "entries": [], "accounts": []}
    for line in STORY.strip().splitlines():
        record, stamp, said, told = (part.split() for part in line.split("|"))
        partition, offset = map(int, record)
        instant, seq, kind = stamp
        short, *body = said
        command: Json | None = None
        if kind != "5":
            pairs = {SHORT.get(name, name): value for name, value in (pair.split("=") for pair in body[1:])}
            if "transaction_id" in pairs:
                pairs["transaction_id"] = uuid(pairs["transaction_id"])
            command = {"type": body[0], "command_id": uuid(short), **pairs}
        value = json.dumps(command) if command else " ".join(said)
        run["commands"].append({"partition": partition, "offset": offset, "value": value})
        run["answers"].append({
            "partition": partition, "seq": int(seq), "kind": int(kind), "source_offset": offset,
            "occurred_at": at(instant), "command_id": uuid(short) if command else None,
            "type": told[0] if told else "dead_letter",
            "payload": payload(short, command, told, at(instant)) if command and kind != "2" else None,
        })  # fmt: skip
    names = ["account_id", "entry_no", "partition", "seq", "amount_minor", "balance_after_minor"]
    run["entries"] = table(names, ENTRIES)
    run["accounts"] = table(
        ["account_id", "partition", "currency", "ledger_minor", "available_minor", "status"], ACCOUNTS
    )
    return run


def table(names: list[str], text: str) -> list[Json]:
    rows = (["" if cell == "-" else cell for cell in line.split()] for line in text.strip().splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows]


def payload(short: str, command: Json, told: list[str], instant: str) -> Json:
    frame = {"type": told[0], "command_id": uuid(short), "command_type": command["type"], "occurred_at": instant}
    if len(told) > 1:
        return frame | {"code": told[1], "reason": "...", "details": {"account_id": command.get("account_id")}}
    if short in STATES:
        account_type, status, balance, limit = STATES[short]
        opened = {
            "account_id": short[0].upper(), "account_type": account_type, "currency": "USD", "status": status,
            "product": "plain", "customer_id": None, "ledger_balance": balance, "available_balance": balance,
            "overdraft_limit": limit, "overdraft_used": "0.00", "protection_account_id": None,
            "opened_at": at("1"), "closed_at": instant if status == "CLOSED" else None,
        }  # fmt: skip
        return frame | opened | ({"purpose": command["reason"]} if "reason" in command else {})
    amount, used, entries = SHOWN[short]
    view = {"used": used, "fee": "0.00", "waived": False, "protected_by": None, "fee_refunded": "0.00"}
    fields: Json = {"transaction_id": uuid(short), "amount": amount, "currency": "USD", "overdraft": view}
    if "transaction_id" in command:
        fields["original_transaction_id"] = command["transaction_id"]
    names = ["account_id", "entry_no", "entry_type", "direction", "amount", "balance_after"]
    shown = table(names, "\n".join(entries))
    fields["entries"] = [
        one | {"entry_no": int(one["entry_no"]), "available_after": one["balance_after"]} for one in shown
    ]
    return frame | fields


def write(folder: Path, run: Run) -> Path:
    for name in ("commands", "answers"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in run[name]))
    for name in ("entries", "accounts"):
        with (folder / f"{name}.csv").open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(run[name][0]))
            writer.writeheader()
            writer.writerows(run[name])
    return folder


def test_a_true_run_leaves_it_silent(tmp_path: Path) -> None:
    assert judge(write(tmp_path, story())) == []


@pytest.mark.parametrize(
    ("partition", "instant", "justified"),
    [(1, "00:00:05.000000", True), (1, "00:00:11.000001", False), (0, "00:00:05.000000", False)],
)
def test_not_found_is_justified_only_while_another_partition_opens_the_account(
    tmp_path: Path,
    partition: int,
    instant: str,
    justified: bool,  # noqa: FBT001 - a table's column
) -> None:
    run = story()
    seq, offset = (7, 26) if partition == 1 else (10, 20)
    when = f"2026-01-01T00:{instant[3:]}Z"
    late = {"type": "transfer.deposit", "command_id": uuid("c1"), "account_id": "A", "amount": "1"}
    refusal = {
        "type": "transfer.rejected",
        "occurred_at": when,
        "code": "account_not_found",
        "details": {"account_id": "A"},
    }
    run["commands"].append({"partition": partition, "offset": offset, "value": json.dumps(late)})
    run["answers"].append({
        "partition": partition, "seq": seq, "kind": 1, "source_offset": offset, "occurred_at": when,
        "command_id": uuid("c1"), "type": "transfer.rejected", "payload": refusal,
    })  # fmt: skip
    found = [one for one in judge(write(tmp_path, run)) if "account_not_found" in one]

    assert (found == []) == justified


def answer(run: Run, short: str) -> Json:
    return next(row for row in run["answers"] if row["command_id"] == uuid(short))


def wrong_decline(run: Run) -> None:
    told = answer(run, "a2")
    told |= {"type": "transfer.rejected"}
    told["payload"] = {"type": told["type"], "occurred_at": told["occurred_at"], "code": "insufficient_funds"}


def wrong_code(run: Run) -> None:
    answer(run, "b3")["payload"]["code"] = "insufficient_funds"


def accepted_overdraft(run: Run) -> None:
    told = answer(run, "a3")
    told["type"] = told["payload"]["type"] = "transfer.posted"
    del told["payload"]["code"]


def lost_command(run: Run) -> None:
    run["commands"].append({"partition": 1, "offset": 26, "value": run["commands"][4]["value"]})


def invented_command(run: Run) -> None:
    del run["commands"][4]


def doubled_record(run: Run) -> None:
    run["answers"].append(answer(run, "b4") | {"seq": 7, "occurred_at": at("9"), "kind": 2})


def doubled_effect(run: Run) -> None:
    lost_command(run)
    run["answers"].append(answer(run, "b1") | {"seq": 7, "occurred_at": at("9"), "source_offset": 26})


def wrong_balance_after(run: Run) -> None:
    run["entries"][1]["balance_after_minor"] = "3001"


def wrong_balance_shown(run: Run) -> None:
    answer(run, "a2")["payload"]["entries"][0]["balance_after"] = "30.01"


def entry_gap(run: Run) -> None:
    run["entries"][3]["entry_no"] = "6"


def missing_entry(run: Run) -> None:
    del run["entries"][-1]


def invented_entry(run: Run) -> None:
    run["entries"].append(dict(run["entries"][0], entry_no="6", seq="1", amount_minor="1", balance_after_minor="8001"))


def gap_in_seq(run: Run) -> None:
    for row in run["answers"]:
        row["seq"] += row["partition"] == 1 and row["seq"] > 4


def order_broken(run: Run) -> None:
    first, second = answer(run, "b0"), answer(run, "b1")
    first["source_offset"], second["source_offset"] = second["source_offset"], first["source_offset"]
    run["commands"][1]["offset"], run["commands"][4]["offset"] = 21, 20


def time_turned_back(run: Run) -> None:
    answer(run, "b1")["occurred_at"] = at("0")


def dead_command(run: Run) -> None:
    answer(run, "b4").update(kind=5, payload=None)


def answered_rubbish(run: Run) -> None:
    run["answers"][9].update(kind=1, command_id=uuid("ff"), type="account.opened", payload={})


def repeat_of_another(run: Run) -> None:
    run["commands"][8]["value"] = run["commands"][3]["value"]


def reuse_as_repeat(run: Run) -> None:
    run["answers"][8].update(kind=2)


def wrong_end(run: Run) -> None:
    run["accounts"][0]["ledger_minor"] = "8001"


def wrong_status(run: Run) -> None:
    run["accounts"][1]["status"] = "ACTIVE"


def missing_account(run: Run) -> None:
    del run["accounts"][1]


FAULTS: list[tuple[Callable[[Run], None], str]] = [
    (wrong_decline, "event 3 of partition 0 .*: says insufficient_funds, right is transfer.posted yes"),
    (wrong_code, "event 4 of partition 1 .*: says insufficient_funds, right is transfer.rejected account_frozen"),
    (accepted_overdraft, "event 4 of partition 0 .*: says yes, right is transfer.rejected insufficient_funds"),
    (lost_command, "lost: offset 26 of partition 1 has no answer"),
    (invented_command, "invented: offset 21 of partition 1 is answered and was never published"),
    (doubled_record, "doubled: offset 24 of partition 1 is answered 2 times"),
    (doubled_effect, "doubled: event 7 of partition 1 .* is a second answer"),
    (wrong_balance_after, "account A: entry 2 leaves 3001, right is 3000"),
    (wrong_balance_shown, "event 3 of partition 0 .*: its entries is "),
    (entry_gap, "account A: entry 4 is missing"),
    (missing_entry, "the entries of event 2 of partition 1 sum to -2000"),
    (invented_entry, "event 1 of partition 0 .*: its entries are .*, right are "),
    (gap_in_seq, "partition 1: its events are not numbered 1, 2, 3 ..."),
    (order_broken, "event 2 of partition 1 .*: answers offset 20 after offset 21"),
    (time_turned_back, "event 2 of partition 1 .*: was decided before the event before it"),
    (dead_command, "event 5 of partition 1 .*: its record is a command"),
    (answered_rubbish, "event 8 of partition 0 .*: its record is no command"),
    (repeat_of_another, "event 7 of partition 0 .*: is told as a reuse and is none"),
    (reuse_as_repeat, "event 7 of partition 0 .*: is told as a repeat and is none"),
    (wrong_end, "account A: ends as .8001, "),
    (wrong_status, "account B: ends as .*ACTIVE"),
    (missing_account, "account B: is missing"),
]


@pytest.mark.parametrize(("plant", "finding"), FAULTS, ids=[plant.__name__ for plant, _ in FAULTS])
def test_a_planted_fault_is_found(tmp_path: Path, plant: Callable[[Run], None], finding: str) -> None:
    run = story()
    plant(run)
    found = judge(write(tmp_path, run))

    assert any(re.match(finding, one) for one in found), found


def test_as_a_program_it_fails_with_its_findings(tmp_path: Path) -> None:
    run = story()
    wrong_end(run)
    asked = [sys.executable, "-m", "partita.oracle", str(write(tmp_path, run))]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert said.returncode == 1, said.stderr
    assert said.stdout.startswith("account A: ends as (8001")


def test_its_currencies_are_those_of_the_published_list() -> None:
    assert DECIMALS == EXPONENTS


def test_it_agrees_with_the_known_answers_of_the_sample() -> None:
    bank = Bank()
    commands = [msgspec.to_builtins(command) for command in paysim.everything()]
    codes = [bank.decide(command, NOW).fields.get("code") for command in commands]

    assert codes.count("insufficient_funds") == paysim.DECLINES
    assert set(codes) == {None, "insufficient_funds"}
    ends = {account_id: account.balance for account_id, account in bank.accounts.items()}
    assert ends == {account_id: Decimal(text) for account_id, text in paysim.expected_balances().items()}


def test_it_agrees_with_a_larger_run_of_the_same_kind() -> None:
    made, bank = larger(11, 200, 10_000), Bank()
    declined = {
        command["command_id"]
        for command in made.commands
        if bank.decide(command, NOW).fields.get("code") == "insufficient_funds"
    }

    assert declined == made.declined
    assert {account_id: account.text(account.balance) for account_id, account in bank.accounts.items()} == made.balances


# One attempt a line, in the state that those before it left: command -> code, or posted.
ATTEMPTS = """
account.open account_id=A account_type=CHECKING currency=XXX -> currency_unknown
account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=0.001 -> amount_invalid
account.open account_id=house:cash:USD account_type=CHECKING currency=USD -> account_reserved
account.open account_id=A account_type=CHECKING currency=USD customer_id=C -> customer_not_found
account.open account_id=A account_type=CHECKING currency=USD product=gold -> product_not_found
account.open account_id=A account_type=CHECKING currency=USD overdraft_limit=5 -> yes
account.open account_id=A account_type=CHECKING currency=USD customer_id=C -> account_exists
account.open account_id=B account_type=CHECKING currency=USD product=plain -> yes
account.open account_id=Y account_type=CHECKING currency=JPY -> yes
account.set_overdraft account_id=Y overdraft_limit=1.0 -> amount_invalid
account.set_overdraft account_id=N overdraft_limit=1.0 -> account_not_found
transfer.deposit account_id=Y amount=100.5 -> amount_invalid
transfer.deposit account_id=A amount=10000000000000.00 -> amount_invalid
transfer.deposit account_id=A amount=9999999999999.99 -> yes
transfer.withdraw account_id=A amount=9999999999999.99 -> yes
transfer.deposit account_id=house:cash:USD amount=1 currency=USD -> account_reserved
transfer.deposit account_id=A amount=1 currency=EUR -> currency_differs
transfer.make source_account_id=A destination_account_id=A amount=1 -> accounts_must_differ
transfer.make source_account_id=A destination_account_id=N amount=1 -> account_not_found
transfer.make source_account_id=A destination_account_id=Y amount=1 -> currency_differs
transfer.make source_account_id=A destination_account_id=B amount=5.01 -> insufficient_funds
transfer.make source_account_id=A destination_account_id=B amount=5.00 -> yes
account.set_overdraft account_id=A overdraft_limit=4.99 -> overdraft_in_use
account.set_overdraft account_id=A overdraft_limit=5.00 -> yes
account.freeze account_id=B reason=r -> yes
account.freeze account_id=B reason=r -> account_already_frozen
transfer.make source_account_id=B destination_account_id=A amount=1 -> account_frozen
transfer.reverse account_id=A transaction_id=22 -> account_frozen
account.close account_id=B payout_account_id=A -> balance_not_zero
account.unfreeze account_id=B reason=r -> yes
account.unfreeze account_id=B reason=r -> account_not_frozen
transfer.reverse account_id=B transaction_id=22 -> account_differs
transfer.reverse account_id=A transaction_id=99 -> transaction_not_found
transfer.reverse account_id=A transaction_id=21 -> not_reversible
transfer.withdraw account_id=B amount=1 -> yes
transfer.reverse account_id=A transaction_id=22 -> insufficient_funds
transfer.deposit account_id=B amount=1 -> yes
transfer.reverse account_id=A transaction_id=22 -> yes
transfer.reverse account_id=A transaction_id=22 -> already_reversed
transfer.reverse account_id=A transaction_id=38 -> account_differs
transfer.deposit account_id=B amount=2 -> yes
account.close account_id=B -> balance_not_zero
account.close account_id=B payout_account_id=N -> payout_account_not_found
account.close account_id=B payout_account_id=B -> accounts_must_differ
account.close account_id=B payout_account_id=Y -> currency_differs
account.close account_id=B payout_account_id=A -> yes
account.close account_id=B -> account_closed
transfer.deposit account_id=B amount=2 -> account_closed
transfer.reverse account_id=B transaction_id=41 -> account_closed
transfer.reverse account_id=B transaction_id=46 -> not_reversible
account.close account_id=A payout_account_id=B -> payout_account_closed
transfer.deposit account_id=N amount=2 -> account_not_found
account.close account_id=N payout_account_id=house:cash:USD -> account_reserved
account.close account_id=B payout_account_id=house:cash:USD -> account_reserved
"""


def test_its_rules_answer_by_precedence() -> None:
    bank = Bank()
    for number, line in enumerate(ATTEMPTS.strip().splitlines(), 1):
        said, _, right = line.partition(" -> ")
        type_, *pairs = said.split()
        answered = bank.decide({"type": type_, "command_id": str(number), **dict(p.split("=") for p in pairs)}, NOW)

        assert answered.fields.get("code", "yes") == right, f"{number}: {line}"


def test_a_repeat_is_recognised_after_normalising() -> None:
    opening = {
        "type": "account.open",
        "command_id": "1",
        "account_id": "A",
        "account_type": "SAVINGS",
        "currency": "USD",
    }
    assert same(opening, opening | {"product": "plain", "overdraft_limit": "0.00", "metadata": {"a": "b"}})
    assert same(opening | {"customer_id": "C"}, opening | {"customer_id": "C", "product": "savings"})
    assert not same(opening, opening | {"customer_id": "C"})
    assert not same(opening, opening | {"overdraft_limit": "1"})


def leg(source: str, destination: str, amount: str) -> Json:
    return {"source_account_id": source, "destination_account_id": destination, "amount": amount}


def test_a_batch_moves_all_of_its_legs_or_none_and_goes_back_last_leg_first() -> None:
    bank = Bank()

    def say(number: str, type_: str, **fields: Any) -> Any:
        return bank.decide({"type": type_, "command_id": number, **fields}, NOW)

    for account_id in "ABC":
        say(account_id, "account.open", account_id=account_id, account_type="CHECKING", currency="USD")
    say("1", "transfer.deposit", account_id="A", amount="10")
    no = say("2", "transfer.batch", legs=[leg("A", "B", "10"), leg("B", "C", "11")])
    assert no.fields == {"code": "leg_refused", "details": {"index": 1, "code": "insufficient_funds"}}
    assert [bank.accounts[one].balance for one in "ABC"] == [10, 0, 0]
    assert [bank.accounts[one].entries for one in "ABC"] == [1, 0, 0]

    yes = say("3", "transfer.batch", legs=[leg("A", "B", "10"), leg("B", "C", "10")])
    assert (yes.fields["amount"], len(yes.fields["overdraft"])) == ("20.00", 2)
    back = say("4", "transfer.reverse", account_id="A", transaction_id="3")
    assert [(one["account_id"], one["amount"]) for one in back.fields["entries"]] == [
        ("C", "10.00"), ("B", "10.00"), ("B", "10.00"), ("A", "10.00"),
    ]  # fmt: skip
    assert [bank.accounts[one].balance for one in "ABC"] == [10, 0, 0]
