"""What the benches of imports and exports are made of: pairs, files, and what psql is told."""

from collections import Counter

from partita.bench.bulk import Turns
from partita.bench.exports import _said
from partita.bench.import_files import FILES, files


def test_a_pair_of_bulk_is_ours_against_what_came_before_it_and_unsteady_readings_are_marked() -> None:
    turns = Turns(ours=[10, 30, 20], theirs=[40, 60, 80])
    assert (turns.rate, turns.yardstick, turns.ratio, turns.are_steady) == (20, 60, 0.25, False)
    told = dict(turns.figures("rows", "psql", goal=0.8))
    assert told["pair 2: rows/s, psql/s, ratio"] == "30  60  0.50"
    assert any("goal: at least 0.8; unsteady" in name for name in told)


def test_files_of_an_import_are_the_same_each_time_and_hold_as_many_lines_of_each_kind_as_they_say() -> None:
    made = list(files(6_789, number=3))
    assert made == list(files(6_789, number=3))
    assert len(made) == FILES
    assert sum(each.lines for each in made) == 6_789
    ids = Counter[bytes]()
    for each in made:
        lines = [line.strip(b'\r"').split(b",") for line in each.data.splitlines()[1:]]
        good = [line[0].strip(b'"') for line in lines if line[0].strip(b'"') and line[1].strip(b'"')]
        assert {len(line) for line in lines} == {10}
        assert (len(lines), len(lines) - len(good)) == (each.lines, each.rejected)
        assert len(good) - len(set(good)) == each.duplicate
        ids.update(set(good))
    assert set(ids.values()) == {1}


def test_values_stand_in_what_psql_copies_as_the_export_s_worker_puts_them() -> None:
    said = _said("SELECT $1::int[], $2,  $10\n -- $3\n;", [[1, 2], "o'clock", *range(3, 10), None])
    assert said == "SELECT '{1,2}'::int[], 'o''clock', NULL"
