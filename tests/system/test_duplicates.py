"""Commands sent again, by the same way and by another, as they were and changed: one effect, whoever comes first."""

import asyncio
import random
import uuid
from collections import Counter
from pathlib import Path

from processor.engine.events import Kind
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import send, until, until_settled
from tests.system.test_exactness import judged
from tests.system.test_kills import lag_and_unpublished
from tests.system.test_restore import Commands, opening

ACCOUNTS, PAIRS = 10, 400
NAMES = [f"D-{number}" for number in range(ACCOUNTS)]
WORKERS_WAIT = """
    SELECT count(*) = 2 FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE '%consumer%'
       AND cardinality(pg_blocking_pids(pid)) > 0
"""


async def test_an_id_that_comes_thrice_and_by_two_partitions_at_once_has_one_effect(
    install: Install, tmp_path: Path
) -> None:
    """A producer repeats every record; another sends half of them changed. Two workers have batches of them in hand,
    neither has seen an answer, when the rows that both wait for are let go.
    """
    at = await install(partitions=2, PARTITA_BATCH_SIZE_MAX="100", PARTITA_LOCK_TIMEOUT_S="20")
    one = paying(PAIRS, seed=52)
    twice = [each for each in one for _ in (1, 2)]
    other = [{**each, "amount": "999.00"} if number % 2 else each for number, each in enumerate(one)]

    with at.role("consumer") as left, at.role("consumer") as right, at.role("relay"):
        for worker in (left, right):
            await asyncio.to_thread(worker.says, r"partitions assigned .*partitions=\[\d\]")
        await send(at, opening(NAMES))
        await until_settled(at, ACCOUNTS)
        async with at.asking() as rival, rival.transaction():
            await rival.execute("SELECT FROM account WHERE lane_no = 0 FOR UPDATE")
            await asyncio.gather(send(at, twice, partition=0), send(at, other, partition=1))
            await until(at, WORKERS_WAIT)
        await until_settled(at, ACCOUNTS + 3 * PAIRS)

    assert "event_one_answer_per_command" in left.log + right.log  # they met
    first = await firsts(at)
    reused = sum(1 + first[each["command_id"]] for each, twin in zip(one, other, strict=True) if each != twin)
    assert await at.fetch("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind") == [
        (Kind.ANSWER, ACCOUNTS + PAIRS),
        (Kind.REPEAT, 2 * PAIRS - reused),
        (Kind.REUSE, reused),
    ]
    assert await at.balances() == added([(one, other)[first[each["command_id"]]][n] for n, each in enumerate(one)])
    assert lag_and_unpublished(at) == (0, 0)
    assert await judged(at, tmp_path / "books") == []
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout


async def firsts(at: Installation) -> dict[str, int]:
    """Return by which partition each command came first, as the books have it."""
    rows = await at.fetch(
        "SELECT command_id, partition FROM event JOIN lane USING (lane_no) WHERE kind = 1 AND type = 'transfer.posted'"
    )
    return {str(uuid.UUID(bytes=row[0])): row[1] for row in rows}


def paying(count: int, *, seed: int) -> Commands:
    dice = random.Random(seed)
    return [
        {
            "type": "transfer.deposit",
            "command_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            "account_id": dice.choice(NAMES),
            "amount": f"{dice.randrange(1, 900)}.00",
            "currency": "USD",
        }
        for _ in range(count)
    ]


def added(deposits: Commands) -> dict[str, int]:
    """Return what the accounts hold after *deposits*, in cents."""
    sums = Counter(dict.fromkeys(NAMES, 0))
    for each in deposits:
        sums[each["account_id"]] += int(each["amount"].removesuffix(".00")) * 100
    return dict(sums)
