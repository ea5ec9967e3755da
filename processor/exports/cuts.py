"""Cuts as commands and events show them, and as the books are read by them."""

from contracts.exports import CutGiven, CutShown
from processor.engine.cuts import Cut


def cut_of(shown: CutGiven | CutShown) -> Cut:
    """Return the cut that is shown."""
    next_seq = {int(partition): seq for partition, seq in shown.next_seq.items()}
    return Cut(context=shown.context, epoch=shown.epoch, next_seq=next_seq)


def shown_cut(cut: Cut) -> CutShown:
    """Return *cut* as it is shown, with its partitions in order."""
    next_seq = {str(partition): seq for partition, seq in sorted(cut.next_seq.items())}
    return CutShown(context=cut.context, epoch=cut.epoch, next_seq=next_seq)
