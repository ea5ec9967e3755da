"""The watch: what appears in a folder is asked for once, when it stands still, by a command that follows from it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka.errors import KafkaConnectionError

from consumers.watching import Watching, WatchSettings, files_in, watch
from contracts.activity import ActivityImport
from processor.activity.uploads import Uploaded, import_of
from processor.database import Connection, Database, connect
from processor.errors import Transient
from processor.folder import Folder
from processor.objects import Objects, location_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "activities_20240101.csv"
ACCEPTED = """
INSERT INTO job (job_no, context, job_id, lane_no, seq, kind, task, decided_at, created_at)
VALUES (nextval('job_no'), 'activity', $1, 1, 1, 'activity', '{}', partita_clock(), partita_clock())"""


class Asked(list[ActivityImport]):
    """What was asked for; it is out of order for as many calls as *broken* says."""

    broken = 0

    async def publish(self, command: ActivityImport) -> None:
        if self.broken:
            self.broken -= 1
            raise KafkaConnectionError
        self.append(command)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def asked() -> Asked:
    return Asked()


@pytest_asyncio.fixture(loop_scope="module")
async def settings(database_url: str, tmp_path: Path, asked: Asked) -> WatchSettings:
    return WatchSettings(
        place=str(tmp_path / "data"),
        objects=Objects.at(str(tmp_path / "objects")),
        database=lambda role: Database(database_url, role=role),
        publish=asked.publish,
        look_s=0.001,
    )


@pytest_asyncio.fixture(loop_scope="module")
async def watching(settings: WatchSettings) -> AsyncIterator[Watching]:
    async with settings.database("watch") as database:
        yield Watching(settings, Objects.at(settings.place), database)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


async def looks(watching: Watching, number: int = 3) -> None:
    for _ in range(number):
        await watching.look()


async def test_a_file_is_asked_for_once_it_stands_still_and_again_only_with_another_content(
    watching: Watching, data: Path, asked: Asked, tmp_path: Path
) -> None:
    file = data / NAME
    file.write_bytes(b"a")
    await watching.look()
    file.write_bytes(b"ab")
    await watching.look()
    assert asked == []
    await looks(watching)
    (first,) = asked
    assert (tmp_path / "objects" / "imports" / first.files[0]).read_bytes() == b"ab"
    assert (first.policy, first.files[0].partition("/")[2]) == ("lenient", NAME)

    file.write_bytes(b"abc")
    await looks(watching)
    file.unlink()
    await watching.look()
    file.write_bytes(b"ab")
    await looks(watching)
    assert [each.import_id for each in asked] == [first.import_id, asked[1].import_id, first.import_id]
    assert (asked[2], asked[1].command_id == first.command_id) == (first, False)


async def test_after_a_restart_nothing_is_asked_for_that_was(
    settings: WatchSettings, watching: Watching, data: Path, asked: Asked, session: Connection
) -> None:
    for name in (NAME, "activities_20240102.csv.gz"):
        (data / name).write_bytes(b"again")
    await looks(watching)
    await session.execute(ACCEPTED, asked[0].import_id)
    async with settings.database("watch") as database:
        await looks(Watching(settings, Objects.at(settings.place), database))
    assert [each.files[0].partition("/")[2] for each in asked] == [NAME, *["activities_20240102.csv.gz"] * 2]
    assert asked[1] == asked[2]


async def test_other_names_folders_links_that_lead_away_and_a_place_that_is_not_there_are_passed_over(
    watching: Watching, tmp_path: Path, asked: Asked
) -> None:
    await looks(watching)  # there is no such folder
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret.csv").write_bytes(b"x")
    (data / "activities_link.csv").symlink_to(tmp_path / "secret.csv")
    (data / "activities_lost.csv").symlink_to(data / "nowhere")
    (data / "activities_folder.csv").mkdir()
    (data / "activities_folder.csv" / NAME).write_bytes(b"x")
    for name in ("activities_20240101.csv.part", "other.csv", ".activities_1.csv", "activities_1.CSV"):
        (data / name).write_bytes(b"x")
    await looks(watching)
    assert asked == []
    assert not (tmp_path / "objects").exists()


async def test_below_a_prefix_of_a_bucket_the_same_names_are_found_and_nothing_further_down(tmp_path: Path) -> None:
    for name in (NAME, "other.csv", "activities_deeper/activities_1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    place = Objects(location_of("s3://bucket/in"), Folder(tmp_path))
    assert [facts.key for facts in await files_in(place)] == [NAME]


async def test_what_is_ill_is_said_once_and_the_file_asked_for_when_it_is_well_again(
    settings: WatchSettings, data: Path, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / NAME).write_bytes(b"ill")
    asked.broken = 3
    stop = asyncio.Event()
    watched = asyncio.create_task(watch(settings, stop))
    async with asyncio.timeout(10):
        while not asked:
            await asyncio.sleep(0.001)
            assert not watched.done()
    stop.set()
    await watched
    assert len(asked) == 1
    said = capsys.readouterr()
    assert (said.out + said.err).count("files cannot be watched for") == 1


async def test_a_file_that_is_cut_while_it_is_read_is_asked_for_when_it_stands_still_again(
    watching: Watching, data: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, facts_of = data / NAME, watching.place.facts

    async def cut(key: str) -> object:
        monkeypatch.undo()
        facts = await facts_of(key)
        file.write_bytes(b"who")  # behind the look
        return facts

    file.write_bytes(b"whole")
    await watching.look()
    monkeypatch.setattr(watching.place, "facts", cut)
    await watching.look()
    assert asked == []
    await looks(watching)
    assert len(asked) == 1


def file_of(title: str, digest: str) -> Uploaded:
    return Uploaded(title=title, name=f"{digest}/{title}", digest=digest, size=1)


async def test_a_command_follows_from_names_contents_order_and_policy() -> None:
    one, other = file_of("a.csv", "01"), file_of("b.csv", "02")
    commands = [
        import_of([one], "lenient"),
        import_of([one], "strict"),
        import_of([other], "lenient"),
        import_of([file_of("b.csv", "01")], "lenient"),
        import_of([file_of("a.csv", "02")], "lenient"),
        import_of([one, other], "lenient"),
        import_of([other, one], "lenient"),
        import_of([one], "lenient", again="1"),
        import_of([one], "lenient", again="2"),
    ]
    assert len({each.command_id for each in commands}) == len({each.import_id for each in commands}) == len(commands)
    assert import_of([one], "lenient") == commands[0]
    assert commands[5].files == ["01/a.csv", "02/b.csv"]


async def test_a_store_that_takes_nothing_is_ill_and_nothing_is_asked_for(
    settings: WatchSettings, watching: Watching, data: Path, asked: Asked, tmp_path: Path
) -> None:
    (tmp_path / "objects").write_bytes(b"no folder")
    (data / NAME).write_bytes(b"x")
    await watching.look()
    with pytest.raises(Transient):
        await watching.look()
    assert asked == []
