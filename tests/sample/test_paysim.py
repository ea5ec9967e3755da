"""The sample says what its files say, the same way every time, and its known answers are true."""

import csv
import gzip
import json
import uuid
from decimal import Decimal
from pathlib import Path

import msgspec

from contracts.catalog import Catalog
from contracts.envelope import Command
from contracts.specs import LEDGER
from contracts.transfers import TransferDeposit, TransferMake, TransferWithdraw
from partita.sample import paysim
from tests.sample.larger import larger

FILES = Path(paysim.__file__).parent


def test_it_has_as_many_commands_as_it_says() -> None:
    assert len(list(paysim.opening())) == paysim.ACCOUNTS == 1110
    assert len(list(paysim.deposits())) == paysim.DEPOSITS
    assert len(list(paysim.commands())) == paysim.MOVEMENTS == 64553


def test_each_row_becomes_the_command_that_its_action_means() -> None:
    with gzip.open(FILES / "commands.csv.gz", "rt") as text:
        rows = list(csv.DictReader(text))
    means: dict[str, tuple[type[Command], tuple[str, ...]]] = {
        "CASH_IN": (TransferDeposit, ("from",)),
        "CASH_OUT": (TransferWithdraw, ("from",)),
        "DEBIT": (TransferWithdraw, ("from",)),
        "TRANSFER": (TransferMake, ("from", "to")),
        "PAYMENT": (TransferMake, ("from", "to")),
    }
    for row, command in zip(rows, paysim.commands(), strict=True):
        model, sides = means[row["action"]]
        assert type(command) is model
        told = msgspec.to_builtins(command)
        names = ("source_account_id", "destination_account_id") if len(sides) == 2 else ("account_id",)
        assert [told[name] for name in names] == [row[side] for side in sides]
        assert (told["amount"], told["currency"]) == (row["amount"], "USD")


def test_a_simple_replay_gives_its_declines_and_balances() -> None:
    """Exact decimals, in file order, by the one rule that the sample's note states."""
    balances = {holder.account_id: Decimal(0) for holder in paysim.holders()}
    limits = {holder.account_id: Decimal(holder.overdraft_limit) for holder in paysim.holders()}
    declined: list[int] = []
    for number, command in enumerate([*paysim.deposits(), *paysim.commands()], 1 - paysim.DEPOSITS):
        told = msgspec.to_builtins(command)
        amount = Decimal(told["amount"])
        debited = told.get("source_account_id") or told["account_id"]
        credited = told.get("destination_account_id")
        if isinstance(command, TransferDeposit):
            debited, credited = None, debited
        if debited is not None and balances[debited] - amount < -limits[debited]:
            declined.append(number)
            continue
        if debited is not None:
            balances[debited] -= amount
        if credited is not None:
            balances[credited] += amount

    with gzip.open(FILES / "commands.csv.gz", "rt") as text:
        marked = [int(row["row"]) for row in csv.DictReader(text) if row["declined"] == "1"]
    assert declined == marked
    assert len(declined) == paysim.DECLINES == 101
    assert {name: Decimal(text) for name, text in paysim.expected_balances().items()} == balances


def test_ids_are_valid_distinct_the_same_every_time_and_sort_by_order() -> None:
    ids = [command.command_id for command in paysim.everything()]

    assert ids == [command.command_id for command in paysim.everything()]
    assert ids == sorted(set(ids))
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in ids} == {(8, uuid.RFC_4122)}


def test_every_line_is_a_command_that_the_ledger_understands() -> None:
    catalog = Catalog()
    for line, command in zip(paysim.json_lines(paysim.everything()), paysim.everything(), strict=True):
        assert line.endswith(b"\n")
        assert catalog.understand(LEDGER, line) == command.canonical()


def test_a_larger_one_is_the_same_for_a_seed_and_ends_where_its_answers_say() -> None:
    made, again, other = larger(3, 50, 4000), larger(3, 50, 4000), larger(4, 50, 4000)

    assert (made, made.commands != other.commands) == (again, True)
    assert 50 < len(made.declined) < 4000
    balances = dict.fromkeys(made.balances, Decimal(0))
    for command in made.commands:
        if command["command_id"] in made.declined or command["type"] == "account.open":
            continue
        amount = Decimal(command["amount"])
        sides = {"transfer.deposit": (None, "account_id"), "transfer.withdraw": ("account_id", None)}
        debited, credited = sides.get(command["type"], ("source_account_id", "destination_account_id"))
        if debited:
            balances[command[debited]] -= amount
        if credited:
            balances[command[credited]] += amount
    assert {name: Decimal(text) for name, text in made.balances.items()} == balances
    catalog = Catalog()
    assert all(isinstance(catalog.understand(LEDGER, json.dumps(one).encode()), Command) for one in made.commands)
