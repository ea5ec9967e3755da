"""No text of a user's leads out of where it belongs: segments of keys, URLs, and locations that are allowed."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partita.settings import load_settings
from processor.errors import Declined, NotPrepared
from processor.locations import SEGMENT_MAX, AllowList, is_key, segment, url_of
from processor.objects import Objects, location_of
from processor.stores import summary

HOME = "s3://bank/books"

any_text = st.one_of(st.text(), st.text(alphabet="./\\%=~:-aA\x00é", max_size=12), st.text(min_size=150, max_size=300))


def allow_list(*further: str) -> AllowList:
    return AllowList(home=location_of(HOME), further=[location_of(each) for each in further])


# Segments -------------------------------------------------------------------------------------------------------------


@given(any_text)
@example("")
@example(".")
@example("..")
@example("../../etc/passwd")
@example("." + "0" * 32 + ".partial")
@example("\ud800")
def test_a_text_becomes_one_segment_that_stays_where_it_is_put(text: str) -> None:
    made = segment(text)
    assert made.isascii()
    assert not set(made) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.=")
    assert not made.startswith(".")
    assert 0 < len(made) <= SEGMENT_MAX
    assert is_key(made)
    assert Path("/top", "prefix", made, "x").resolve().parent.parent == Path("/top/prefix")


@given(any_text, any_text)
@example("a=2Fb", "a/b")
@example("=2E", ".")
@example("", "=")
@example("ab" * 200, "ab" * 201)
def test_two_texts_never_become_the_same_segment(one: str, other: str) -> None:
    assert (segment(one) == segment(other)) == (one == other)


@given(any_text)
@example("..")
def test_the_url_of_a_key_names_that_key_and_nothing_above_it(text: str) -> None:
    url = url_of(Objects.at("/srv/objects").url_of(f"exports/{segment(text)}/1/manifest.json"))
    assert url is not None
    assert url.path == ("srv", "objects", "exports", segment(text), "1", "manifest.json")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("report-2025_07", "report-2025_07"),
        ("bank:eu.july", "bank=3Aeu.july"),
        ("..", "=2E."),
        ("activities 1.csv.gz", "activities=201.csv.gz"),
    ],
)
def test_a_segment_can_be_read_by_people(text: str, made: str) -> None:
    assert segment(text) == made


@pytest.mark.parametrize(
    "key", ["", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "a\\b", "a\0b", "a\nb", "a%2e", f".{'0' * 32}.partial"]
)
async def test_what_is_no_key_is_refused_by_every_method(key: str) -> None:
    objects = Objects.at("/nowhere")
    for call in (
        objects.put(key, b""),
        objects.facts(key),
        objects.delete(["a", key]),
        objects.clear(key),
        anext(objects.read(key)),
    ):
        with pytest.raises(ValueError, match="is no key"):
            await call
    with pytest.raises(ValueError, match="is no key"):
        objects.writer(key)


# URLs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "s3://bank",
        "s3://bank/books/a%20b.csv",
        "gs://bank-1.eu/books",
        "az://account/container/x",
        "file:///srv/data",
        "S3://bank/books",
    ],
)
def test_a_url_of_a_store_is_one(text: str) -> None:
    assert url_of(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bank/books",
        "https://bank/books",
        "memory:///",
        "s3:/bank",
        "s3://",
        "s3:///books",
        "s3://user@bank/books",
        "s3://user:word@bank/books",
        "s3://bank:9000/books",
        "s3://BANK/books",
        "s3://bank/books?versionId=1",
        "s3://bank/books#part",
        "s3://bank//books",
        "s3://bank/../other/x",
        "s3://bank/books/../../x",
        "s3://bank/books/%2e%2e/x",
        "s3://bank/books/%2E./x",
        "s3://bank/books/%252e%252e/x",
        "s3://bank/books%2fx",
        "s3://bank/books%5c..%5cx",
        "s3://bank/books\\..\\x",
        "s3://bank/books/%00",
        "s3://bank/books/\n",
        "s3://bank/%ff",
        "file://host/srv/data",
        "file:///srv/../etc/passwd",
        " s3://bank/books",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_url(text: str) -> None:
    assert url_of(text) is None


@given(st.lists(st.text(alphabet="abcé +&~'(", min_size=1, max_size=5), max_size=4))
def test_a_url_is_written_as_it_is_read(path: list[str]) -> None:
    url = location_of(HOME).below(*path)
    assert url_of(str(url)) == url


@pytest.mark.parametrize("text", ["https://bank/x", "s3://", "s3://bank/../x"])
def test_a_setting_that_is_no_location_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="no location") as caught:
        location_of(text)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PARTITA_OBJECTS_URL", "https://bank/x"),
        ("PARTITA_OBJECTS_URL", ""),
        ("PARTITA_IMPORT_LOCATIONS", "/srv/data,ftp://lake/x"),
    ],
)
def test_a_location_in_the_settings_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(NotPrepared, match=name):
        load_settings()


def test_a_folder_is_where_the_process_runs() -> None:
    assert location_of("./objects/../x").path == (*Path.cwd().parts[1:], "x")
    assert str(location_of("/srv/my data")) == "file:///srv/my%20data"


# What is allowed ------------------------------------------------------------------------------------------------------

ALLOWED = [
    ("activities_20250101.csv", f"{HOME} imports/activities_20250101.csv"),
    ("ab12/x.csv.gz", f"{HOME} imports/ab12/x.csv.gz"),
    (f"{HOME}/imports/x.csv", f"{HOME} imports/x.csv"),
    ("s3://lake/daily/x.csv", "s3://lake/daily x.csv"),
    ("file:///srv/data/a%20b.csv", "file:///srv/data a b.csv"),
]


@pytest.mark.parametrize(("text", "place"), ALLOWED)
def test_what_lies_below_an_allowed_location_is_found(text: str, place: str) -> None:
    allowed = allow_list("s3://lake/daily", "/srv/data/")
    assert allowed.allows(text)
    found = allowed.place(text)
    assert f"{found.root} {found.key}" == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../exports/x",
        "a/../../exports/x",
        "/etc/passwd",
        "a//b",
        "..\\x",
        "%2e%2e/x",
        "c:/x.csv",
        HOME,
        f"{HOME}/imports",
        f"{HOME}/imports/",
        f"{HOME}/exports/x/1/manifest.json",
        f"{HOME}/imports/../exports/x",
        f"{HOME}/imports/%2e%2e/exports/x",
        "s3://bank/imports/x.csv",
        "s3://lake/daily2/x.csv",
        "s3://lake/x.csv",
        "s3://lake.evil/daily/x.csv",
        "gs://lake/daily/x.csv",
        "s3://lake@evil/daily/x.csv",
        "file:///srv/database/x.csv",
        "file:///etc/passwd",
        "file://evil/srv/data/x.csv",
        "https://lake/daily/x.csv",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_everything_else_is_not_allowed(text: str) -> None:
    allowed = allow_list("s3://lake/daily", "/srv/data")
    assert not allowed.allows(text)
    with pytest.raises(Declined) as caught:
        allowed.place(text)
    assert caught.value.code == "location_not_allowed"


@given(any_text, st.sampled_from(["", f"{HOME}/imports/", "s3://lake/daily/", "file:///srv/data/", "s3://", "file://"]))
@example("../x", "file:///srv/data/")
def test_no_text_leads_out_of_what_is_allowed(text: str, front: str) -> None:
    allowed = allow_list("s3://lake/daily", "/srv/data")
    if allowed.allows(front + text):
        place = allowed.place(front + text)
        assert str(place.root) in {HOME, "s3://lake/daily", "file:///srv/data"}
        assert is_key(place.key)
        assert Path("/top", place.key).resolve().is_relative_to("/top/imports" if str(place.root) == HOME else "/top")


def test_what_is_told_of_an_error_is_one_line_without_signatures() -> None:
    error = ValueError("PUT https://a.example/b?sv=1&sig=abc \n\nfailed\nDebug source: Url { query: sig=abc }")
    assert summary(error) == "PUT https://a.example/b failed"
    assert summary(TimeoutError()) == "TimeoutError"
    assert len(summary(ValueError("x" * 5000))) < 400
