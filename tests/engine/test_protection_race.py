"""Accounts that step in for others, while links, states and balances change in another lane."""

import pytest

from contracts.accounts import AccountFreeze
from contracts.envelope import Command
from producers.command_ids import new_command_id
from tests.engine.asking import close, link, spend
from tests.engine.desk import Desk, fill, names, opening, paying_in
from tests.engine.meeting import meet


async def links(desk: Desk, *accounts: str) -> dict[str, str]:
    """Return who steps in for which of *accounts*."""
    rows = await desk.connection.fetch(
        "SELECT account_id, protection_account_id FROM account"
        " WHERE protection_account_id IS NOT NULL AND account_id = ANY($1::text[])",
        accounts,
    )
    return dict(map(tuple, rows))


async def test_a_protector_that_is_linked_while_a_debit_waits_steps_in(desk: Desk, database_url: str) -> None:
    a, p = names(2)
    await fill(desk, [a, p], "10")

    became = await meet(desk, database_url, desk.part(link(a, p)), desk.part(spend(a, "15"), partition=1))

    assert became == ["account.protection_linked", "transfer.posted"]
    overdraft = (await desk.told(1))[-1].body["overdraft"]
    assert (overdraft["protected_by"], overdraft["used"]) == (p, "0.00")


async def test_a_protector_of_one_that_was_linked_while_a_link_waited_is_seen_too(
    desk: Desk, database_url: str
) -> None:
    a, b, c = names(3)
    await desk.tell(*map(opening, (a, b, c)), link(a, b))

    became = await meet(desk, database_url, desk.part(link(b, c)), desk.part(link(c, a), partition=1))

    assert became == ["account.protection_linked", "protection_cycle"]
    assert await links(desk, a, b, c) == {a: b, b: c}


async def test_two_accounts_that_come_to_protect_one_another_at_once_do_not(desk: Desk, database_url: str) -> None:
    a, b = names(2)
    await desk.tell(opening(a), opening(b))

    became = await meet(desk, database_url, desk.part(link(a, b)), desk.part(link(b, a), partition=1))

    assert became == ["account.protection_linked", "protection_cycle"]
    assert await links(desk, a, b) == {a: b}


async def test_nobody_is_linked_to_an_account_that_is_being_closed(desk: Desk, database_url: str) -> None:
    a, p = names(2)
    await desk.tell(opening(a), opening(p))

    became = await meet(desk, database_url, desk.part(close(p)), desk.part(link(a, p), partition=1))

    assert became == ["account.closed", "protection_account_closed"]
    assert await links(desk, a) == {}


async def test_a_link_that_is_made_while_its_protector_waits_to_be_closed_ends_with_it(
    desk: Desk, database_url: str
) -> None:
    a, p = names(2)
    await desk.tell(opening(a), opening(p))

    became = await meet(desk, database_url, desk.part(link(a, p)), desk.part(close(p), partition=1))

    assert became == ["account.protection_linked", "account.closed"]
    assert await links(desk, a) == {}


@pytest.mark.parametrize("meanwhile", ["unlinked", "spent", "closed", "frozen"])
async def test_a_protector_that_cannot_step_in_any_more_when_the_locks_are_had_does_not(
    desk: Desk, database_url: str, meanwhile: str
) -> None:
    a, p = names(2)
    await desk.tell(opening(a), opening(p), paying_in(p, "10"), link(a, p))
    first: dict[str, list[Command]] = {
        "unlinked": [link(a, None)],
        "spent": [spend(p, "6")],
        "closed": [spend(p, "10"), close(p)],
        "frozen": [AccountFreeze(command_id=new_command_id(), account_id=p, reason="")],
    }

    became = await meet(desk, database_url, desk.part(*first[meanwhile]), desk.part(spend(a, "5"), partition=1))

    assert became[-1] == "insufficient_funds"
