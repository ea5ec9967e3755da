"""Every bench with few commands: it ends by itself, tells what it measured, and leaves no process behind.

How fast anything is, is never asserted.
"""

import asyncio
import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from partita.bench import found, meters
from partita.bench.expenses_reading import READS
from partita.bench.found import Burnt
from partita.bench.yardstick import Pairs
from partita.local.process_table import children_of, living
from partita.local.stack import LocalStack
from processor.activity.metrics import METRICS
from tests.conftest import fresh_database, needs_processes
from tests.house.tree import ROOT
from tests.processes import PIPE, Process

from .conftest import Door, environment

FIRST_SIX = ["name", "value", "unit", "yardstick", "ratio", "cpu_us_per_command"]
BY_PROCESS = {"producer and reader", "worker-1", "relay", "PostgreSQL", "Kafka"}
FEW = ("--commands", "1200", "--json")

# What a bench does before anything else: its books have few accounts, its yardstick is the smallest, a paced load lasts
# a second, and where it was given addresses, its system has those servers and a prefix of its own there, instead of
# servers of its own.
PLANTED = """
import os
from partita.bench import load

load.ACCOUNTS = 500  # before others make it a default of theirs
from partita.bench import bulk, cold, expenses_drills, hot, latency, pipeline, sending, yardstick

del os.environ["PYTHONPATH"]  # its processes do nothing of this
yardstick.SCALE = 1
cold.MORE_MAX = 400  # as long as a mover has with 10,000 accounts
hot.PACED_S = latency.PACED_S = pipeline.PACED_S = 1.0
if prefix := os.environ.get("PARTITA_TOPIC_PREFIX"):
    plan = sending.Plan
    sending.Plan = expenses_drills.Plan = bulk.Plan = lambda **asked: plan(
        **asked | {"fresh": False, "settings": asked["settings"].model_copy(update={"topic_prefix": prefix})}
    )
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "sitecustomize.py").write_text(PLANTED)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture
def small(door: Door, planted: dict[str, str]) -> Door:
    return partial(door, settings=planted)


@pytest.fixture
def shared(door: Door, planted: dict[str, str], stack: LocalStack, migrated_database: str) -> Iterator[Door]:
    with asyncio.Runner() as runner:
        database = fresh_database(stack, migrated_database)
        settings = {
            "PARTITA_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
            "PARTITA_DATABASE_URL": runner.run(database.__aenter__()),
            "PARTITA_TOPIC_PREFIX": f"b{secrets.token_hex(3)}.",
        }
        yield partial(door, settings=planted | settings)
        runner.run(database.__aexit__(None, None, None))


def measured(door: Door, *arguments: str) -> dict[str, Any]:
    """Return the last line of a bench."""
    done = door("bench", *arguments)
    assert done.returncode == 0, done.stderr
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert list(line)[:6] == FIRST_SIX
    assert line["name"] == arguments[0]
    assert line["value"] > 0
    assert line["cpu_us_per_command"] > 0
    return line


@needs_processes
def test_the_engine_is_measured_in_pairs_with_its_locks_and_its_batch_sizes(small: Door) -> None:
    line = measured(small, "engine", "--pairs", "1", *FEW)

    assert line["ratio"] == pytest.approx(line["rates"][0] / line["yardsticks"][0], abs=0.001)
    assert set(line["cpu_us_by_process"]) == {"worker", "PostgreSQL"}
    assert list(line["by_batch_size"]) == ["500", "2000", "4000"]
    assert 0 < line["lock_to_commit_p50_ms"] <= line["lock_to_commit_p99_ms"]
    assert line["value_without_understanding"] > line["value"]


@needs_processes
def test_a_steady_load_is_measured_by_thirds_with_the_memory_of_each(shared: Door) -> None:
    line = measured(shared, "steady", *FEW)

    assert len(line["rates"]) == len(line["p99_ms"]) == len(line["mb_by_third"]) == 3
    assert line["asked"] == pytest.approx(0.8 * line["peak"], rel=0.01)
    assert set(line["mb_last_to_first"]) == BY_PROCESS - {"PostgreSQL", "Kafka"}  # which are not its own


@needs_processes
def test_the_pipeline_is_measured_in_pairs_with_its_memory_and_its_batches(small: Door) -> None:
    line = measured(small, "pipeline", "--pairs", "1", *FEW)

    assert line["ratio"] == pytest.approx(line["rates"][0] / line["yardsticks"][0], abs=0.001)
    assert set(line["cpu_us_by_process"]) == set(line["mb_at_the_end"]) == set(line["mb_at_a_third"]) == BY_PROCESS
    assert 1 <= line["batch_sizes"]["median"] <= line["batch_sizes"]["largest"] <= 4000
    assert 0 < line["p50_ms"] <= line["p99_ms"]


@needs_processes
def test_latency_is_measured_at_three_parts_of_a_peak(shared: Door) -> None:
    line = measured(shared, "latency", *FEW)

    assert line["yardstick"] is line["ratio"] is None
    assert list(line["parts"]) == ["10%", "50%", "80%"]
    assert line["value"] == line["parts"]["10%"]["p99_ms"]


@needs_processes
def test_a_hot_account_is_measured_against_even_ones_with_what_others_feel(shared: Door) -> None:
    line = measured(shared, "hot", *FEW)

    assert line["ratio"] > 0
    assert line["yardstick"] > 0
    assert line["others_p99_ms"] > 0


@needs_processes
def test_holds_are_measured_beside_transfers(shared: Door) -> None:
    line = measured(shared, "holds", *FEW)

    assert line["ratio"] > 0
    assert line["cpu_us_per_command_transfers"] > 0


@needs_processes
def test_the_pages_of_a_report_are_measured_beside_transfers_and_alone(shared: Door) -> None:
    line = measured(shared, "report", *FEW)

    assert line["rows"] > 1_000
    assert 0 < line["p50_ms"] <= line["value"]
    assert 0 < line["p50_ms_alone"] <= line["longest_ms_alone"]


@needs_processes
def test_a_day_of_interest_is_measured_beside_transfers(shared: Door) -> None:
    line = measured(shared, "accrual", *FEW)

    assert line["accounts"] == 200
    assert line["ratio"] > 0
    assert line["cpu_us_per_command_transfers"] > 0


@needs_processes
def test_growth_compares_grown_books_with_fresh_ones_and_weighs_a_command(small: Door) -> None:
    line = measured(small, "growth", "--pairs", "1", *FEW)

    assert line["commands"] == 1200
    assert len(line["rates"]) == 2
    assert line["ratio"] > 0
    assert line["yardstick"] > 0
    assert line["disk_bytes_per_command"] > 0


@needs_processes
def test_batches_are_measured_beside_a_mover_and_without_one(small: Door) -> None:
    line = measured(small, "cold", *FEW)

    assert line["ratio"] is None
    assert min(line["p50_ms"], line["p50_ms_alone"], line["yardstick"]) > 0
    assert line["rows"]["entry"] > 0


@needs_processes
def test_reads_of_expenses_are_measured_by_kind_beside_commands_and_reports(shared: Door) -> None:
    line = measured(shared, "expenses", "--seconds", "1", *FEW)

    assert (line["users"], line["expenses"], line["reads"]) == (1, 1200, 100)
    assert set(line["kinds"]) <= set(READS)
    assert line["value"] == line["all"]["p99_ms"] >= line["all"]["p95_ms"] >= line["all"]["p50_ms"] > 0
    assert list(line["hops"]) == ["waiting for a session", "PostgreSQL", "rendering"]
    assert min(line["reports"].values()) > 0
    assert line["writes"]["commands"] == 10
    assert min(line["row_bytes_per_expense"], line["index_bytes_per_expense"]) > 0


@needs_processes
def test_an_import_is_measured_in_pairs_with_copy_and_with_the_metrics_behind_it(shared: Door) -> None:
    line = measured(shared, "import", "--pairs", "1", *FEW)

    assert line["ratio"] == pytest.approx(line["rates"][0] / line["yardsticks"][0], abs=0.001)
    assert line["lines"] == 1200
    assert list(line["metrics"]) == list(METRICS)
    assert min(line["yardstick_ten_columns"], *line["peak_mb"]) > 0
    assert all(0 < each["p50_ms"] <= each["longest_ms"] for each in line["metrics"].values())


@needs_processes
def test_an_export_is_measured_in_pairs_with_psql_which_copies_the_same(shared: Door) -> None:
    line = measured(shared, "export", "--pairs", "1", *FEW)

    assert line["ratio"] == pytest.approx(line["rates"][0] / line["yardsticks"][0], abs=0.001)
    assert (line["rows"], line["accounts"], line["accounts_of_other_tiers"]) == (1200, 20, 9)
    assert min(line["plain_query"], *line["gzip"].values()) > 0
    assert 0 < line["mb_at_a_tenth"] <= line["mb_at_the_end"]


def test_understanding_a_record_is_measured_without_any_server(door: Door) -> None:
    line = measured(door, "parse", *FEW)

    assert line["ratio"] is None
    assert len(line["by_kind"]) > 5


def test_a_revision_that_is_not_there_is_told_with_its_cure(door: Door) -> None:
    done = door("bench", "parse", "--against", "no-such-revision")

    assert done.returncode == 2
    assert "revision" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone: revisions are compared")
def test_two_revisions_are_measured_side_by_side_and_the_other_s_files_are_removed(door: Door, tmp_path: Path) -> None:
    arguments = ("bench", "parse", "--commands=1000", "--against=HEAD", "--rounds=1", "--json")
    done = door(*arguments, settings={"TMPDIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert list(line)[:6] == FIRST_SIX
    assert line["ratio"] == pytest.approx(line["this"]["value"] / line["base"]["value"], abs=0.01)
    assert list(tmp_path.glob("partita-bench-*")) == []
    listed = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(tmp_path) not in listed.stdout


@needs_processes
def test_ctrl_c_ends_a_bench_without_a_word_and_with_its_server(tmp_path: Path) -> None:
    with Process(["bench", "engine"], cwd=tmp_path, env=environment(), stderr=PIPE) as bench:
        assert bench.stderr is not None
        while "deposits ..." not in bench.stderr.readline():
            assert bench.poll() is None
        servers = children_of(bench.pid)
        bench.send_signal(signal.SIGINT)
        _, said = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert "Traceback" not in said
    assert living(servers) == []


# What figures are made of ---------------------------------------------------------------------------------------------


def test_the_ratio_is_the_median_of_the_pairs_and_unsteady_readings_are_marked() -> None:
    pairs = Pairs(rates=[10, 30, 20], tpcb=[5, 5, 4])
    assert (pairs.rate, pairs.yardstick, pairs.ratio, pairs.are_steady) == (20, 5, 5, True)
    assert not Pairs(rates=[1, 1], tpcb=[3, 4.1]).are_steady


def test_cpu_per_command_leaves_the_producer_and_reader_out() -> None:
    parts = [Burnt(seconds={"relay": 1.0, meters.EXCHANGE: 5.0}, commands=100_000)] * 2
    assert found.together(parts).us == 10.0
    assert found.together(parts).us_by_process == {"relay": 10.0, meters.EXCHANGE: 50.0}


def test_quantiles_of_few_values_are_values() -> None:
    assert [found.quantile([3, 1, 2], fraction) for fraction in (0.0, 0.5, 0.99, 1.0)] == [1, 2, 3, 3]
    assert found.quantile([], 0.5) == 0.0
