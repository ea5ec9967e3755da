"""A process that erases a user and ends: ``erasing_process.py URL OFFSET COMMAND_ID USER_ID``."""

import asyncio
import sys

from contracts.users import UserErase
from processor.database import connect
from tests.expenses.erasing_story import opened


async def main(url: str, offset: str, command_id: str, user_id: str) -> None:
    connection = await connect(url, role="doomed")
    desk = await opened(connection, url)
    assert desk.offsets[0] == int(offset)
    await desk.run([desk.part(UserErase(command_id=command_id, user_id=user_id))])
    await desk.database.close()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
