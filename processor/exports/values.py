"""What exports are made of: what can be asked for, what a worker is told to do, and how far it has come."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from contracts.exports import CutGiven, CutShown, Format


class Offer(Struct, frozen=True, kw_only=True):
    """A kind that can be asked for: the context whose cut pins it, its formats, and what its filters may be.

    *wrong_filter* names the first filter that does not fit, or is None.
    """

    context: str
    formats: frozenset[str]
    wrong_filter: Callable[[Mapping[str, str]], str | None]


class ExportTask(Struct, frozen=True, kw_only=True):
    """What a worker is to do; which kind of rows, the job says."""

    format: Format
    filters: dict[str, str]
    cut: CutShown


class ExportCome(Struct, frozen=True, kw_only=True):
    """How far an export has come: what is complete and stored."""

    rows: int = 0
    bytes: int = 0
    parts: int = 0


def shown(cut: CutGiven) -> CutShown:
    """Return a cut that was given as it is told, with its partitions in order."""
    next_seq = dict(sorted(cut.next_seq.items(), key=lambda lane: int(lane[0])))
    return CutShown(context=cut.context, epoch=cut.epoch, next_seq=next_seq)
