"""Whatever is asked of revenue in whatever order and batches, rules and engine answer as the model does."""

import os
from collections import Counter
from typing import Final

import msgspec

from processor.database import Connection
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.engine.cuts import Cut, take_cut
from processor.revenue.context import REVENUE
from processor.revenue.reads import RecordsQuery, account, records, records_seal
from processor.revenue.summaries import summary
from tests.revenue.drawing import Draws, met
from tests.revenue.keepers import SPECS, EngineKeeper, Json, Keeper, ModelKeeper, RulesKeeper, engine
from tests.revenue.model import Model
from tests.revenue.reading_exports import EVER, exported

MORE: Final = int(os.environ.get("PARTITA_TEST_REVENUE", "1"))  # times as many stories
SEAL: Final = records_seal(b"secret")


async def tell(keeper: Keeper, draws: Draws, size: int, *, again: bool = False) -> Counter[str]:
    """Have a batch decided, and each answer judged by the model, in the order of the decisions."""
    seen = Counter[str]()
    asked = [draws.command(again=again) for _ in range(size)]
    for said, instant, body in await keeper.decide(asked):
        right = draws.model.answer(said, instant)
        told = body
        if "details" in right:
            told = body | {"details": {name: body["details"].get(name) for name in right["details"]}}
        assert told == right, said
        met(seen, said, body)
    return seen


async def test_the_rules_answer_as_the_model_whatever_is_asked() -> None:
    seen = Counter[str]()
    for seed in range(4 * MORE):
        keeper, draws = RulesKeeper(), Draws(ModelKeeper().model, seed=seed)
        for _ in range(400):
            seen += await tell(keeper, draws, 1)
    promised = {f"{spec.type} {code.value}" for spec in SPECS for code in spec.codes}
    promised |= {f"{spec.type} applied" for spec in SPECS}
    assert promised - seen.keys() == {f"{spec.type} command_id_reused" for spec in SPECS}


async def test_the_engine_answers_as_the_model_and_reads_show_what_the_model_has(database_url: str) -> None:
    seen, snapshots = Counter[str](), list[tuple[Cut, list[list[str]]]]()
    async with engine(database_url) as keeper:
        draws = Draws(Model(), seed=9)
        for number in range(60 * MORE):
            seen += await tell(keeper, draws, (1, 7, 25, 2)[number % 4], again=True)
            if number % 12 == 0:
                snapshots.append((await take_cut(keeper.desk.connection, REVENUE.name), draws.model.exported(*EVER)))
        assert {f"{spec.type} applied" for spec in SPECS} <= seen.keys()
        assert {what.split()[1] for what in seen} >= {"replayed", "command_id_reused"}
        await require_right_books(keeper, draws.model)
        assert any(len(right) > 20 for _, right in snapshots)
        for cut, right in snapshots:
            assert (await exported(keeper.desk.connection, cut, rows=9)).cells == right


async def require_right_books(keeper: EngineKeeper, model: Model) -> None:
    """Let the audit go over the tables, and compare what reads show with what the model has."""
    connection = keeper.desk.connection
    report = await audit(connection, [*ENGINE_CHECKS, *REVENUE.checks], rows_per_slice=50)
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]
    for account_id, known in model.accounts.items():
        if known.deleted_at is None:
            found = await account(connection, account_id)
            assert (found.name, found.tier, found.version) == (known.name, known.tier, known.version)
            assert found.records == len(known.live())
            assert await listed(connection, account_id) == model.listed(account_id)
            assert msgspec.to_builtins(await summary(connection, account_id)) == model.summary(account_id)


async def listed(connection: Connection, account_id: str) -> list[Json]:
    """Return an account's records, page by page."""
    page = await records(connection, account_id, RecordsQuery(limit=7), seal=SEAL)
    found = page.records
    while page.next_token is not None:
        page = await records(connection, account_id, page.next_token, seal=SEAL)
        found += page.records
    shown: list[Json] = msgspec.to_builtins(found)
    return shown
