"""The rules of imports: what is taken on, refused and cancelled, each code before what comes behind it."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from contracts.activity import ActivityCancel, ActivityImport, ActivityRefusal
from contracts.envelope import Command, type_of
from contracts.jobs import JobState
from contracts.specs import ACTIVITY, CATALOG
from processor.activity import rules
from processor.activity.board import ImportBoard
from processor.activity.values import ImportCome, ImportTask
from processor.engine.decision import Applied, Refused, Stamp
from processor.engine.families import rules_in
from processor.engine.job_board import JOB, JobRow
from processor.engine.shelving import ByKey, Shelved

RULES_OF: Final = rules_in(rules)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
ID: Final = "0190a0e0-0000-7000-8000-000000000001"


def board(*jobs: tuple[str, JobState]) -> ImportBoard:
    come = msgspec.json.encode(ImportCome(lines=7, imported=4, rejected=2, duplicate=1, files_done=1))
    rows: ByKey = {
        name: Shelved(
            JobRow(job_no=1, job_id=name, kind="import", task=b"", created_at=NOW, state=state, progress=come)
        )
        for name, state in jobs
    }
    return ImportBoard({JOB: rows}, allows=lambda text: text != "/etc/passwd", numbers=[7, 8])


def decided(world: ImportBoard, command: Command) -> tuple[str, dict[str, Any]]:
    decision = RULES_OF[type(command)](world, command, NOW)
    world.apply(command, decision, Stamp(1, 1, NOW, 0, 0))
    if isinstance(decision, Refused):
        return decision.refusal.value, decision.details
    assert isinstance(decision, Applied)
    return type_of(decision.event), msgspec.to_builtins(decision.event)


def importing(import_id: str, *files: str) -> ActivityImport:
    return ActivityImport(command_id=ID, import_id=import_id, files=list(files), policy="strict")


def test_an_import_is_taken_on_with_its_files_in_their_order_and_only_once() -> None:
    world = board()
    assert decided(world, importing("I", "b.csv", "a.csv"))[0] == "activity.import_accepted"
    job = world.job("I")
    assert job is not None
    assert (job.job_no, job.state) == (7, JobState.ACCEPTED)
    assert msgspec.json.decode(job.task, type=ImportTask) == ImportTask(files=["b.csv", "a.csv"], policy="strict")
    assert decided(world, importing("I", "/etc/passwd")) == ("import_exists", {"state": "ACCEPTED"})


@pytest.mark.parametrize("state", list(JobState))
def test_the_id_of_an_import_stays_taken_however_it_stands(state: JobState) -> None:
    assert decided(board(("I", state)), importing("I", "/etc/passwd")) == ("import_exists", {"state": state})


def test_the_first_file_that_may_not_be_read_is_named_and_nothing_is_begun() -> None:
    world = board()
    said = decided(world, importing("I", "a.csv", "/etc/passwd", "/etc/passwd"))
    assert said == ("location_not_allowed", {"file": "/etc/passwd"})
    assert world.job("I") is None


@pytest.mark.parametrize("state", [JobState.ACCEPTED, JobState.RUNNING])
def test_an_import_that_goes_on_is_cancelled_with_what_it_has_come_to(state: JobState) -> None:
    world = board(("I", state))
    kind, said = decided(world, ActivityCancel(command_id=ID, import_id="I"))
    assert kind == "activity.import_cancelled"
    assert {name: said[name] for name in ("import_id", "lines", "imported", "rejected", "duplicate")} == {
        "import_id": "I", "lines": 7, "imported": 4, "rejected": 2, "duplicate": 1,
    }  # fmt: skip
    again = decided(world, ActivityCancel(command_id=ID, import_id="I"))
    assert again == ("import_ended", {"state": "CANCELLED"})


def test_what_has_ended_or_never_was_is_not_cancelled() -> None:
    for state in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED):
        said = decided(board(("I", state)), ActivityCancel(command_id=ID, import_id="I"))
        assert said == ("import_ended", {"state": state})
    said = decided(board(), ActivityCancel(command_id=ID, import_id="J"))
    assert said == ("import_not_found", {"import_id": "J"})


def test_every_code_that_is_promised_is_reached_above() -> None:
    own = {code.value for spec in CATALOG if spec.context == ACTIVITY for code in spec.codes}
    assert {code.value for code in ActivityRefusal} <= own
