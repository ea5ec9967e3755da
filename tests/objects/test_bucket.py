"""S3 that fails as stores fail: an object is there as a whole or not at all, and what went wrong is said in time."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from processor.bucket import PART_BYTES
from processor.objects import ObjectChanged, ObjectMissing, Objects, ObjectsIll
from tests.objects.conftest import impatient
from tests.objects.s3_proxy import Fault, S3Proxy, Way
from tests.objects.servers import BUCKET

DATA = random.Random(9).randbytes(PART_BYTES + 1)  # two parts
FEW = DATA[:3_000_000]  # three pieces
PART = r"partNumber="
COMPLETE = r"\?uploadId="

Writing = Callable[[Objects, bytes], Awaitable[None]]


async def put(objects: Objects, data: bytes) -> None:
    await objects.put("a", data)


async def write(objects: Objects, data: bytes) -> None:
    async with objects.writer("a") as file:
        for start in range(0, len(data), 500_000):
            await file.write(data[start : start + 500_000])


async def write_and_wait(objects: Objects, begun: asyncio.Event) -> None:
    async with objects.writer("a") as file:
        await file.write(DATA)
        begun.set()
        await asyncio.Event().wait()


async def read(objects: Objects, key: str = "a") -> bytes:
    return b"".join([piece async for piece in objects.read(key)])


async def collect(reading: AsyncIterator[bytes], got: list[bytes]) -> None:
    async for piece in reading:
        got.append(piece)  # noqa: PERF401 - what came before an error counts


def meanwhile(deed: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Return what does *deed* in the proxy's thread."""
    return lambda: asyncio.run(deed())


async def keys(objects: Objects) -> list[str]:
    return [facts.key async for facts in objects.list()]


both = pytest.mark.parametrize("writing", [put, write])


# Passing faults: it is tried again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["unavailable", "cut_request"])
@both
async def test_a_request_that_fails_once_is_made_again(
    bucket: Objects, proxy: S3Proxy, writing: Writing, way: Way
) -> None:
    proxy.faults = [Fault(way=way, method="PUT", skip=0 if writing is put else 1, times=1)]
    data = FEW if writing is put else DATA
    await writing(bucket, data)
    assert proxy.faults[0].met > 1
    assert await read(bucket) == data
    assert proxy.seen.open_uploads == set()


@pytest.mark.parametrize("tells_ranges", [True, False])
@pytest.mark.parametrize("way", ["unavailable", "cut_answer"])
async def test_reading_goes_on_behind_what_was_read_when_an_answer_fails(
    bucket: Objects, proxy: S3Proxy, way: Way, *, tells_ranges: bool
) -> None:
    await bucket.put("a", FEW)
    proxy.tells_ranges = tells_ranges
    proxy.faults = [Fault(way=way, method="GET", skip=skip, times=1) for skip in (0, 1)]
    assert await read(bucket) == FEW


async def test_a_store_that_cannot_be_asked_for_a_range_is_asked_for_the_whole(bucket: Objects, proxy: S3Proxy) -> None:
    await bucket.put("a", FEW)
    proxy.tells_ranges = False
    for offset in (1, 2_999_999, 3_000_000):
        assert b"".join([piece async for piece in bucket.read("a", offset=offset)]) == FEW[offset:]


async def test_an_end_of_an_upload_that_fails_once_is_asked_for_again(bucket: Objects, proxy: S3Proxy) -> None:
    proxy.faults = [Fault(way="error_body", method="POST", pattern=COMPLETE, times=1)]
    await write(bucket, DATA)
    assert await read(bucket) == DATA
    assert proxy.seen.open_uploads == set()


# Lasting faults: an error, in time, and nothing is left ---------------------------------------------------------------


@pytest.mark.parametrize("way", ["unavailable", "cut_request", "hang"])
@both
async def test_a_store_that_stays_ill_is_an_error_and_nothing_is_left(
    bucket: Objects, proxy: S3Proxy, writing: Writing, way: Way
) -> None:
    proxy.faults = [Fault(way=way, method="PUT", pattern=PART if writing is write else "")]
    with pytest.raises(ObjectsIll):
        await writing(impatient(bucket), FEW if writing is put else DATA)
    proxy.faults = []
    assert await keys(bucket) == []
    assert proxy.seen.open_uploads == set()


@pytest.mark.parametrize("way", ["unavailable", "error_body", "hang"])
async def test_an_upload_whose_end_fails_is_aborted(bucket: Objects, proxy: S3Proxy, way: Way) -> None:
    proxy.faults = [Fault(way=way, method="POST", pattern=COMPLETE)]
    with pytest.raises(ObjectsIll):
        await write(impatient(bucket), DATA)
    assert await keys(bucket) == []
    assert proxy.seen.count("DELETE", "uploadId=") > 0
    assert proxy.seen.open_uploads == set()


