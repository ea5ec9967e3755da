"""The pages for clients: every example is run against a running system, and prints what the page says."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from consumers.results import ResultSubscriber
from contracts.accounts import AccountOpen
from contracts.transfers import TransferDeposit, TransferPosted, TransferWithdraw
from partita.testing.system import System, running_system
from producers.asks import NoCommand
from tests.house.tree import ROOT

PAGES: Final = ("publishing", "subscribing")
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND_ID: Final = re.compile(r'"command_id":"([^"]+)"')
TOOLS: Final = ("kcat", "kafka-console-producer.sh", "kafka-console-consumer.sh")
PATIENCE_S: Final = 60.0
LONGER_S: Final = 2.0  # what is not over by then goes on for ever


@dataclass(frozen=True, kw_only=True)
class Example:
    """A block that is run, and what the block right below it says that it prints."""

    name: str
    language: str
    code: str
    printed: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What is printed, where three dots stand for anything."""
        return re.compile(re.escape(self.printed).replace(r"\.\.\.", ".*") if self.printed else ".*", re.DOTALL)


def examples() -> Iterator[Example]:
    for page in PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        found = list(BLOCK.finditer(text))
        for block, below in zip(found, [*found[1:], None], strict=True):
            if block[1] != "text":
                near = below is not None and below[1] == "text" and not text[block.end() : below.start()].strip()
                printed = below[2] if near and below else ""
                name = f"{page}.md:{text.count(chr(10), 0, block.start()) + 1}"
                yield Example(name=name, language=block[1], code=block[2], printed=printed)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A system in which one account has seen a deposit and a refusal."""
    with running_system() as system:
        number = "0190a0e0-0000-7000-8000-00000000e00"
        opening = AccountOpen(command_id=f"{number}1", account_id="emil", account_type="CHECKING", currency="EUR")
        for command in (
            opening,
            TransferDeposit(command_id=f"{number}2", account_id="emil", amount="20.00"),
            TransferWithdraw(command_id=f"{number}3", account_id="emil", amount="20.01"),
        ):
            system.ask(command)
        yield system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("example", [*examples()], ids=lambda example: example.name)
async def test_an_example_runs_and_prints_what_the_page_says(example: Example, system: System, folder: Path) -> None:
    for tool in TOOLS:
        if re.search(rf"^{re.escape(tool)}\b", example.code, re.MULTILINE) and not shutil.which(tool):
            pytest.skip(f"{tool} is not on PATH")
    out, code = run(example, system, folder)
    assert example.pattern.fullmatch(out), out
    assert code in (0, None)
    if example.language == "sh":
        assert await answered(system, set(COMMAND_ID.findall(example.code)))


def run(example: Example, system: System, folder: Path) -> tuple[str, int | None]:
    """Run *example* until it ends, or has printed everything and goes on; return what it printed, and its exit code."""
    call = [sys.executable, "-c"] if example.language == "python" else ["sh", "-euc"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited["PATH"]])
    environment = inherited | system.environment | {"PATH": path, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([*call, example.code], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    out = ""
    with process, process.stdout as lines, impatiently(process):
        for line in lines:
            out += line
            if example.printed and example.pattern.fullmatch(out) and not is_over(process):
                process.terminate()
                return out, None
    return out, process.wait()


def impatiently(process: "subprocess.Popen[str]") -> "Alarm":
    return Alarm(threading.Timer(PATIENCE_S, process.kill))


@dataclass(frozen=True)
class Alarm:
    timer: threading.Timer

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()


def is_over(process: "subprocess.Popen[str]") -> bool:
    try:
        process.wait(LONGER_S)
    except subprocess.TimeoutExpired:
        return False
    return True


async def answered(system: System, command_ids: set[str]) -> bool:
    """Wait until every one of *command_ids* has its result."""
    async with system.subscriber(from_beginning=True) as results:
        while command_ids:
            command_ids -= {received.fields["command_id"] for received in await results.poll(1.0)}
    return True


def test_a_command_that_is_none_is_raised_by_who_asked_it(system: System) -> None:
    command_id = system.new_command_id()
    with pytest.raises(NoCommand, match=r"field_invalid at \$\.amount") as raised:
        system.ask(TransferDeposit(command_id=command_id, account_id="emil", amount="much"))
    assert raised.value.invalid.topic == "ledger.commands.v1"
    mended = system.ask(TransferDeposit(command_id=command_id, account_id="emil", amount="1.00"))
    assert isinstance(mended.event, TransferPosted)


async def test_two_thousand_asks_at_once_are_answered_by_the_system(system: System) -> None:
    deposits = [
        TransferDeposit(command_id=system.new_command_id(), account_id="emil", amount="0.01") for _ in range(2000)
    ]
    async with system.publisher() as publisher:
        results = await asyncio.gather(*map(publisher.ask, [*deposits, deposits[0]]))
    assert [result.frame.command_id for result in results] == [each.command_id for each in [*deposits, deposits[0]]]
    assert [result.frame.replayed for result in results] == [False] * 2000 + [True]


async def test_a_trace_context_comes_back_with_the_result(system: System) -> None:
    context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    deposit = TransferDeposit(command_id=system.new_command_id(), account_id="emil", amount="1.00")
    async with asyncio.timeout(30), system.subscriber() as results, system.publisher() as publisher:
        await publisher.ask(deposit, traceparent=context)
        async for received in results:
            if received.result.frame.command_id == deposit.command_id:
                assert received.headers["traceparent"] == context.encode()
                return


def test_the_pages_have_examples_in_every_language() -> None:
    found = [(example.language, tool) for example in examples() for tool in (*TOOLS, "partita") if tool in example.code]
    assert {("sh", tool) for tool in (*TOOLS, "partita")} <= set(found)
    assert sum(example.language == "python" for example in examples()) == 4
    assert ResultSubscriber.__name__ in "".join(example.code for example in examples())
