"""Jobs: what takes longer than a batch, such as an import or an export. A command begins one, an event ends it.

Invariant COMPLETED, FAILED and CANCELLED are ends: a job that has come to one stays there.
"""

from enum import StrEnum


class JobState(StrEnum):
    """How a job stands, as details show it."""

    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