async def test_an_upload_that_a_store_says_has_ended_and_has_lost_is_an_error(bucket: Objects, proxy: S3Proxy) -> None:
    lose = meanwhile(lambda: bucket.delete(["a"]))
    proxy.faults = [Fault(way="after", method="POST", pattern=COMPLETE, deed=lose)]
    with pytest.raises(ObjectsIll, match="not stored as a whole"):
        await write(bucket, DATA)
    assert await keys(bucket) == []


async def test_an_upload_of_which_a_store_has_lost_a_part_is_an_error_and_removed(
    bucket: Objects, proxy: S3Proxy
) -> None:
    lose = meanwhile(lambda: bucket.put("a", DATA[:PART_BYTES]))
    proxy.faults = [Fault(way="after", method="POST", pattern=COMPLETE, deed=lose)]
    with pytest.raises(ObjectsIll, match="not stored as a whole"):
        await write(bucket, DATA)
    assert await keys(bucket) == []


async def test_a_writer_that_is_cancelled_aborts_its_upload(bucket: Objects, proxy: S3Proxy) -> None:
    begun = asyncio.Event()
    working = asyncio.ensure_future(write_and_wait(bucket, begun))
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert proxy.seen.count("POST", r"\?uploads") == 1
    assert proxy.seen.open_uploads == set()
    assert await keys(bucket) == []


async def test_a_writer_that_is_cancelled_at_its_end_leaves_no_upload_open(bucket: Objects, proxy: S3Proxy) -> None:
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    proxy.faults = [
        Fault(way="hang", method="POST", pattern=COMPLETE, deed=lambda: loop.call_soon_threadsafe(asked.set))
    ]
    working = asyncio.ensure_future(write(impatient(bucket), DATA))
    await asked.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert proxy.seen.open_uploads == set()
    assert await keys(bucket) == []


@pytest.mark.parametrize("way", ["unavailable", "cut_answer", "hang"])
async def test_a_store_that_stays_ill_is_no_end_of_an_object(bucket: Objects, proxy: S3Proxy, way: Way) -> None:
    await bucket.put("a", FEW)
    proxy.faults = [Fault(way="cut_answer", method="GET", times=1), Fault(way=way, method="GET", skip=1)]
    got: list[bytes] = []
    with pytest.raises(ObjectsIll):
        await collect(impatient(bucket).read("a"), got)
    assert FEW.startswith(b"".join(got))


async def test_an_object_that_changes_while_it_is_read_is_an_error_and_no_mixture(
    bucket: Objects, proxy: S3Proxy
) -> None:
    await bucket.put("a", FEW)
    change = meanwhile(lambda: bucket.put("a", bytes(len(FEW))))
    proxy.faults = [Fault(way="cut_answer", method="GET", times=1, deed=change)]
    got: list[bytes] = []
    with pytest.raises(ObjectChanged):
        await collect(bucket.read("a"), got)
    assert FEW.startswith(b"".join(got))


async def test_a_store_that_says_so_knows_best_that_an_object_has_changed(bucket: Objects, proxy: S3Proxy) -> None:
    await bucket.put("a", FEW)
    proxy.faults = [Fault(way="changed", method="GET")]
    with pytest.raises(ObjectChanged):
        await read(bucket)


async def test_an_object_that_goes_while_it_is_read_is_missing(bucket: Objects, proxy: S3Proxy) -> None:
    await bucket.put("a", FEW)
    proxy.faults = [Fault(way="cut_answer", method="GET", times=1, deed=meanwhile(lambda: bucket.delete(["a"])))]
    with pytest.raises(ObjectMissing):
        await read(bucket)


async def test_a_store_that_refuses_is_an_error_of_every_method(
    proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound, and not listening: it refuses
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        objects = impatient(Objects.at(f"s3://{BUCKET}/x"))
        for call in (put(objects, b"one"), write(objects, b"one"), objects.facts("a"), keys(objects)):
            with pytest.raises(ObjectsIll) as caught:
                await call
            assert str(caught.value).startswith(f"s3://{BUCKET}/x")
        for sweep in (objects.delete(["a"]), objects.clear("a")):
            with pytest.raises(ObjectsIll):
                await sweep


# What is set up wrongly -----------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_an_error_that_does_not_tell_it(proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong" * 8)
    objects = Objects.at(f"s3://{BUCKET}/x")
    with pytest.raises(ObjectsIll) as caught:
        await objects.put("a", b"one")
    assert "403" in str(caught.value)
    assert "wrong" not in str(caught.value)


async def test_a_missing_bucket_is_an_ill_store_and_no_missing_object(proxy: S3Proxy) -> None:
    objects = Objects.at("s3://nobody")
    for call in (put(objects, b"one"), write(objects, b"one"), keys(objects)):
        with pytest.raises(ObjectsIll, match=r"bucket is missing|NoSuchBucket"):
            await call
