"""The family ``export``: what the books hold, written to object storage as numbered parts and a manifest.

An export is a job: it is accepted, tells how far it has come, and is completed, fails or is cancelled.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import END
from contracts.shown import (
    ShownCode,
    ShownCount,
    ShownCurrency,
    ShownId,
    ShownLongText,
    ShownNumber,
    ShownSignedAmount,
    ShownText,
)

Format = Literal["csv", "csv.gz", "pdf"]
Kind = Annotated[str, Meta(pattern=rf"^[a-z_]{{1,64}}{END}", description="the name of a kind: 1 to 64 of a-z _")]
FilterName = Annotated[str, Meta(min_length=1, max_length=32)]
FilterValue = Annotated[str, Meta(max_length=200, extra_json_schema={"pattern": r"^[^\x00]*$"})]
Filters = Annotated[
    dict[FilterName, FilterValue],
    Meta(max_length=8, description="up to 8 pairs of strings, of 1 to 32 and up to 200 characters, without NUL"),
]
ContextName = Annotated[str, Meta(pattern=rf"^[a-z]{{1,32}}{END}", description="the name of a context: 1 to 32 of a-z")]
Epoch = Annotated[int, Meta(ge=1, lt=2**31, description="a whole number from 1")]
NextSeq = Annotated[int, Meta(ge=1, lt=2**53, description="a whole number from 1")]
_PARTITION: Final = rf"^(0|[1-9][0-9]{{0,8}}){END}"
Partition = Annotated[str, Meta(pattern=_PARTITION)]
Positions = Annotated[
    dict[Partition, NextSeq],
    Meta(max_length=10_000, description="up to 10,000 whole numbers from 1, each under the number of its partition"),
]
ShownPositions = Annotated[
    dict[Annotated[str, Meta(extra_json_schema={"pattern": _PARTITION})], ShownNumber],
    Meta(description="whole numbers from 1, each under the number of its partition"),
]
ShownFilters = Annotated[dict[str, str], Meta(description="pairs of strings")]
ShownSums = Annotated[
    dict[ShownCurrency, ShownSignedAmount],
    Meta(description='decimal strings such as "-12.30", each under its currency; none where nothing is summed'),
]


class ExportRefusal(Refusal):
    """Why an ``export`` command is refused."""

    EXPORT_EXISTS = (
        "export_exists",
        "An export has this id, or had it; details say how it stands and where it lies. Choose another export_id.",
    )
    KIND_UNKNOWN = "kind_unknown", "Nothing of this kind can be exported; details list the kinds there are."
    FILTER_INVALID = (
        "filter_invalid",
        "The filter in details is needed here, is none of the kind's, or says what it cannot say; correct it.",
    )
    SNAPSHOT_GONE = (
        "snapshot_gone",
        "The books no longer hold what this cut shows, or never did; ask for the export without a cut.",
    )
    EXPORT_NOT_FOUND = "export_not_found", "No export has this id; correct the id."
    EXPORT_ENDED = "export_ended", "The export has ended, as details say; nothing is left to cancel."


class CutGiven(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a context had come at one moment: the ``cut`` of an earlier export, word for word.

    Attributes:
        context: The context.
        epoch: The epoch of its books.
        next_seq: The first number of each partition that the export leaves out.
    """

    context: ContextName
    epoch: Epoch
    next_seq: Positions


class CutShown(Struct, frozen=True, kw_only=True):
    """How far a context had come at one moment; the manifest has the same object.

    Attributes:
        context: The context.
        epoch: The epoch of its books.
        next_seq: The first number of each partition that the export leaves out.
    """

    context: ShownText
    epoch: ShownNumber
    next_seq: ShownPositions


class ExportRequest(Command, tag="export.request", frozen=True, kw_only=True):
    """Write what the books hold of one kind, as of one moment, to object storage.

    A repeat of the command gets its answer and, where the export was completed or has failed, that event again.

    Attributes:
        export_id: The new export.
        kind: What is exported.
        format: How it is written; `pdf` is there for the kind `expenses` alone.
        filters: What the export is narrowed to. Which names there are, and which of them must be there, depends on the
            kind.
        cut: The moment: that of an earlier export, which gives the same rows again; left out, it is now.
    """

    export_id: BusinessId
    kind: Kind
    format: Format = "csv"
    filters: Filters = msgspec.field(default_factory=dict)
    cut: CutGiven | None = None

    def canonical(self) -> "ExportRequest":
        """Return the same request with all names in order: an object has none."""
        replaced = msgspec.structs.replace(self, filters=dict(sorted(self.filters.items())))
        if self.cut is None:
            return replaced
        next_seq = dict(sorted(self.cut.next_seq.items(), key=lambda lane: int(lane[0])))
        return msgspec.structs.replace(replaced, cut=msgspec.structs.replace(self.cut, next_seq=next_seq))


class ExportCancel(Command, tag="export.cancel", frozen=True, kw_only=True):
    """Stop an export; what it has written is removed.

    Attributes:
        export_id: The export.
    """

    export_id: BusinessId


class ExportAccepted(Event, tag="export.accepted", frozen=True, kw_only=True):
    """The export has been taken on; how it ends is told later.

    Attributes:
        export_id: The export.
        kind: What is exported.
        format: How it is written.
        filters: What the export is narrowed to.
        cut: The moment: the one that was given, or that of this answer.
    """

    export_id: ShownId
    kind: ShownText
    format: Format
    filters: ShownFilters
    cut: CutShown


class ExportProgress(Struct, frozen=True, kw_only=True):
    """How far the export has come.

    Attributes:
        export_id: The export.
        rows: How many rows were written.
        bytes: How many bytes were written, as they are stored.
        parts: How many parts are complete.
    """

    export_id: ShownId
    rows: ShownCount
    bytes: ShownCount
    parts: ShownCount


class ExportProgressed(Event, ExportProgress, tag="export.progressed", frozen=True, kw_only=True):
    """The export has come this far. It is told now and then; nobody may rely on how often."""


class ExportCompleted(Event, tag="export.completed", frozen=True, kw_only=True):
    """All parts are written, and the manifest that names them.

    Attributes:
        export_id: The export.
        kind: What was exported.
        format: How it is written.
        location: Where parts and manifest lie.
        manifest: Where the manifest lies: rows, sums, the parts with their sha256, and the cut.
        rows: How many rows there are, headings left out.
        sums: The sum of the rows' amounts in each currency.
        parts: How many parts there are.
        cut: The moment; given to another export of this kind and filters, it gives the same rows.
    """

    export_id: ShownId
    kind: ShownText
    format: Format
    location: ShownLongText
    manifest: ShownLongText
    rows: ShownCount
    sums: ShownSums
    parts: ShownCount
    cut: CutShown


class ExportFailed(Event, tag="export.failed", frozen=True, kw_only=True):
    """The export could not go on; nothing of it can be taken for a whole one.

    Attributes:
        export_id: The export.
        kind: What was to be exported.
        code: Why, as a word to program by.
        reason: Why, as a sentence with cause and cure. Its words may change.
    """

    export_id: ShownId
    kind: ShownText
    code: ShownCode
    reason: ShownText


class ExportCancelled(Event, ExportProgress, tag="export.cancelled", frozen=True, kw_only=True):
    """The export was stopped; what it had written counts for nothing."""


class ExportRejected(Rejected, tag="export.rejected", frozen=True, kw_only=True):
    """The ``export`` command was refused."""
