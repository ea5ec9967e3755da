"""Two lanes speak of one advance, or of one account, at once: who is decided first wins, and the other sees it."""

from collections.abc import Callable

import pytest

from contracts.envelope import Command
from processor.engine.audit import audit
from tests.engine.asking import Key, close, collect, give_up, grant, pay_back
from tests.engine.desk import Desk, fill, names
from tests.engine.meeting import meet
from tests.engine.test_holds_race import in_turns

PAIRS = 50
Making = Callable[[Key], Command]


def close_of(key: Key) -> Command:
    return close(key[0])


def second_grant(key: Key) -> Command:
    return grant((key[0], "W"))


# What becomes of the one and of the other where they come first, and of the other and of the one behind them.
MEETINGS = {
    (True, collect, collect): "advance.payment_collected advance.payment_collected payment_settled payment_settled",
    (True, collect, pay_back): "advance.payment_collected advance.repaid advance.repaid payment_settled",
    (True, collect, give_up): "advance.payment_collected advance.written_off advance.written_off payment_settled",
    (True, pay_back, give_up): "advance.repaid advance.written_off advance_closed advance_closed",
    (True, give_up, second_grant): "advance.written_off advance_open advance.granted advance.written_off",
    (True, pay_back, close_of): "advance.repaid advance_open balance_not_zero advance.repaid",
    (False, grant, second_grant): "advance.granted advance.granted advance_open advance_open",
    (False, grant, grant): "advance.granted advance.granted advance_exists advance_exists",
}


@pytest.mark.parametrize(("meeting", "expected"), MEETINGS.items())
async def test_of_two_that_meet_the_first_wins(
    desk: Desk, database_url: str, meeting: tuple[bool, Making, Making], expected: str
) -> None:
    granted, one, other = meeting
    accounts = names(PAIRS)
    keys = [(account, "V") for account in accounts]
    await fill(desk, accounts, "7")
    if granted:
        await desk.tell(*map(grant, keys))

    first, second = in_turns(keys, one, other)
    became = await meet(desk, database_url, desk.part(*first), desk.part(*second, partition=1))

    *firsts, third, fourth = expected.split()
    assert became == firsts * (PAIRS // 2) + [third, fourth] * (PAIRS // 2)


async def test_the_books_that_all_these_meetings_leave_behind_are_right(desk: Desk) -> None:
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]
