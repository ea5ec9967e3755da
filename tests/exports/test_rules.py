"""The rules of exports: what may be asked for, in the order of precedence, and what may be cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from contracts.envelope import Event
from contracts.exports import CutGiven, CutShown, ExportAccepted, ExportCancel, ExportCancelled, ExportRequest
from contracts.jobs import JobState
from processor.engine.decision import Applied, Refused, Stamp
from processor.engine.job_board import JOB, JobRow
from processor.engine.shelving import Shelved
from processor.exports.board import ExportBoard, mark
from processor.exports.rules.exports import cancel, request
from processor.exports.values import ExportTask, Offer
from processor.jobs import JobState as Stored
from processor.moments import microseconds

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
BOOKS = CutShown(context="ledger", epoch=2, next_seq={"0": 5, "10": 7})
PAST = CutGiven(context="ledger", epoch=1, next_seq={"10": 2, "0": 4})
GONE = CutGiven(context="ledger", epoch=1, next_seq={"0": 99})
OTHER = CutGiven(context="expenses", epoch=1, next_seq={})


def ended(state: JobState, outcome: dict[str, Any] | None) -> JobRow:
    told = None if outcome is None else msgspec.json.encode(outcome)
    return JobRow(job_no=1, job_id="old", kind="entries", task=b"{}", created_at=NOW, state=state, outcome=told)


def board(*jobs: JobRow) -> ExportBoard:
    def wrong(filters: Any) -> str | None:
        return next((name for name in filters if name != "from"), None)

    offers = {"entries": Offer(context="ledger", formats=frozenset({"csv", "csv.gz"}), wrong_filter=wrong)}
    shelves = {JOB: {job.job_id: Shelved(job, 1) for job in jobs}}
    made = ExportBoard(shelves, offers=offers, numbers=range(7, 9))  # type: ignore[arg-type]
    made.now, made.gone = {"ledger": BOOKS}, frozenset({mark(GONE)})
    return made


def asked(**fields: Any) -> ExportRequest:
    return ExportRequest(**{"command_id": "c", "export_id": "new", "kind": "entries", **fields})


def decide(on: ExportBoard, command: Any, at: datetime = NOW) -> Event | tuple[str, dict[str, Any]]:
    """Return what is answered, having made it part of the board."""
    decision = request(on, command, at) if isinstance(command, ExportRequest) else cancel(on, command, at)
    on.apply(command, decision, Stamp(1, 1, at, microseconds(at), 0))
    return decision.event if isinstance(decision, Applied) else (decision.refusal.value, decision.details)


COMPLETED = ended(JobState.COMPLETED, {"type": "export.completed", "manifest": "file:///m.json", "rows": 3})


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        (asked(export_id="old", kind="nothing", cut=GONE), ("export_exists", {"state": "COMPLETED", "location": "file:///m.json"})),
        (asked(kind="nothing", format="pdf", filters={"x": "y"}, cut=GONE), ("kind_unknown", {"kinds": ["entries"]})),
        (asked(format="pdf", filters={"x": "y"}, cut=OTHER), ("filter_invalid", {"filter": "format"})),
        (asked(filters={"x": "y"}, cut=OTHER), ("filter_invalid", {"filter": "x"})),
        (asked(filters={"from": "y"}, cut=OTHER), ("filter_invalid", {"filter": "cut"})),
        (asked(filters={"from": "y"}, cut=GONE), ("snapshot_gone", {})),
    ],
)  # fmt: skip
def test_refusals_stand_in_their_order(command: ExportRequest, refused: tuple[str, dict[str, Any]]) -> None:
    assert decide(board(COMPLETED), command) == refused


@pytest.mark.parametrize("state", [JobState.ACCEPTED, JobState.RUNNING, JobState.FAILED, JobState.CANCELLED])
def test_an_export_that_is_not_completed_lies_nowhere(state: JobState) -> None:
    on = board(ended(state, {"type": "export.failed", "code": "x"} if state is JobState.FAILED else None))
    assert decide(on, asked(export_id="old")) == ("export_exists", {"state": state.value, "location": None})


def test_without_a_cut_an_export_is_as_of_now() -> None:
    on = board()
    event = decide(on, asked(filters={"from": "z"}, format="csv.gz"))
    assert event == ExportAccepted(export_id="new", kind="entries", format="csv.gz", filters={"from": "z"}, cut=BOOKS)
    job = on.job("new")
    assert job is not None
    assert (job.job_no, job.kind, job.state, job.created_at) == (7, "entries", JobState.ACCEPTED, NOW)
    task = msgspec.json.decode(job.task, type=ExportTask)
    assert task == ExportTask(format="csv.gz", filters={"from": "z"}, cut=BOOKS)


def test_a_cut_that_is_given_holds_its_partitions_in_order() -> None:
    event = decide(board(), asked(cut=PAST))
    assert isinstance(event, ExportAccepted)
    assert event.cut == CutShown(context="ledger", epoch=1, next_seq={"0": 4, "10": 2})
    assert event.cut is not None
    assert list(event.cut.next_seq) == ["0", "10"]


def test_every_new_export_has_a_number_of_its_own() -> None:
    on = board()
    for export_id in ("one", "two"):
        decide(on, asked(export_id=export_id))
    assert [row.value.job_no for row in on.shelves[JOB].values()] == [7, 8]


def test_a_cancelled_export_shows_how_far_it_had_come_and_stays_so() -> None:
    running = msgspec.structs.replace(ended(JobState.RUNNING, None), progress=b'{"rows":5,"bytes":99,"parts":1}')
    on, cancel = board(running), ExportCancel(command_id="c1", export_id="old")
    later = NOW + timedelta(seconds=1)
    assert decide(on, cancel, later) == ExportCancelled(export_id="old", rows=5, bytes=99, parts=1)
    job = on.job("old")
    assert job is not None
    assert (job.state, job.ended_at) == (JobState.CANCELLED, later)
    assert msgspec.json.decode(job.outcome or b"") == {
        "type": "export.cancelled",
        "export_id": "old",
        "command_id": "c1",
        "rows": 5,
        "bytes": 99,
        "parts": 1,
    }
    assert decide(on, cancel) == ("export_ended", {"state": "CANCELLED"})
    assert decide(on, asked(export_id="old")) == ("export_exists", {"state": "CANCELLED", "location": None})


def test_an_export_of_this_very_batch_may_be_cancelled() -> None:
    on = board()
    decide(on, asked())
    assert decide(on, ExportCancel(command_id="c1", export_id="new")) == ExportCancelled(
        export_id="new", rows=0, bytes=0, parts=0
    )


def test_what_is_not_there_or_has_ended_is_not_cancelled() -> None:
    on = board(COMPLETED)
    assert decide(on, ExportCancel(command_id="c", export_id="x")) == ("export_not_found", {"export_id": "x"})
    assert decide(on, ExportCancel(command_id="c", export_id="old")) == ("export_ended", {"state": "COMPLETED"})


def test_a_refusal_leaves_nothing() -> None:
    on = board(COMPLETED)
    refused = request(on, asked(export_id="old"), NOW)
    assert isinstance(refused, Refused)
    on.apply(asked(export_id="old"), refused, Stamp(1, 1, NOW, 0, 0))
    assert on.instant is None


def test_states_have_the_same_names_in_the_table_and_in_details() -> None:
    assert [state.name for state in Stored] == [state.value for state in JobState]
