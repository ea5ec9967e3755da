"""The family ``activity``: files of what merchants did, read line by line into one table.

An import is a job: it is accepted, tells how far it has come, and is completed, fails or is cancelled.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.shown import ShownCode, ShownCount, ShownId, ShownLongText, ShownText

Policy = Literal["lenient", "strict"]
FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        description="a URL or a name of 1 to 1,024 characters, without NUL",
        extra_json_schema={"pattern": r"^[^\x00]*$"},
    ),
]
Files = Annotated[
    list[FileName],
    Meta(min_length=1, max_length=1000, description="a list of 1 to 1,000 URLs or names of up to 1,024 characters"),
]


class ActivityRefusal(Refusal):
    """Why an ``activity`` command is refused."""

    IMPORT_EXISTS = (
        "import_exists",
        "An import has this id, or had it; details say how it stands. Choose another import_id for another import.",
    )
    LOCATION_NOT_ALLOWED = (
        "location_not_allowed",
        "The file in details lies where nothing may be read from; name one in a location that is allowed.",
    )
    IMPORT_NOT_FOUND = "import_not_found", "No import has this id; correct the id."
    IMPORT_ENDED = "import_ended", "The import has ended, as details say; nothing is left to cancel."


class ActivityImport(Command, tag="activity.import", frozen=True, kw_only=True):
    """Read files of merchant activity. A line whose event_id is known, from whatever file, is a duplicate.

    A repeat of the command gets its answer and, where the import was completed or has failed, that event again.

    Attributes:
        import_id: The new import.
        files: The files, in the order they are read: CSV, plain or compressed (`.gz`).
        policy: What becomes of a line whose amount or time cannot be read: `lenient` takes it with 0.00 or without a
            time, `strict` rejects it.
    """

    import_id: BusinessId
    files: Files
    policy: Policy = "lenient"


class ActivityCancel(Command, tag="activity.cancel", frozen=True, kw_only=True):
    """Stop an import; what was imported until then stays.

    Attributes:
        import_id: The import.
    """

    import_id: BusinessId


class ActivityImportAccepted(Event, tag="activity.import_accepted", frozen=True, kw_only=True):
    """The import has been taken on; how it ends is told later.

    Attributes:
        import_id: The import.
        files: The files, as they were given.
        policy: What becomes of a line whose amount or time cannot be read.
    """

    import_id: ShownId
    files: list[ShownLongText]
    policy: Policy


class ImportCounts(Struct, frozen=True, kw_only=True):
    """What has become of the lines that were read: imported, rejected and duplicate add up to them.

    Attributes:
        import_id: The import.
        lines: How many lines were read, headings left out.
        imported: How many were new and were taken.
        rejected: How many break a rule; they are kept apart with the reason.
        duplicate: How many have an event_id that was known.
    """

    import_id: ShownId
    lines: ShownCount
    imported: ShownCount
    rejected: ShownCount
    duplicate: ShownCount


class ActivityImportProgressed(Event, ImportCounts, tag="activity.import_progressed", frozen=True, kw_only=True):
    """The import has come this far. It is told now and then; nobody may rely on how often.

    Attributes:
        file: The file that is being read.
        files_done: How many files were read to their end.
    """

    file: ShownLongText
    files_done: ShownCount


class ActivityImportCompleted(Event, ImportCounts, tag="activity.import_completed", frozen=True, kw_only=True):
    """Every file was read to its end."""


class ActivityImportFailed(Event, ImportCounts, tag="activity.import_failed", frozen=True, kw_only=True):
    """The import could not go on; what was imported until then stays, and another import passes over it.

    Attributes:
        code: Why, as a word to program by.
        reason: Why, as a sentence with cause and cure. Its words may change.
    """

    code: ShownCode
    reason: ShownText


class ActivityImportCancelled(Event, ImportCounts, tag="activity.import_cancelled", frozen=True, kw_only=True):
    """The import was stopped; what was imported until then stays."""


class ActivityRejected(Rejected, tag="activity.rejected", frozen=True, kw_only=True):
    """The ``activity`` command was refused."""
