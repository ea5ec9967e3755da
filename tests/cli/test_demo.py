"""The demonstration, whole: what somebody who has just arrived sees."""

import signal
import subprocess
from pathlib import Path

from tests.processes import PIPE, Process

from .conftest import PARTITA, environment


def test_the_demo_answers_the_whole_sample_and_proves_its_books(tmp_path: Path) -> None:
    elsewhere = environment() | {"PARTITA_TOPIC_PREFIX": "elsewhere.", "PARTITA_KAFKA_BOOTSTRAP": "127.0.0.1:9"}
    done = subprocess.run(
        [*PARTITA, "demo"], cwd=tmp_path, env=elsewhere, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "64,553" in done.stdout
    assert "All checks hold." in done.stdout
    assert "Every command was answered." in done.stdout
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_demo_without_a_word(tmp_path: Path) -> None:
    with Process(["demo"], cwd=tmp_path, env=environment(), stdout=PIPE, stderr=PIPE) as demo:
        assert demo.stderr is not None
        while "accounts opened" not in demo.stderr.readline():
            pass
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Traceback" not in said
