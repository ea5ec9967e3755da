"""What imports are made of: what a worker is told to do, and how far it has come."""

from msgspec import Struct

from contracts.activity import Policy


class ImportTask(Struct, frozen=True, kw_only=True):
    """What a worker is to do: read these files, in this order, by this policy."""

    files: list[str]
    policy: Policy


class ImportCome(Struct, frozen=True, kw_only=True):
    """How far an import has come: the lines read, what has become of them, and the files that were read to the end."""

    lines: int = 0
    imported: int = 0
    rejected: int = 0
    duplicate: int = 0
    files_done: int = 0
