"""The composition root: which contexts there are, and what each is built of; ``partita.roles`` are built on it.

Everything concrete is put together here and there, and nowhere else. Tests build the same ``App`` with their own
settings and contexts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.catalog import Catalog, Topics
from partita.exporting import export_kinds
from partita.settings import Settings
from processor.activity.context import activity_of
from processor.activity.store import ActivityStore
from processor.database import Connection, Database, Timeouts, connect
from processor.engine.context import Context
from processor.engine.exporting import ExportKind
from processor.engine.jobs import Calendar
from processor.errors import NotPrepared
from processor.expenses.context import EXPENSES
from processor.exports.context import exports_of
from processor.exports.store import ExportsStore
from processor.ledger.bank import Bank, limits_of
from processor.ledger.context import LEDGER
from processor.ledger.jobs import jobs_of
from processor.ledger.lending import CarryOver
from processor.ledger.store import LedgerStore
from processor.objects import AllowList, location_of
from processor.revenue.context import REVENUE

# What files may be read, and what can be exported, an installation says: see ``App.set_up``.
ACTIVITY: Final = activity_of(lambda _: False)
EXPORTS: Final = exports_of(())
WORKERS: Final = {"exports": EXPORTS.name, "imports": ACTIVITY.name}  # roles that work on jobs, and whose
CONTEXTS: Final[tuple[Context[Any], ...]] = (LEDGER, EXPENSES, REVENUE, ACTIVITY, EXPORTS)


@dataclass(frozen=True, kw_only=True)
class App:
    """The program with its settings; *contexts* are what it works on."""

    settings: Settings
    contexts: Sequence[Context[Any]] = CONTEXTS
    wakes: dict[str, asyncio.Event] = field(default_factory=dict)  # relays that run in this process, by context

    @property
    def topics(self) -> Topics:
        """Return the names of all topics."""
        return Topics(prefix=self.settings.topic_prefix)

    @property
    def catalog(self) -> Catalog:
        """Return everything that may be said to the contexts."""
        return Catalog((spec for context in self.contexts for spec in context.own_specs), topics=self.topics)

    @property
    def calendar(self) -> Calendar:
        """Return the bank's days and months."""
        return Calendar(zone=ZoneInfo(self.settings.timezone))

    @property
    def timeouts(self) -> Timeouts:
        """Return how long a session waits."""
        return Timeouts(
            lock_s=self.settings.lock_timeout_s,
            statement_s=self.settings.statement_timeout_s,
            blocker_s=self.settings.blocker_timeout_s,
        )

    def database(self, role: str) -> Database:
        """Return a session of its own for *role*."""
        return Database(self.settings.database_url.get_secret_value(), role=role, timeouts=self.timeouts)

    async def connect(self, role: str) -> Connection:
        """Open a connection for one errand."""
        return await connect(self.settings.database_url.get_secret_value(), role=role, timeouts=self.timeouts)

    @property
    def bank(self) -> Bank:
        """Return what the ledger is told of its bank."""
        return bank_of(self.settings)

    @property
    def allow_list(self) -> AllowList:
        """Return which files may be imported."""
        further = [location_of(each) for each in self.settings.import_locations.split(",") if each]
        return AllowList(home=location_of(self.settings.objects_url), further=further)

    @property
    def export_kinds(self) -> Sequence[ExportKind]:
        """Return what can be exported."""
        return export_kinds(self.bank)

    def set_up(self, context: Context[Any]) -> Context[Any]:
        """Return *context* as this installation has it: the ledger is that of its bank, and so on.

        One with a store of another make, as tests have them, stays as it is.
        """
        if type(context.store) is LedgerStore:
            return replace(context, store=LedgerStore(self.bank), jobs=jobs_of(self.bank))
        if type(context.store) is ActivityStore:
            return replace(context, store=ActivityStore(self.allow_list.allows))
        if type(context.store) is ExportsStore:
            return replace(context, store=ExportsStore({kind.name: kind for kind in self.export_kinds}))
        return context

    def contexts_for(self, role: str) -> Sequence[Context[Any]]:
        """Return the contexts that *role* has work in: time asks something of some, and workers are for one."""
        if role == "scheduler":
            return [context for context in self.contexts if context.jobs]
        only = WORKERS.get(role)
        return [context for context in self.contexts if only in (None, context.name)]

    def limited_to(self, names: Sequence[str]) -> "App":
        """Return the same program for only some of its contexts.

        Raises:
            NotPrepared: There is no such context.
        """
        known = {context.name: context for context in self.contexts}
        if unknown := [name for name in names if name not in known]:
            raise NotPrepared(f"There is no context {unknown[0]}; choose from {', '.join(known)}.")
        return App(settings=self.settings, contexts=[known[name] for name in names] if names else self.contexts)


def bank_of(settings: Settings) -> Bank:
    """Return the bank that *settings* describe."""
    return Bank(
        zone=ZoneInfo(settings.timezone),
        secret=settings.fingerprint_key.get_secret_value().encode(),
        advance_limits=limits_of(settings.advance_limits),
        carry_over=CarryOver(settings.advance_carry_over),
        hot_months=settings.hot_months,
    )
