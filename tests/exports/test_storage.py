"""Exports into an S3 endpoint that fails as stores fail: whole, or failed with the reason and nothing left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.objects import Patience
from tests.exports.numbers import HEADING, rows_of
from tests.exports.office import Json, Office, found
from tests.objects.s3_proxy import Fault, S3Proxy, Way
from tests.objects.servers import BUCKET, s3_proxy, s3_variables

ROWS = 900  # two parts of 20,000 bytes
IMPATIENT = Patience(answer_s=0.5, retry_s=0.1, bytes_per_s=1e9)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, S3Proxy]]:
    folder = tmp_path_factory.mktemp("s3")
    with s3_proxy(folder) as proxy:
        yield folder / BUCKET, proxy


@pytest.fixture
def proxy(endpoint: tuple[Path, S3Proxy], office: Office, monkeypatch: pytest.MonkeyPatch) -> S3Proxy:
    """Have the office keep exports in the bucket, whose objects are files in a folder."""
    office.folder, proxy = endpoint
    for name, value in s3_variables(proxy.port).items():
        monkeypatch.setenv(name, value)
    return proxy.reset()


async def exported(office: Office, export_id: str, **settings: object) -> Json:
    """Return what was told of the end, once whoever has told it is done."""
    await office.ask(export_id, ROWS)
    async with office.worker(objects_url=f"s3://{BUCKET}", **settings):
        event = await office.ended(export_id)
        await office.ask(f"{export_id}-behind", 0, behind="nobody")
        await office.ended(f"{export_id}-behind")
    return event


def located(event: Json, office: Office) -> Json:
    """Return *event* with the place of the files that the endpoint keeps."""
    places = {name: event[name].replace(f"s3://{BUCKET}", office.folder.as_uri()) for name in ("location", "manifest")}
    return event | places


@pytest.mark.parametrize("way", ["unavailable", "cut_request", "cut_answer", "error_body"])
async def test_a_store_that_fails_once_gets_the_whole_export(office: Office, proxy: S3Proxy, way: Way) -> None:
    """A store may also say that it has a part, and not have it: that is seen before the manifest is written."""
    proxy.faults = [Fault(way=way, method="PUT", pattern=r"part-00002", times=1)]
    event = await exported(office, f"once-{way}", attempts_max=2)
    whole = found(located(event, office))
    assert whole.rows == [HEADING, *rows_of(ROWS)]
    attempt = "2" if way == "error_body" else "1"
    assert event["location"] == f"s3://{BUCKET}/exports/once-{way}/{attempt}"
    assert {name.split("/")[0] for name in office.stored(f"once-{way}")} == {attempt}


@pytest.mark.parametrize(
    ("way", "what"),
    [
        *(("unavailable", "part-00002"), ("cut_request", "part-00002"), ("error_body", "part-00002")),
        *(("hang", "part-00002"), ("unavailable", "manifest"), ("hang", "manifest")),
    ],
)
async def test_a_store_that_goes_on_failing_has_nothing_of_the_export(
    office: Office, proxy: S3Proxy, way: Way, what: str
) -> None:
    proxy.faults = [Fault(way=way, method="PUT", pattern=what)]
    failed = await exported(office, f"never-{way}-{what}", attempts_max=1, patience=IMPATIENT)
    assert (failed["type"], failed["code"]) == ("export.failed", "attempts_exhausted")
    assert what in failed["reason"]
    assert office.stored(f"never-{way}-{what}") == []


async def test_a_manifest_that_cannot_be_found_behind_its_writing_is_none(office: Office, proxy: S3Proxy) -> None:
    proxy.faults = [Fault(way="unavailable", method="HEAD", pattern="manifest")]
    failed = await exported(office, "acknowledged", attempts_max=1, patience=IMPATIENT)
    assert failed["type"] == "export.failed"
    assert "manifest" in failed["reason"]
    assert office.stored("acknowledged") == []
