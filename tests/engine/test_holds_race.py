"""Two lanes speak of one hold, or of one account, at once: whichever is decided first wins, and the other sees it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, count

import pytest

from contracts.envelope import Command
from processor.engine.audit import audit
from tests.engine.asking import Key, capture, close, expire, place, release, reverse
from tests.engine.desk import Desk, fill, moving, names, opening, paying_in
from tests.engine.meeting import meet, met, outcomes

HOUR = timedelta(hours=1)
Making = Callable[[Key], Command]
ROUNDS = 5
PAIRS = 200  # a round
BACKLOG = 12_000
BEHIND = 3000  # so many holds are placed before the first is captured
FULL = 4000  # commands in the largest batch


def in_turns(keys: Sequence[Key], one: Making, other: Making) -> tuple[list[Command], list[Command]]:
    """Return two batches, each with one command for every key: what the first has of a key the second has not."""
    makings = [(one, other), (other, one)]
    return (
        [makings[number % 2][0](key) for number, key in enumerate(keys)],
        [makings[number % 2][1](key) for number, key in enumerate(keys)],
    )


async def accounts_with_money(desk: Desk) -> list[str]:
    accounts = names(10)
    await fill(desk, accounts, "1000000")
    return accounts


def keys_on(accounts: Sequence[str], numbers: Iterator[int]) -> list[Key]:
    return [(accounts[number % len(accounts)], f"H{number}") for number, _ in zip(numbers, range(PAIRS), strict=False)]


async def forward(desk: Desk, by: timedelta) -> datetime:
    """Move the clock forward, and return what it shows."""
    await desk.connection.execute("UPDATE clock SET ahead = ahead + $1", by)
    shown: datetime = await desk.connection.fetchval("SELECT partita_clock()")
    return shown


async def held_minor(desk: Desk, accounts: Sequence[str]) -> int:
    """Return how much is held on *accounts*."""
    minor: int = await desk.connection.fetchval(
        "SELECT sum(ledger_minor - available_minor)::bigint FROM account WHERE account_id = ANY($1::text[])", accounts
    )
    return minor


async def books_are_right(desk: Desk, accounts: Sequence[str]) -> None:
    """Make sure that nothing is held on *accounts* any more, and that nobody can find a fault with the books."""
    assert await held_minor(desk, accounts) == 0
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed


@pytest.mark.parametrize(
    ("until", "expected"),
    [  # what becomes of a capture before an expiry, and of an expiry before a capture
        (None, [("settlement.posted", "hold_ended"), ("hold_not_due", "settlement.posted")]),
        (HOUR, [("hold_expired", "hold.expired"), ("hold.expired", "hold_ended")]),
        (3 * HOUR, [("settlement.posted", "hold_ended"), ("hold_not_due", "hold_expired")]),
    ],
    ids=["never due", "due", "due in between"],
)
async def test_of_a_capture_and_an_expiry_the_instants_say_which_wins(
    desk: Desk, database_url: str, until: timedelta | None, expected: list[tuple[str, str]]
) -> None:
    accounts, numbers = await accounts_with_money(desk), count()
    for _ in range(ROUNDS):
        now, keys = await forward(desk, HOUR), keys_on(accounts, numbers)
        expiry = {"expires_at": now + until} if until else {}
        await desk.tell(*(place(key, "1", **expiry) for key in keys))
        await forward(desk, 2 * HOUR)
        one, other = in_turns(keys, capture, expire)
        first, second = desk.part(*one), desk.part(*other, partition=1)
        async with met(desk, database_url, first, second):
            await forward(desk, 2 * HOUR)

        became = list(zip(await outcomes(desk, first), await outcomes(desk, second), strict=True))
        assert became == expected * (PAIRS // 2)
        late = desk.part(*(expire(key) for key, outcome in zip(keys, became, strict=True) if outcome == expected[1]))
        ending = {"hold_expired": "hold.expired"}.get(expected[1][1], "hold_ended")
        await desk.run([late])
        assert await outcomes(desk, late) == [ending] * (PAIRS // 2)
    await books_are_right(desk, accounts)


async def test_what_follows_an_expiry_is_younger_even_when_the_clock_goes_back(desk: Desk) -> None:
    (a,) = names(1)
    await fill(desk, [a])
    key, now = (a, "H"), await forward(desk, HOUR)
    await desk.one(place(key, expires_at=now + HOUR))
    await forward(desk, 2 * HOUR)
    await desk.one(paying_in(a, "1"))  # by now nothing is held
    await forward(desk, 2 * HOUR)
    expired = await desk.one(expire(key))
    await forward(desk, -HOUR)

    late = await desk.one(capture(key), partition=2)

    assert (late.body["code"], late.occurred_at > expired.occurred_at) == ("hold_ended", True)
    await forward(desk, HOUR)


async def test_of_a_capture_and_a_release_the_first_wins(desk: Desk, database_url: str) -> None:
    accounts, numbers = await accounts_with_money(desk), count()
    for _ in range(ROUNDS):
        keys = keys_on(accounts, numbers)
        await desk.tell(*map(place, keys))
        one, other = in_turns(keys, capture, release)
        became = await meet(desk, database_url, desk.part(*one), desk.part(*other, partition=1))
        assert became == ["settlement.posted", "hold.released"] * (PAIRS // 2) + ["hold_ended"] * PAIRS
    await books_are_right(desk, accounts)


async def test_of_a_reversal_and_a_closing_the_first_wins(desk: Desk, database_url: str) -> None:
    """Whoever takes the money back has a balance; whoever has closed the account takes nothing."""
    (shop,) = names(1)
    await desk.one(opening(shop))
    for _ in range(ROUNDS):
        buyers = names(PAIRS)
        await fill(desk, buyers, "1")
        payments = {buyer: moving(buyer, shop, "1") for buyer in buyers}
        await desk.tell(*payments.values())

        one, other = in_turns(
            [(buyer, "") for buyer in buyers],
            lambda key: reverse(key[0], payments[key[0]]),  # noqa: B023 - done with before the next round
            lambda key: close(key[0]),
        )
        became = await meet(desk, database_url, desk.part(*one), desk.part(*other, partition=1))
        firsts, seconds = ["transfer.reversed", "account.closed"], ["balance_not_zero", "account_closed"]
        assert became == firsts * (PAIRS // 2) + seconds * (PAIRS // 2)
    await books_are_right(desk, [shop])


async def test_a_backlog_of_holds_and_their_captures_is_applied_in_full_batches_and_none_misses_its_hold(
    desk: Desk,
) -> None:
    accounts = names(100)
    await fill(desk, accounts, "1000000")
    keys = [(accounts[number % len(accounts)], f"H{number}") for number in range(BACKLOG)]
    behind = zip(map(place, keys[BEHIND:]), map(capture, keys), strict=False)
    commands = [*map(place, keys[:BEHIND]), *chain.from_iterable(behind), *map(capture, keys[-BEHIND:])]
    backlog = [desk.part(*commands[start : start + FULL]) for start in range(0, len(commands), FULL)]
    told = Counter[str]()
    for part in backlog:
        await desk.run([part])
        told.update(await outcomes(desk, part))
    assert told == {"hold.placed": BACKLOG, "settlement.posted": BACKLOG}
    assert await held_minor(desk, accounts) == 0
