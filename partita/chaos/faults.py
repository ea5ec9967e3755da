"""Every kind of fault of the plan: its strike, how it is seen to have struck, and its end.

Promise   A fault is a block that lasts: entering it returns when it has struck, leaving it heals. One that is not seen
          to strike within ``PATIENCE_S`` raises ``Missed`` and is healed all the same.
"""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from partita.chaos import kafka_faults as kafka
from partita.chaos import postgres_faults as postgres
from partita.chaos import role_faults as roles
from partita.chaos.plan import Blow
from partita.chaos.scene import Scene

Fault = Callable[[Scene, random.Random], AbstractAsyncContextManager[None]]

FAULTS: Final[Mapping[str, Fault]] = {
    "worker_killed": roles.worker_killed,
    "worker_killed_fetched": roles.worker_killed_at("fetched"),
    "worker_killed_copying": roles.worker_killed_at("copying"),
    "worker_killed_saved": roles.worker_killed_at("saved"),
    "worker_killed_committed": roles.worker_killed_at("committed"),
    "worker_frozen_briefly": roles.worker_frozen,
    "worker_frozen_for_long": roles.worker_frozen,
    "worker_frozen_fetched": roles.worker_frozen_at("fetched"),
    "worker_frozen_saved": roles.worker_frozen_at("saved"),
    "worker_frozen_copying": roles.worker_frozen_at("copying"),
    "worker_joins": roles.worker_joins,
    "worker_leaves": roles.worker_leaves,
    "offsets_moved_back": kafka.offsets_moved_back,
    "offsets_moved_forward": kafka.offsets_moved_forward,
    "group_deleted": kafka.group_deleted,
    "relay_killed": roles.relay_killed,
    "relay_killed_read": roles.relay_killed_at("relay_read"),
    "relay_killed_sent": roles.relay_killed_at("relay_sent"),
    "relay_frozen": roles.relay_frozen,
    "second_relay": roles.second_relay,
    "relay_changes": roles.relay_changes,
    "postgres_stopped": postgres.stopped,
    "postgres_killed": postgres.killed,
    "session_terminated": postgres.session_terminated,
    "commit_unanswered": postgres.commit_unanswered,
    "commit_cut": postgres.commit_cut,
    "postgres_black_hole": postgres.black_hole,
    "postgres_slow": postgres.slow,
    "postgres_reset": postgres.reset,
    "deadlock": postgres.deadlock,
    "serialization_failure": postgres.serialization_failure,
    "kafka_killed": kafka.killed,
    "kafka_stopped": kafka.stopped,
    "kafka_away": kafka.away,
    "kafka_slow": kafka.slow,
    "kafka_black_hole": kafka.black_hole,
    "kafka_reset": kafka.reset,
    "kafka_cut": kafka.cut,
}


@asynccontextmanager
async def struck(scene: Scene, blow: Blow) -> AsyncIterator[None]:
    """Strike *blow*; it lasts as long as the block."""
    async with FAULTS[blow.kind](scene, random.Random(blow.seed)):  # noqa: S311 - it has to be the same again
        yield
