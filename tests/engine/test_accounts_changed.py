"""Accounts that a batch changes in their balance, in something else, or in both: every row is written once, in full."""

from contracts.accounts import AccountClose, AccountFreeze, AccountSetOverdraft
from processor.engine.audit import audit
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, fill, moving, names

ROW = "SELECT status, ledger_minor, available_minor, overdraft_limit_minor, closed_at IS NOT NULL FROM account"


async def row_of(desk: Desk, account_id: str) -> tuple[object, ...]:
    return tuple(await desk.connection.fetchrow(f"{ROW} WHERE account_id = $1", account_id) or ())


async def test_money_limits_and_states_that_change_in_one_batch_are_all_in_the_rows(desk: Desk) -> None:
    a, b, c, d = names(4)
    await fill(desk, [a, b, c, d])

    told = await desk.tell(
        moving(a, b, "100"),
        AccountSetOverdraft(command_id=new_command_id(), account_id=a, overdraft_limit="50"),
        moving(a, b, "20"),  # possible by the limit that was just set
        AccountFreeze(command_id=new_command_id(), account_id=b, reason="court order"),
        moving(c, b, "1"),  # credits pass
        AccountClose(command_id=new_command_id(), account_id=d, payout_account_id=c),
    )

    assert [each.body.get("code", "applied") for each in told] == ["applied"] * 6
    assert await row_of(desk, a) == (1, -2000, -2000, 5000, False)
    assert await row_of(desk, b) == (2, 22100, 22100, 0, False)
    assert await row_of(desk, c) == (1, 19900, 19900, 0, False)
    assert await row_of(desk, d) == (3, 0, 0, 0, True)
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed
