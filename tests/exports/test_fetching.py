"""What `partita export --out` fetches: the parts as the manifest names them, whole or not at all."""

import json
from pathlib import Path

import msgspec
import pytest

from contracts.exports import ExportCompleted
from partita.fetching import fetch
from processor.errors import Declined, NotPrepared
from tests.exports.office import Office, found, path_of

ROWS = 900  # two parts of 20,000 bytes


@pytest.fixture
async def completed(office: Office, request: pytest.FixtureRequest) -> ExportCompleted:
    export_id = f"fetched-{request.node.name[-8:]}"
    await office.ask(export_id, ROWS)
    async with office.worker():
        return msgspec.convert(await office.ended(export_id), ExportCompleted)


async def test_it_fetches_into_one_file_and_into_a_folder(completed: ExportCompleted, tmp_path: Path) -> None:
    whole, seen = found(msgspec.to_builtins(completed)), list[tuple[int, int]]()
    await fetch(completed, tmp_path / "out.csv", on_bytes=lambda *told: seen.append(told))
    (tmp_path / "folder").mkdir()
    await fetch(completed, tmp_path / "folder", on_bytes=lambda *_: None)

    assert (tmp_path / "out.csv").read_bytes() == whole.text
    files = {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    assert json.loads(files.pop("manifest.json")) == whole.manifest
    assert [files[part["name"]] for part in whole.manifest["parts"]] == whole.parts
    assert len(files) == 2
    assert seen[-1] == (len(whole.text), len(whole.text))


async def test_a_part_that_is_not_what_the_manifest_says_is_not_fetched(
    completed: ExportCompleted, tmp_path: Path
) -> None:
    part = path_of(completed.location) / "part-00002.csv"
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(Declined, match=r"part-00002\.csv is not what the manifest says"):
        await fetch(completed, tmp_path / "out.csv", on_bytes=lambda *_: None)
    with pytest.raises(NotPrepared, match="cannot be written"):
        await fetch(completed, tmp_path / "nowhere" / "out.csv", on_bytes=lambda *_: None)
    assert names(tmp_path) == ["objects"]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
