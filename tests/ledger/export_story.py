"""Books that are exported at one moment, and go on: texts of every sort, currencies of none, two and three decimals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contracts.envelope import Command
from contracts.specs import LEDGER
from processor.database import Database
from processor.engine.cuts import Cut, take_cut
from processor.engine.exporting import ExportKind
from processor.ledger.exports import KINDS
from tests.engine.asking import capture, place, reverse, spend
from tests.engine.desk import Desk, moving, opening, paying_in
from tests.exports_read_back import Written, written
from tests.ledger.reading import Bustle, bustling, desk_at, later

KIND: Final[Mapping[str, ExportKind]] = {kind.name: kind for kind in KINDS}
ALL: Final = {"from": "2000-01-01", "to": "2100-01-01"}
TEXTS: Final = (
    *("=1+1", "+49 30", "-5", "@all", "\tindented", "\rback", "\nnext", "＝1", "＋1", "－1", "＠1"),
    *('he said "yes, no"', "two\r\nlines", "two\nlines", "Ελληνικά, ναι", "'quoted", " =1", "\\.", "NULL", "a;b|c"),
)


@dataclass(frozen=True, kw_only=True)
class Books:
    """Books at two moments, and what was exported at the first of them while it was now."""

    bustle: Bustle
    first: Cut
    at_first: Mapping[str, Written]
    last: Cut


async def texts(desk: Desk) -> None:
    """Open accounts in currencies of none, two and three decimals, and write texts of every sort."""
    currencies = {"-dash": "EUR", "-yen": "JPY", "dinar": "KWD", "pound": "GBP", "empty": "GBP", "empty-too": "EUR"}
    await desk.tell(*(opening(name, currency=currency) for name, currency in currencies.items()))
    for name, amount in (("-dash", "100"), ("-yen", "7"), ("dinar", "0.005"), ("pound", "9")):
        await desk.tell(*(paying_in(name, amount, reference=text) for text in TEXTS))
    await desk.tell(*(moving("pound", "empty", "0.07", description=text) for text in TEXTS), partition=1)
    await desk.tell(moving("nobody", "nowhere", "1"), spend("-yen", "5000000"), partition=2)


async def lapsing(desk: Desk) -> None:
    """Let a hold expire, and be decided on by nobody."""
    soon = await desk.connection.fetchval("SELECT partita_clock() + interval '1 minute'")
    await desk.tell(place(("dinar", "lapsing"), "0.001", expires_at=soon), place(("dinar", "lasting"), "0.001"))
    await later(desk, timedelta(minutes=2))


def meanwhile() -> Sequence[Command]:
    """Return what is decided before a cut is taken, and lies above it: it is committed later."""
    return (moving("-dash", "empty-too", "1"), spend("-dash", "100000"), place(("-dash", "meanwhile"), "1"))


def changes(bustle: Bustle) -> Sequence[Command]:
    """Return what changes how earlier rows read: reversals, captures and releases."""
    known = bustle.accounts[0]
    return (place((known, "late"), "1"), capture((known, "late")), moving(known, bustle.accounts[1], "1"))


async def write(url: str) -> Books:
    """Write the books, and export them on the way."""
    async with desk_at(url) as desk, Database(url, role="exports") as session:
        bustle = await bustling(desk, seed=11, batches=25)
        await texts(desk)
        await lapsing(desk)
        async with desk.held(url, desk.part(*meanwhile(), partition=3)):
            await desk.tell(paying_in("pound", "1"))
            first = await take_cut(desk.connection, LEDGER)
            connection = await session.connection()
            at_first = {
                name: await written(connection, KIND[name], first, **ALL) for name in ("transactions", "entries")
            }
        await bustle.write(desk, batches=25)
        made = moving("pound", "empty", "0.01")
        await desk.tell(made, *changes(bustle))
        await desk.tell(reverse("pound", made))
        last = await take_cut(desk.connection, LEDGER)
        return Books(bustle=bustle, first=first, at_first=at_first, last=last)
