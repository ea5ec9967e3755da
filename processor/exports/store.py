"""The store of exports: the phases of a batch as statements.

Cost      Load 2: the jobs that are named, and numbers for new ones. Complete one for each context that is asked of, and
          one more for each epoch before its own that a given cut was taken in. Save 2 at most.
Invariant Locks are taken in one order: lanes (the engine's), jobs by id. How far a context had come is read behind the
          locks, and locks nothing there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct, field

from contracts.envelope import Command
from contracts.exports import CutGiven, ExportCancel, ExportRequest
from contracts.specs import EXPORTS
from processor.database import Connection
from processor.engine.cuts import end_of_epoch, has_been, take_cut
from processor.engine.exporting import ExportKind
from processor.engine.job_rows import job_board_in_tx, save_jobs_in_tx
from processor.exports.board import ExportBoard, mark
from processor.exports.cuts import cut_of, shown_cut
from processor.exports.values import Offer

_CSV: Final = frozenset({"csv", "csv.gz"})


class Keys(Struct):
    """What a batch asks for: exports by id, how many may be new, and what they begin with."""

    export_ids: set[str] = field(default_factory=set)
    requests: int = 0
    contexts: set[str] = field(default_factory=set)
    cuts: list[CutGiven] = field(default_factory=list)


class ExportsStore:
    """Moves jobs between their table and the board; *kinds* are what can be exported, by name."""

    def __init__(self, kinds: Mapping[str, ExportKind]) -> None:
        self._offers = {name: _offer(kind) for name, kind in kinds.items()}

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:  # noqa: ARG002 - a store's signature
        """Return what deciding *commands* may need; nothing of it has to be looked up."""
        keys = Keys()
        for command in commands:
            assert isinstance(command, (ExportRequest, ExportCancel)), "the catalog knows no other"
            keys.export_ids.add(command.export_id)
            if isinstance(command, ExportRequest) and (offer := self._offers.get(command.kind)) is not None:
                keys.requests += 1
                keys.contexts.add(offer.context)
                keys.cuts += [command.cut] if command.cut is not None and command.cut.context == offer.context else []
        return keys

    async def load_in_tx(
        self,
        tx: Connection,
        keys: Keys,
        lane_nos: Sequence[int],  # noqa: ARG002 - a store's signature
    ) -> ExportBoard:
        """Lock the exports that are named."""
        make = partial(ExportBoard, offers=self._offers)
        return await job_board_in_tx(tx, EXPORTS, keys.export_ids, fresh=keys.requests, make=make)

    async def complete_in_tx(
        self,
        tx: Connection,
        world: ExportBoard,
        keys: Keys,
        instant: datetime,  # noqa: ARG002
    ) -> None:
        """Add how far the contexts have come, and which of the given cuts are not of these books."""
        now = {context: await take_cut(tx, context) for context in sorted(keys.contexts)}
        ends = {(context, cut.epoch): cut for context, cut in now.items()}
        gone = set[bytes]()
        for given in keys.cuts:
            place = (given.context, given.epoch)
            if place not in ends and given.epoch < now[given.context].epoch:
                ends[place] = await end_of_epoch(tx, *place)
            if place not in ends or not has_been(cut_of(given), end=ends[place]):
                gone.add(mark(given))
        world.now = {context: shown_cut(cut) for context, cut in now.items()}
        world.gone = frozenset(gone)

    async def save_in_tx(self, tx: Connection, world: ExportBoard) -> None:
        """Write the exports that were begun and cancelled."""
        await save_jobs_in_tx(tx, EXPORTS, world)


def _offer(kind: ExportKind) -> Offer:
    return Offer(context=kind.context, formats=_CSV | kind.drawn.keys(), wrong_filter=kind.wrong_filter)
