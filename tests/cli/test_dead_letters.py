"""Dead letters as an operator meets them, on a running system: listed, shown, mended, replayed, applied."""

import base64
import json
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from contracts.ids import uuid_bytes, uuid_text
from processor.database import Connection

from .conftest import Door, System
from .letters import Headers, Letters


@pytest.fixture
def desk(door: Door, system: System, connection: Connection) -> Letters:
    return Letters(door, system.settings, connection)


def opening(number: int, **fields: object) -> bytes:
    command = {
        "type": "account.open",
        "command_id": uuid_text(number.to_bytes(16, "big")),
        "account_id": f"dl-{number}",
        "account_type": "CHECKING",
        "currency": "EUR",
    }
    return json.dumps(command | fields).encode()


def id_of(number: int) -> str:
    return uuid_text(number.to_bytes(16, "big"))


async def test_a_list_names_dead_letters_newest_first_and_never_what_they_say(desk: Letters) -> None:
    first = await desk.send(opening(1, account_type="secret"))
    second = await desk.send(b"secret{", key=None)

    done = desk.at("list", "--json", "--context", "ledger")
    lines = [json.loads(line) for line in done.stdout.splitlines()]

    assert [line["id"] for line in lines[:2]] == [second, first]
    assert [(line["code"], line["path"], line["command_type"], line["command_id"]) for line in lines[:2]] == [
        ("not_json", "$", "", None),
        ("field_invalid", "$.account_type", "account.open", id_of(1)),
    ]
    assert [(line["bytes"], line["replays"], line["parked"]) for line in lines[:2]] == [
        (7, 0, False),
        (len(opening(1, account_type="secret")), 0, False),
    ]
    table = desk.at("list").stdout
    assert "secret" not in done.stdout + table
    assert "field_invalid" in table
    only = desk.at("list", "--json", "--code", "not_json", "--since", lines[1]["occurred_at"], "--limit", "1").stdout
    assert [json.loads(line)["id"] for line in only.splitlines()] == [second]
    assert desk.at("list", "--json", "--since", "2100-01-01").stdout == ""


async def test_a_dead_letter_is_shown_in_full_and_its_value_to_the_byte(desk: Letters) -> None:
    headers: Headers = [("a", b"1"), ("a", None), ("b", b"\xff")]
    place = await desk.send(b"\xff\x1b[2J{", key=b"\x80", headers=headers)

    letter = desk.shown(place)

    assert (letter["id"], letter["code"], letter["replays"], letter["masked"]) == (place, "not_json", [], False)
    assert base64.b64decode(letter["value"]["base64"]) == b"\xff\x1b[2J{"
    assert letter["headers"] == [["a", {"text": "1"}], ["a", None], ["b", {"base64": "/w=="}]]
    text = desk.at("show", place).stdout
    assert "0xff1b5b324a7b" in text
    raw = desk.at("show", await desk.send("\x1b[2J{ü".encode()), "--raw").stdout
    assert raw == "\x1b[2J{ü"


async def test_what_a_terminal_would_obey_is_not_sent_to_one(desk: Letters) -> None:
    place = await desk.send(b"\x1b[2J{")
    assert "\x1b" not in desk.at("show", place).stdout


@pytest.mark.parametrize("name", ["ledger/0", "ledger/x/1", "ledger/0/99999999", "nobody/0/0", "1234"])
def test_what_is_no_dead_letter_is_told_in_one_line(desk: Letters, name: str) -> None:
    for action in ("show", "replay"):
        done = desk.at(action, name)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("error: ")


