"""The tables of expenses again, through the engine on PostgreSQL, with those that speak of repeats and of erasing."""

import pytest

from partita.local.stack import LocalStack
from tests.expenses.machine_engine import opened
from tests.expenses.machine_keepers import START
from tests.expenses.tables_attempts import tables
from tests.expenses.tables_run import Run


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "as one batch"])
async def test_every_attempt_gets_the_answer_that_its_table_expects(
    stack: LocalStack, migrated_database: str, *, together: bool
) -> None:
    async with opened(stack, migrated_database, START) as keeper:
        for table in tables():
            await Run(table=table, keeper=keeper, together=together).all()
        await keeper.require_right_books()
