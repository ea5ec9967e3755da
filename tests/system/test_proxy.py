"""The proxy does the harm it is told to do, and no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from partita.chaos.proxy import CommitWatch, Proxy, Strike, Way
from processor.database import connect

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing(through: Callable[[int], Proxy]) -> AsyncIterator[tuple[Proxy, Stream]]:
    """Open a connection through a proxy to a server that says everything again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1000):
                writer.write(chunk)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, through(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        yield proxy, (reader, writer)
        writer.transport.abort()


def plain(port: int) -> Proxy:
    return Proxy("127.0.0.1", port)


async def said(stream: Stream, words: bytes) -> bytes:
    stream[1].write(words)
    return await asyncio.wait_for(stream[0].readexactly(len(words)), 10)


async def test_without_a_fault_every_byte_passes() -> None:
    async with echoing(plain) as (_, stream):
        words = bytes(range(256)) * 4000
        assert await said(stream, words) == words
        stream[1].write_eof()
        assert await asyncio.wait_for(stream[0].read(), 10) == b""


async def test_a_delay_is_paid_on_both_ways() -> None:
    async with echoing(plain) as (proxy, stream):
        proxy.delay_s, proxy.jitter_s = 0.1, 0.05
        began = asyncio.get_running_loop().time()
        await said(stream, b"slowly")
        assert asyncio.get_running_loop().time() - began >= 0.2
        proxy.heal()
        assert await said(stream, b"again") == b"again"


@pytest.mark.parametrize("way", Way)
async def test_a_black_hole_takes_everything_and_gives_nothing_until_it_heals(way: Way) -> None:
    async with echoing(plain) as (proxy, stream):
        proxy.black_hole([way])
        stream[1].write(b"lost?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream[0].read(1), 0.2)
        proxy.heal()
        assert await asyncio.wait_for(stream[0].readexactly(5), 10) == b"lost?"


async def test_a_reset_is_a_reset() -> None:
    async with echoing(plain) as (proxy, stream):
        await said(stream, b"here")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(stream[0].read(), 10)


async def test_whoever_comes_while_it_refuses_is_reset() -> None:
    async with echoing(plain) as (proxy, _):
        proxy.refusing = True
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_so_many_bytes_pass_and_not_one_more() -> None:
    async with echoing(plain) as (proxy, stream):
        proxy.cut_after(3, Way.TO_SERVER)
        assert await said(stream, b"abc") == b"abc"
        stream[1].write(b"d")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(stream[0].read(), 10)
        assert proxy.struck.is_set()


EXTENDED = b"P\0\0\0\x10s1\0COMMIT\0\0\0" + b"B\0\0\0\x0fp1\0s1\0\0\0\0\0\0" + b"E\0\0\0\x0bp1\0\0\0\0\0"
START = b"\0\0\0\x08\x04\xd2\x16\x2f" + b"\0\0\0\x08\0\x03\0\0"


@pytest.mark.parametrize("commit", [b"Q\0\0\0\x0cCOMMIT;\0", EXTENDED], ids=["simple", "extended"])
def test_a_commit_is_seen_with_its_last_byte_however_it_is_cut(commit: bytes) -> None:
    watch = CommitWatch()
    text = START + b"Q\0\0\0\x0aBEGIN\0" + commit
    seen = [watch.sees(text[at : at + 1]) for at in range(len(text))]
    assert seen == [False] * (len(text) - 1) + [True]


def test_what_only_speaks_of_commits_is_none() -> None:
    watch = CommitWatch()
    assert not watch.sees(START + b"Q\0\0\0\x14SELECT 'COMMIT'\0" + b"d\0\0\0\x0bCOMMIT;" + EXTENDED[:17])


@pytest.mark.parametrize(("strike", "rows"), [(Strike.SWALLOW_REPLY, 1), (Strike.CUT_BEFORE, 0)])
async def test_the_answer_to_a_commit_is_swallowed_or_the_commit_itself(
    database_url: str, strike: Strike, rows: int
) -> None:
    there = urlsplit(database_url)
    direct = await connect(database_url, role="test")
    await direct.execute("CREATE TABLE struck (n int)")
    async with Proxy(str(there.hostname), there.port or 5432, watch=CommitWatch) as proxy:
        through = await connect(proxy.url(database_url), role="test")
        transaction = through.transaction()
        await transaction.start()
        await through.execute("INSERT INTO struck VALUES (1)")
        proxy.strike(strike)
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await transaction.commit()
        assert proxy.struck.is_set()
    async with asyncio.timeout(60):  # the server may still be rolling back
        while await direct.fetchval(
            "SELECT count(*) FROM pg_locks WHERE relation = 'struck'::regclass AND pid <> pg_backend_pid()"
        ):
            pass
    assert await direct.fetchval("SELECT count(*) FROM struck") == rows
    await direct.execute("DROP TABLE struck")
    await direct.close()
