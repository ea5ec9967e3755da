"""One S3 endpoint for the tests of this folder, with the proxy before it, and stores of every kind."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from processor.objects import Objects, Patience
from tests.objects.s3_proxy import S3Proxy
from tests.objects.servers import BUCKET, s3_proxy, s3_variables

NUMBERS: Final = count()


@pytest.fixture(scope="session")
def _proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Proxy]:
    with s3_proxy(tmp_path_factory.mktemp("s3")) as proxy:
        yield proxy


@pytest.fixture
def proxy(_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> S3Proxy:
    for name, value in s3_variables(_proxy.port).items():
        monkeypatch.setenv(name, value)
    return _proxy.reset()


@pytest.fixture
def bucket(proxy: S3Proxy) -> Objects:
    """Return a store with a prefix of its own, behind the proxy."""
    return Objects.at(f"s3://{BUCKET}/test{next(NUMBERS)}")


def impatient(objects: Objects) -> Objects:
    """Return the same objects, for what fails anyway."""
    return Objects.at(objects.location, patience=Patience(answer_s=0.5, retry_s=0.1, bytes_per_s=1e9))


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects.at(str(tmp_path / "objects")) if request.param == "folder" else request.getfixturevalue("bucket")
