"""How PostgreSQL reads a page. A module of its own, for a database with next to nothing in it."""

from processor.database import Connection, named_queries
from tests.producers.books import Books


async def plan(connection: Connection, query: str, *arguments: object) -> str:
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *arguments))


async def test_a_page_is_read_by_index_even_when_planned_over_small_tables(books: Books) -> None:
    queries = named_queries("producers", "relay.sql")
    lane = await books.lane(0)
    await lane.answers(["A"] * 3)
    await books.connection.execute("ANALYZE event, lane, relay_position, dead_letter")
    await books.connection.execute(queries["set_up_session"], "0")
    page = await plan(books.connection, queries["page"], books.context, 2000)
    assert page.count("Index Scan using event_pkey") == 1
    assert page.count("Index Scan using event_one_answer_per_command") == 1
    assert "Seq Scan" not in page
    assert "Sort" not in page
    assert "Hash" not in page
