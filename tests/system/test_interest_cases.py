"""Published cases of interest as a bank meets them: accounts under products of their own, days that pass, commands."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from producers.command_ids import new_command_id
from tests.ledger.interest_cases import Case, cases, needs_cases
from tests.system.conftest import Install
from tests.system.sending import send, until_settled

DAY: Final = timedelta(days=1)
PLACES: Final = Decimal("0.0001")
TODAY: Final = "SELECT (partita_clock() AT TIME ZONE 'UTC')::date"
LET_DAYS_PASS: Final = "UPDATE clock SET ahead = ahead + $1 * interval '1 day'"
ACCRUED: Final = """
SELECT aggregateid, convert_from(payload, 'UTF8')::jsonb ->> 'accrued' FROM event WHERE type = 'interest.accrued'"""


def command(kind: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": kind, **fields}


def amount(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02d}"


def opened(number: int, case: Case) -> list[dict[str, Any]]:
    """Return what opens the account of a case with its balance, below zero too."""
    account, product, fields = f"V-{number}", f"P-{number}", {"account_type": "SAVINGS", "currency": "USD"}
    tiers = [{"from": amount(start), "rate": rate} for start, rate in case.tiers]
    terms = {"interest": "simple", "tier_mode": "marginal", "day_count": case.day_count, "overdraft_fee": "0"}
    moves = "transfer.deposit" if case.minor > 0 else "transfer.withdraw"
    said = [
        command("product.set", product=product, **fields, **terms, tiers=tiers),
        command("account.open", account_id=account, product=product, overdraft_limit="100000", **fields),
    ]
    return [*said, command(moves, account_id=account, amount=amount(case.minor))] if case.minor else said


@needs_cases
async def test_published_cases_come_true_from_deposit_to_accrual(install: Install) -> None:
    at, known = await install(partitions=1), cases()
    with at.role("consumer", "relay"):
        said = [each for number, case in enumerate(known) for each in opened(number, case)]
        await send(at, said)
        await until_settled(at, len(said))
        today: date = (await at.fetch(TODAY))[0][0]
        await at.fetch(LET_DAYS_PASS, max(case.days for case in known))
        accruals = [
            command("interest.accrue", account_id=f"V-{number}", date=(today + (case.days - 1) * DAY).isoformat())
            for number, case in enumerate(known)
        ]
        await send(at, accruals)
        await until_settled(at, len(said) + len(accruals))
        accrued = {name: Decimal(text) for name, text in await at.fetch(ACCRUED)}
    assert {name: earned.quantize(PLACES, ROUND_HALF_UP) for name, earned in accrued.items()} == {
        f"V-{number}": case.expected for number, case in enumerate(known)
    }