async def test_a_mended_record_is_applied_and_its_replay_can_be_found(desk: Letters) -> None:
    value = opening(10, account_type="checking")
    place = await desk.send(value, headers=[("ce_correlationid", b"order 7"), ("bin", b"\xff")])

    done = desk.at("replay", place, "--filter", ".account_type |= ascii_upcase")

    assert (done.returncode, done.stderr) == (0, "")
    said, _, lies = done.stdout.strip().partition(" -> ")
    topic, partition, offset = lies.rsplit("/", 2)
    assert (said, topic) == (place, desk.topic)
    await desk.until_answered(id_of(10), "account.opened")
    headers = await desk.connection.fetchval(
        "SELECT convert_from(headers, 'UTF8') FROM event WHERE command_id = $1 AND kind = 1", uuid_bytes(id_of(10))
    )
    assert json.loads(headers) == {"ce_correlationid": "order 7"}  # and it has its right key
    (replay,) = desk.shown(place)["replays"]
    assert (replay["partition"], replay["offset"], replay["topic"]) == (int(partition), int(offset), topic)
    assert (replay["mended"], replay["database_user"]) == (True, "postgres")
    assert replay["key_sha256"] == sha256(b"dl-10").hexdigest()
    mended = json.dumps(json.loads(value) | {"account_type": "CHECKING"}, separators=(",", ":")).encode()
    assert replay["value_sha256"] == sha256(mended).hexdigest()
    assert "replay:" in desk.at("show", place).stdout


async def test_what_is_still_no_command_is_not_sent(desk: Letters) -> None:
    place = await desk.send(opening(20, account_type="checking"))
    ends = await desk.connection.fetchval("SELECT sum(next_offset)::bigint FROM lane")

    as_it_came = desk.at("replay", place)
    badly_mended = desk.at("replay", place, "--filter", "del(.account_id)")
    not_mended = desk.at("replay", await desk.send(b"{"), "--filter", ".")

    assert (as_it_came.returncode, as_it_came.stdout) == (1, "")
    assert as_it_came.stderr.startswith(f"{place}: field_invalid at $.account_type: ")
    assert f"{place}: field_missing at $.account_id: " in badly_mended.stderr
    assert "not_mended" in not_mended.stderr
    assert not_mended.returncode == 1
    assert desk.shown(place)["replays"] == []
    assert await desk.connection.fetchval("SELECT sum(next_offset)::bigint FROM lane") == ends + 1


async def test_an_editor_mends_one(desk: Letters, tmp_path: Path) -> None:
    place = await desk.send(opening(30, account_type="checking"))
    script, seen = tmp_path / "editor", tmp_path / "seen"
    script.write_text(
        f'#!/bin/sh\nstat -c %a "$(dirname "$2")" > {seen}\nsed -i s/checking/CHECKING/ "$2"\n', encoding="utf-8"
    )
    script.chmod(stat.S_IRWXU)

    done = desk.at("replay", place, "--edit", EDITOR=f"{script} --wait", VISUAL="")

    assert done.returncode == 0, done.stderr
    await desk.until_answered(id_of(30), "account.opened")
    assert seen.read_text("utf-8").strip() == "700"
    gone = desk.at("replay", place, "--edit", EDITOR="no-such-editor", VISUAL="")
    assert (gone.returncode, "set EDITOR" in gone.stderr) == (2, True)
    left = desk.at("replay", place, "--edit", EDITOR="false", VISUAL="")
    assert (left.returncode, "nothing was sent" in left.stderr) == (2, True)


async def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(desk: Letters) -> None:
    place = await desk.send(opening(40, account_type="checking"))
    done = desk.at("replay", place, "--dry-run", "--filter", '.account_type = "CHECKING"')
    assert (done.returncode, done.stdout) == (0, f"{place} would go to {desk.topic}\n")
    assert desk.shown(place)["replays"] == []


async def test_a_masked_one_is_sent_only_if_it_was_mended(desk: Letters) -> None:
    # The type cannot be read, so anything that looks like a social security number is masked.
    value = opening(50).replace(b'"currency"', b'"currency": "EUR", "currency"') + b" "
    place = await desk.send(value.replace(b"dl-50", b"123-45-6789"))

    refused = desk.at("replay", place)
    assert (refused.returncode, "masked at $" in refused.stderr) == (1, True)
    assert b"123-45-6789" not in json.dumps(desk.shown(place)).encode()

    done = desk.at("replay", place, "--filter", '.account_id = "dl-50"', "--key", "another")
    assert done.returncode == 0, done.stderr
    await desk.until_answered(id_of(50), "account.opened")
    (replay,) = desk.shown(place)["replays"]
    assert replay["key_sha256"] == sha256(b"another").hexdigest()


