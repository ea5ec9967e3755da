"""The store of imports: the phases of a batch as statements.

Cost      Load 2: the jobs that are named, and numbers for new ones. Save 2 at most.
Invariant Locks are taken in one order: lanes (the engine's), jobs by id.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct, field

from contracts.activity import ActivityCancel, ActivityImport
from contracts.envelope import Command
from contracts.specs import ACTIVITY
from processor.activity.board import ImportBoard
from processor.database import Connection
from processor.engine.job_rows import job_board_in_tx, save_jobs_in_tx


class Keys(Struct):
    """What a batch asks for: imports by id, and how many may be new."""

    import_ids: set[str] = field(default_factory=set)
    imports: int = 0


class ActivityStore:
    """Moves jobs between their table and the board; *allows* says whether what a text names may be read."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Keys:  # noqa: ARG002 - a store's signature
        """Return what deciding *commands* may need; nothing of it has to be looked up."""
        keys = Keys()
        for command in commands:
            assert isinstance(command, (ActivityImport, ActivityCancel)), "the catalog knows no other"
            keys.import_ids.add(command.import_id)
            keys.imports += isinstance(command, ActivityImport)
        return keys

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> ImportBoard:  # noqa: ARG002
        """Lock the imports that are named."""
        make = partial(ImportBoard, allows=self._allows)
        return await job_board_in_tx(tx, ACTIVITY, keys.import_ids, fresh=keys.imports, make=make)

    async def complete_in_tx(self, tx: Connection, world: ImportBoard, keys: Keys, instant: datetime) -> None:
        """Add nothing: what files hold is seen by who reads them."""

    async def save_in_tx(self, tx: Connection, world: ImportBoard) -> None:
        """Write the imports that were begun and cancelled."""
        await save_jobs_in_tx(tx, ACTIVITY, world)
