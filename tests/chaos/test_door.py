"""The fault harness as a product, whole: a short run of one seed, on real servers and processes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from partita.chaos.checks import CHECKS
from partita.chaos.plan import REQUIRED
from tests.cli.conftest import environment
from tests.conftest import needs_processes
from tests.processes import run

pytestmark = needs_processes

SEED = 245
MINUTES = 0.4
ELSEWHERE = {"PARTITA_KAFKA_BOOTSTRAP": "127.0.0.1:9", "PARTITA_TOPIC_PREFIX": "elsewhere."}
BOOKED = ("commands_produced", "produced_dup", "produced_garbage", "applied", "repeats", "conflicts", "outbox_sent")


def chaos(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(["chaos", *options], cwd=folder, env=environment(**ELSEWHERE), within_s=220)


@pytest.mark.timeout(240)  # its windows last longer on a machine that is busy
def test_a_short_run_strikes_what_it_must_and_passes_every_check(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = chaos(tmp_path, "--seed", str(SEED), "--minutes", str(MINUTES), "--history", str(kept), "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    assert told["checker"] == {check.name: "pass" for check in CHECKS}, told["findings"]
    assert (told["seed"], told["verdict"], told["history"]) == (SEED, "pass", str(kept))
    assert told["faults"].keys() >= set(REQUIRED)
    assert sum(told["faults"].values()) > len(REQUIRED)
    assert [name for name in BOOKED if told[name] <= 0] == []
    assert told["rejected"]["insufficient_funds"] > 0
    assert told["fenced_stale_batches"] > 0
    assert told["unknown_commits_resolved"] > 0
    assert told["outbox_resent"] > 0
    assert told["retries"]["40P01"] + told["retries"]["40001"] > 0
    assert told["balances_sha256"] == told["expected_sha256"]
    assert told["recovery_s"]["max"] > 0
    assert "Traceback" not in done.stderr
    the_history_says_how_each_record_was_published(kept)


def the_history_says_how_each_record_was_published(kept: Path) -> None:
    lines = [json.loads(line) for line in (kept / "history.jsonl").read_text().splitlines()]
    asked = {line["n"] for line in lines if line["what"] == "invoke"}
    taken = {line["n"] for line in lines if line["what"] == "acknowledged"}
    assert asked == taken
    assert len(asked) > 1000
    assert {"strikes", "struck", "healed", "recovered", "drained"} <= {line["what"] for line in lines}


@pytest.mark.parametrize("option", [("--minutes", "0"), ("--seed", "one"), ("--history", "/dev/null/no")])
def test_wrong_usage_is_told_before_anything_starts(tmp_path: Path, option: tuple[str, str]) -> None:
    done = chaos(tmp_path, *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert option[0] in done.stderr