async def test_all_of_a_kind_are_replayed_once(desk: Letters) -> None:
    numbers = range(60, 64)
    places = [await desk.send(opening(number, extra=1)) for number in numbers]
    mend = ("replay", "--all", "--code", "field_unknown", "--filter", "del(.extra)")

    done = desk.at(*mend)
    again = desk.at(*mend)

    assert done.returncode == 0, done.stderr
    assert sorted(line.partition(" ")[0] for line in done.stdout.splitlines()) == sorted(places)
    assert (again.returncode, again.stdout) == (0, "")
    for number in numbers:
        await desk.until_answered(id_of(number), "account.opened")


async def test_a_crash_after_publishing_leaves_the_intent(desk: Letters) -> None:
    place = await desk.send(opening(70, account_type="checking"))
    mend = ("replay", place, "--filter", '.account_type = "CHECKING"')

    assert desk.at(*mend, PARTITA_FAULT="replay_sent:1").returncode == -9

    await desk.until_answered(id_of(70), "account.opened")
    (replay,) = desk.shown(place)["replays"]
    assert (replay["partition"], replay["offset"]) == (None, None)
    assert "nobody has seen it arrive" in desk.at("show", place).stdout
    assert desk.at(*mend).returncode == 0
    assert [each["partition"] is None for each in desk.shown(place)["replays"]] == [True, False]


async def test_status_and_list_name_what_was_parked(desk: Letters) -> None:
    place = await desk.send(b"{too large")
    context, partition, offset = place.split("/")
    await desk.connection.execute(
        "INSERT INTO parked (lane_no, seq, topic, bytes, reason) SELECT lane_no, seq, 'some-dlt', 77, 'too large'"
        " FROM event JOIN lane USING (lane_no) WHERE partition = $1 AND source_offset = $2 AND kind = 5",
        *(int(partition), int(offset)),
    )
    status = desk.door("status", "--json")
    parked = json.loads(status.stdout)["parked"]
    assert parked == [
        {"context": context, "partition": int(partition), "offset": int(offset), "topic": "some-dlt", "bytes": 77}
    ]
    assert f"parked: {place}, 77 bytes, too large for some-dlt" in desk.door("status").stdout
    assert json.loads(desk.at("list", "--json", "--limit", "1").stdout)["parked"]
    assert desk.shown(place)["parked"]


async def test_replays_cannot_be_changed(desk: Letters) -> None:
    for statement in ("DELETE FROM dead_letter_replay", "UPDATE parked SET bytes = 1", "TRUNCATE parked"):
        await desk.connection.execute("SET session_replication_role = replica")
        if statement.startswith("UPDATE"):
            await desk.connection.execute(
                "INSERT INTO parked (lane_no, seq, topic, bytes, reason) VALUES (1, 0, 't', 5, 'r')"
            )
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(statement)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "Name dead letters"),
        (("ledger/0/0", "--all"), "Name dead letters"),
        (("ledger/0/0", "--code", "x"), "--code"),
        (("ledger/0/0", "ledger/0/1", "--key", "k"), "--key"),
        (("--all", "--edit"), "--edit"),
        (("ledger/0/0", "--edit", "--filter", "."), "--filter"),
        (("ledger/0/0", "--filter", ".["), "no jq program"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(desk: Letters, arguments: tuple[str, ...], cause: str) -> None:
    done = desk.at("replay", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert cause in done.stderr


async def test_the_books_are_right_with_dead_letters_in_them(desk: Letters) -> None:
    await desk.send(b"{")
    assert json.loads(desk.door("status", "--json").stdout)["dead_letters"] > 0
    assert desk.door("audit").returncode == 0
