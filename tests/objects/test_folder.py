"""A local folder as object storage: whose it is, what survives a crash, where links lead, a disk that is full."""

import asyncio
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from processor.errors import Declined
from processor.objects import ObjectChanged, ObjectMissing, Objects, ObjectsIll
from processor.stores import PIECE_BYTES

Way = Callable[[Objects, str, bytes], Awaitable[None]]

KILLED_WRITER = """
import asyncio, sys
from processor.objects import Objects

async def main():
    objects = Objects.at(sys.argv[1])
    await objects.put("a/1/part-1", b"whole")
    async with objects.writer("a/1/part-2") as file:
        await file.write(bytes(1000))
        print("written", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


async def put(objects: Objects, key: str, data: bytes) -> None:
    await objects.put(key, data)


async def write(objects: Objects, key: str, data: bytes) -> None:
    async with objects.writer(key) as file:
        for start in range(0, len(data), 50_000):
            await file.write(data[start : start + 50_000])


async def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"x")


async def overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"x")


async def collect(reading: AsyncIterator[bytes], got: list[bytes]) -> None:
    async for piece in reading:
        got.append(piece)  # noqa: PERF401 - what came before an error counts


async def keys(objects: Objects) -> list[str]:
    return [facts.key async for facts in objects.list()]


@contextmanager
def disk_for(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size*, as on a disk that has no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_only_the_owner_may_read_what_is_written(tmp_path: Path) -> None:
    objects = Objects.at(str(tmp_path / "made" / "for"))
    await objects.put("a/b", b"one")
    await write(objects, "a/c", b"one")
    assert modes(tmp_path) == {"made": 0o700, "for": 0o700, "a": 0o700, "b": 0o600, "c": 0o600}


async def test_an_object_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append("stage" if path.name.endswith(".partial") else path.relative_to(tmp_path).as_posix())
        assert (tmp_path / "new" / "a").exists() == (synced[-1] == "new" and len(synced) > 2)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await Objects.at(str(tmp_path)).put("new/a", b"one")
    assert synced == [".", "stage", "new"]


def test_a_writer_that_was_killed_leaves_no_object_and_clearing_removes_its_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert len(files(tmp_path)) == 2
    objects = Objects.at(str(tmp_path))
    assert asyncio.run(keys(objects)) == ["a/1/part-1"]
    asyncio.run(objects.clear("a/1"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


async def test_an_object_that_changes_while_it_is_read_is_an_error_and_no_mixture(tmp_path: Path) -> None:
    objects, data, file = Objects.at(str(tmp_path)), b"one" * PIECE_BYTES, tmp_path / "a"
    for change in (partial(put, objects, "a", bytes(len(data))), partial(append, file), partial(overwrite, file)):
        await objects.put("a", data)
        reading = objects.read("a")
        got = [await anext(reading)]
        await change()
        with pytest.raises(ObjectChanged):
            await collect(reading, got)
        assert data.startswith(b"".join(got))


@pytest.mark.parametrize("way", [put, write])
async def test_a_full_disk_is_an_ill_store_and_leaves_neither_object_nor_file(tmp_path: Path, way: Way) -> None:
    objects = Objects.at(str(tmp_path))
    await objects.put("a", b"old")
    with disk_for(100_000), pytest.raises(ObjectsIll) as caught:
        await way(objects, "a", bytes(200_000))
    assert str(tmp_path / "a") in str(caught.value)
    assert "File too large" in str(caught.value)
    assert files(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


async def test_a_folder_that_cannot_be_used_is_an_ill_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ObjectsIll, match="Not a directory"):
        await Objects.at(str(tmp_path / "file")).put("a", b"")


async def test_a_writing_that_is_cancelled_has_ended_when_that_is_heard(tmp_path: Path) -> None:
    objects = Objects.at(str(tmp_path))
    for _ in range(20):
        writing = asyncio.ensure_future(objects.put("a/b", bytes(1_000_000)))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert files(tmp_path) in ([], ["a/b"])
        await objects.clear("a")
        assert files(tmp_path) == []


# Links ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Make a folder with links in it: out of it by file and by folder, within it, in a circle, to nothing."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (inside / "real").mkdir(parents=True)
    (inside / "real" / "a").write_bytes(b"one")
    (inside / "file_out").symlink_to(outside / "secret")
    (inside / "folder_out").symlink_to("../outside")
    (inside / "within").symlink_to("real/a")
    (inside / "circle").symlink_to("circle")
    (inside / "nothing").symlink_to("gone")
    os.mkfifo(inside / "pipe")
    return inside


@pytest.mark.parametrize("key", ["file_out", "folder_out/secret"])
async def test_no_link_leads_a_reader_out_of_the_folder(linked: Path, key: str) -> None:
    objects = Objects.at(str(linked))
    for call in (objects.facts(key), anext(objects.read(key))):
        with pytest.raises(Declined) as caught:
            await call
        assert caught.value.code == "location_not_allowed"


async def test_no_link_leads_a_writer_or_a_sweep_out_of_the_folder(linked: Path) -> None:
    objects = Objects.at(str(linked))
    outside = linked.parent / "outside"
    for call in (
        objects.put("folder_out/new", b""),
        objects.put("folder_out/deep/new", b""),
        objects.delete(["folder_out/secret"]),
        objects.clear("folder_out/secret"),
        objects.clear("folder_out"),
        anext(objects.list("folder_out")),
    ):
        with pytest.raises((Declined, ObjectsIll)):
            await call
    assert [path.name for path in outside.iterdir()] == ["secret"]


async def test_putting_over_a_link_replaces_the_link_and_not_what_it_leads_to(linked: Path) -> None:
    await Objects.at(str(linked)).put("file_out", b"new")
    assert (linked.parent / "outside" / "secret").read_bytes() == b"secret"
    assert not (linked / "file_out").is_symlink()


async def test_links_within_the_folder_are_followed_and_only_files_are_objects(linked: Path) -> None:
    objects = Objects.at(str(linked))
    assert await keys(objects) == ["real/a", "within"]
    assert [piece async for piece in objects.read("within")] == [b"one"]
    for key in ("pipe", "real", "nothing", "circle", "real/a/deeper"):
        with pytest.raises(ObjectMissing):
            await objects.facts(key)
    await objects.clear("real")
    assert await keys(objects) == []
