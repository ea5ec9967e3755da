"""``partita account``: one account with its holds and its transactions."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.errors import NotPrepared
from processor.ledger.account_reads import AccountRead, Json, read_account
from processor.ledger.bank import Bank
from processor.ledger.statements import Balance, balance_at

_HOLDS: Final = ("hold_id", "reason", "amount", "captured", "remaining", "expires_at")
_TRANSACTIONS: Final = ("posted_at", "status", "reason", "txn_type", "direction", "amount", "balance_after")
_AMOUNTS: Final = ("amount", "captured", "remaining", "balance_after")


async def account(
    account_id: str,
    *,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=366))] = 5,
    at: datetime | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Shows an account, what is held of it, and what was posted or refused.

    A transaction reads as PENDING while it is an open hold, as POSTED or
    REVERSED once it has moved money, and as FAILED, with the code, where it
    was refused. The latest come first, a thousand at most.

    For example:
        partita account alice --days 30

        partita account alice --at 2026-06-30T22:00:00Z

    Parameters
    ----------
    account_id:
        the account
    days:
        how far back its transactions go
    at:
        only the ledger balance at this instant, in UTC unless it has a zone;
        interest counts from the end of the day that it was posted for
    as_json:
        one JSON object
    """
    settings = load_settings()
    bank = Bank(zone=ZoneInfo(settings.timezone))
    async with session(App(settings=settings), "account") as connection:
        if at is not None:
            instant = at if at.tzinfo else at.replace(tzinfo=UTC)
            _show_balance(await balance_at(connection, account_id, instant, bank=bank), as_json=as_json)
            return
        found = await read_account(connection, account_id, bank=bank, days=days)
    if found is None:
        raise NotPrepared(f"No account has the id {account_id}; `partita accounts` lists them.")
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        _show(found)


def _show_balance(balance: Balance, *, as_json: bool) -> None:
    told: Json = msgspec.to_builtins(balance)
    print(json.dumps(told) if as_json else f"{balance.ledger_balance} {balance.currency} at {balance.at}")


def _show(found: AccountRead) -> None:
    console = Console()
    facts = Table(show_header=False)
    for name, value in found.account.items():
        facts.add_row(name.replace("_", " "), "" if value is None else str(value))
    console.print(facts)
    if found.holds:
        console.print(_table("Holds", _HOLDS, found.holds))
    if found.transactions:
        console.print(_table("Transactions", _TRANSACTIONS, found.transactions))


def _table(title: str, columns: tuple[str, ...], rows: list[Json]) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right" if name in _AMOUNTS else "left")
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    return table
