"""A context: families of commands that share rows, one pair of topics, and the three things that are its own.

``rules`` decide, ``store`` moves rows between tables and the world, ``checks`` prove the tables afterwards. Everything
else is the engine's, and the same for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from contracts.catalog import Catalog, Topics
from contracts.envelope import Command, Event
from contracts.specs import CATALOG, Spec
from processor.database import Connection
from processor.engine.audit import Check
from processor.engine.decision import Decision, Stamp
from processor.engine.jobs import Chore, Job
from processor.telemetry import CounterName


class World(Protocol):
    """What a batch's rules see: the rows that were locked, as the decisions so far leave them."""

    @property
    def last_changed_at(self) -> datetime | None:
        """The latest instant at which one of the loaded rows was changed, or None for no rows."""

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:
        """Make *decision* part of the world, and remember the rows it leaves behind."""


W = TypeVar("W", bound=World)
Rule = Callable[[W, Any, datetime], Decision]  # (world, command, instant), pure


class Store(Protocol[W]):
    """The only code of a context that issues SQL."""

    async def find_in_tx(self, tx: Connection, commands: Sequence[Command]) -> Any:
        """Return what the commands mean: the keys of every row that deciding them may need. Locks nothing."""

    async def load_in_tx(self, tx: Connection, keys: Any, lane_nos: Sequence[int]) -> W:
        """Lock those rows, in one fixed order, and return them as the world the commands are decided on.

        Raises:
            Overtaken: What the keys were found by has changed meanwhile.
        """

    async def complete_in_tx(self, tx: Connection, world: W, keys: Any, instant: datetime) -> None:
        """Add to the world what depends on the instant of its decisions, and what its locked rows guard."""

    async def save_in_tx(self, tx: Connection, world: W) -> None:
        """Write what the decisions changed."""


@dataclass(frozen=True, kw_only=True)
class Context(Generic[W]):
    """One context, complete.

    ``specs`` are the rows of the catalog, its own and those of others; ``races`` names the unique constraints on its
    ids, whose violation means that another batch won a race, and will be seen when this one is run again. ``jobs`` is
    what time asks for; ``alarms`` are answers that somebody has to hear of, and what they are counted as.
    """

    name: str
    rules: Mapping[type[Command], Rule[W]]
    store: Store[W]
    checks: Sequence[Check] = ()
    specs: Sequence[Spec] = CATALOG
    races: frozenset[str] = frozenset()
    jobs: Sequence[Job | Chore] = ()
    alarms: Mapping[type[Event], CounterName] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make sure that every command of the context has a rule, and every rule a command."""
        commands = {spec.command for spec in self.own_specs}
        assert commands == set(self.rules), f"{self.name}: rules and catalog name different commands"

    @property
    def own_specs(self) -> Sequence[Spec]:
        """The context's own rows of the catalog."""
        return [spec for spec in self.specs if spec.context == self.name]

    @cached_property
    def begins_jobs(self) -> bool:
        """Whether any of its commands begins what ends later."""
        return any(spec.ends for spec in self.own_specs)

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog, ready for use where no topic is named."""
        return Catalog(self.specs)

    def catalog_at(self, topics: Topics) -> Catalog:
        """Return the catalog of an installation with these *topics*: it knows where other contexts' commands belong."""
        return Catalog(self.specs, topics=topics)
