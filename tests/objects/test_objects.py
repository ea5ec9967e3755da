"""What every kind of object storage promises alike: a local folder, and S3 behind a real endpoint."""

import random

import pytest

from processor.objects import Facts, Locations, ObjectChanged, ObjectMissing, Objects
from processor.stores import PIECE_BYTES

TWO_PIECES = random.Random(7).randbytes(PIECE_BYTES + 1)
LARGE = TWO_PIECES * 5  # more than one part of an upload


async def read(objects: Objects, key: str, *, offset: int = 0, expected: Facts | None = None) -> bytes:
    return b"".join([piece async for piece in objects.read(key, offset=offset, expected=expected)])


async def keys(objects: Objects, prefix: str = "") -> list[str]:
    return [facts.key async for facts in objects.list(prefix)]


async def write_and_fail(objects: Objects, key: str, data: bytes) -> None:
    async with objects.writer(key) as file:
        await file.write(data)
        raise ZeroDivisionError


@pytest.mark.parametrize("data", [b"", b"one", TWO_PIECES], ids=["empty", "small", "two pieces"])
async def test_what_was_put_is_read(objects: Objects, data: bytes) -> None:
    await objects.put("a/b.csv", data)
    assert await read(objects, "a/b.csv") == data
    assert (await objects.facts("a/b.csv")).size == len(data)


@pytest.mark.parametrize("data", [b"", b"one", LARGE], ids=["empty", "small", "in parts"])
async def test_what_was_written_bit_by_bit_is_read(objects: Objects, data: bytes) -> None:
    async with objects.writer("a/b.csv") as file:
        for start in range(0, len(data), 3_000_000):
            await file.write(data[start : start + 3_000_000])
    assert await read(objects, "a/b.csv") == data


async def test_reading_may_begin_anywhere(objects: Objects) -> None:
    await objects.put("a", TWO_PIECES)
    for offset in (1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1):
        assert await read(objects, "a", offset=offset) == TWO_PIECES[offset:]


async def test_putting_again_replaces_and_gives_another_etag(objects: Objects) -> None:
    await objects.put("a", b"one")
    before = await objects.facts("a")
    await objects.put("a", b"two")
    after = await objects.facts("a")
    assert await read(objects, "a") == b"two"
    assert (before.size, before.etag) != (after.size, after.etag)


async def test_an_object_that_is_another_than_the_expected_one_is_not_read(objects: Objects) -> None:
    await objects.put("a", b"one")
    before = await objects.facts("a")
    assert await read(objects, "a", expected=before) == b"one"
    await objects.put("a", b"two")
    with pytest.raises(ObjectChanged):
        await read(objects, "a", expected=before)


async def test_facts_of_a_list_are_those_of_the_object(objects: Objects) -> None:
    await objects.put("a/b", b"one")
    (listed,) = [facts async for facts in objects.list("a")]
    asked = await objects.facts("a/b")
    assert (listed.key, listed.size, listed.etag) == (asked.key, asked.size, asked.etag) == ("a/b", 3, asked.etag)
    assert await read(objects, "a/b", expected=listed) == b"one"


async def test_a_list_holds_whole_segments_below_its_prefix(objects: Objects) -> None:
    for key in ("a/2", "a/1/x", "ab/3", "c"):
        await objects.put(key, b"")
    assert await keys(objects) == ["a/1/x", "a/2", "ab/3", "c"]
    assert await keys(objects, "a") == ["a/1/x", "a/2"]
    assert await keys(objects, "nothing") == []


async def test_what_is_deleted_is_gone_and_what_was_not_there_does_not_matter(objects: Objects) -> None:
    for key in ("a/1", "a/2", "b"):
        await objects.put(key, b"")
    await objects.delete(["a/1", "a/0", "b", "x/y/z"])
    assert await keys(objects) == ["a/2"]
    await objects.delete([])


async def test_clearing_removes_what_is_below_and_nothing_beside(objects: Objects) -> None:
    for key in ("a/1/x", "a/1/y/z", "a/11/x", "b"):
        await objects.put(key, b"")
    await objects.clear("a/1")
    await objects.clear("a/0")
    assert await keys(objects) == ["a/11/x", "b"]


async def test_nothing_is_read_where_nothing_is(objects: Objects) -> None:
    with pytest.raises(ObjectMissing):
        await objects.facts("a")
    with pytest.raises(ObjectMissing):
        await read(objects, "a/b")


@pytest.mark.parametrize("data", [b"one", LARGE], ids=["small", "in parts"])
async def test_a_writer_that_fails_leaves_nothing(objects: Objects, data: bytes) -> None:
    with pytest.raises(ZeroDivisionError):
        await write_and_fail(objects, "a/b", data)
    assert await keys(objects) == []


async def test_nothing_is_visible_before_a_writer_ends_and_the_old_object_stays_until_then(objects: Objects) -> None:
    await objects.put("a", b"old")
    async with objects.writer("a") as file, objects.writer("b") as other:
        await file.write(LARGE)
        await other.write(LARGE)
        assert await read(objects, "a") == b"old"
        assert await keys(objects) == ["a"]
    assert await keys(objects) == ["a", "b"]
    assert (await objects.facts("a")).size == len(LARGE)


async def test_names_that_people_give_keep_their_letters(objects: Objects) -> None:
    names = sorted(["a b.csv", "é.csv", "~a+b&c=d.csv", "x @,;:.csv", "a#b?c*d.csv", "-a'(b)!$.csv", "[x]{y}|^`.csv"])
    for name in names:
        await objects.put(f"imports/{name}", name.encode())
    assert await keys(objects, "imports") == [f"imports/{name}" for name in names]
    imports = Objects.at(objects.url_of("imports"))
    for name in names:
        for text in (name, objects.url_of(f"imports/{name}")):
            assert b"".join([piece async for piece in Locations(objects).open(text).read()]) == name.encode()
        assert await read(imports, name) == name.encode()


async def test_a_location_is_read_by_name_and_by_url(objects: Objects) -> None:
    await objects.put("imports/day/a.csv", b"one")
    locations = Locations(objects)
    for text in ("day/a.csv", objects.url_of("imports/day/a.csv")):
        source = locations.open(text)
        assert (await source.facts()).size == 3
        assert b"".join([piece async for piece in source.read(offset=1)]) == b"ne"
    further = Locations(Objects.at("/nowhere"), [objects.url_of("imports/day")])
    assert (await further.open(objects.url_of("imports/day/a.csv")).facts()).size == 3
