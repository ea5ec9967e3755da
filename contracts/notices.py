"""What is told to the subscribers of a context besides the answers to commands: what was done to the books as a whole.

A notice answers no command of a sender's. It names as its command the act of the operator that caused it.
"""

from typing import Final

from contracts.envelope import Event

BOOKS_ADOPT: Final = "books.adopt"  # what a notice gives as its command's type


class BooksRestored(Event, tag="books.restored", frozen=True, kw_only=True):
    """The books went back to an earlier state, and were taken over as they are.

    Of this lane, results of an earlier epoch with a higher number than `last_sequence` are void: the books do not know
    them. Their commands are applied anew and answered again, in this epoch.

    Attributes:
        lane: The lane of which this speaks: the header `partita_lane` of its results.
        epoch: The epoch that begins with this notice: the header `partita_epoch`.
        last_sequence: The last number, header `ce_sequence`, that earlier epochs of the lane have left; 0 for none.
    """

    lane: int
    epoch: int
    last_sequence: int
