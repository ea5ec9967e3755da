"""What each family of a context has of its own: gathered from one module per family, found by being there.

``rules/<family>.py`` names the rule of each of its commands in ``RULES``. A family that keeps rows in tables of its own
has a module in ``families/`` besides, with all queries in a ``.sql`` file beside it; it may name

    TABLES   append-only tables, which its rules' ``Kept`` go to
    SHELVES  tables of rows that change, which its rules' ``Put`` go to
    CHECKS   what the audit proves of them

Invariant Nothing is had twice. An append-only table begins with its rows' stamp: lane, number in it, instant.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final, TypeVar

from contracts.envelope import Command
from processor.engine.audit import Check
from processor.engine.context import Rule
from processor.engine.copy import Table
from processor.engine.shelves import Shelf

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_STAMP: Final = ("lane_no", "seq")


def rules_in(package: ModuleType) -> Mapping[type[Command], Rule[Any]]:
    """Return the rule of every command that a module of *package* decides."""
    return _each_once(entry for module in _modules_of(package) for entry in getattr(module, "RULES", {}).items())


def tables_in(package: ModuleType) -> Mapping[str, Table]:
    """Return the families' own tables by name."""
    named = (getattr(module, "TABLES", ()) for module in _modules_of(package))
    tables = _each_once((table.name, table) for each in named for table in each)
    for table in tables.values():
        stamped = table.columns[:2] == _STAMP and table.columns[2].endswith("_at")
        assert stamped, f"{table.name} does not begin with lane, number and instant"
    return tables


def shelves_in(package: ModuleType) -> Sequence[Shelf]:
    """Return the families' own tables of rows that change."""
    named = (getattr(module, "SHELVES", ()) for module in _modules_of(package))
    return list(_each_once((shelf.table.name, shelf) for each in named for shelf in each).values())


def checks_in(package: ModuleType) -> tuple[Check, ...]:
    """Return what the audit proves of the families' own tables."""
    named = (getattr(module, "CHECKS", ()) for module in _modules_of(package))
    return tuple(_each_once((check.name, check) for each in named for check in each).values())


def _modules_of(package: ModuleType) -> list[Any]:
    return [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]


def _each_once(pairs: Iterable[tuple[K, V]]) -> dict[K, V]:
    gathered: dict[K, V] = {}
    for name, one in pairs:
        assert name not in gathered, f"two families have {name}"
        gathered[name] = one
    return gathered
