"""SQL and the Python beside it: every query is used, every name used exists, and PostgreSQL understands each."""

import ast
import re
from pathlib import Path

import pytest

from processor.database import Connection, parse_queries
from tests.house.tree import PACKAGES, ROOT, Module, files, modules

QUERY_FILES = [path for path in files() if path.suffix == ".sql" and "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def queries(path: Path) -> dict[str, str]:
    return dict(parse_queries(path.read_text("utf-8"), source=name_of(path)))


def said(module: Module) -> set[str]:
    """Return every text that *module* holds."""
    nodes = ast.walk(module.tree)
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def loaded_by(module: Module) -> set[Path]:
    """Return the query files that *module* loads."""
    calls = re.findall(r'named_queries\(\s*"([\w.]+)",\s*"([\w.]+)"\s*\)', module.text)
    return {ROOT.joinpath(*package.split("."), file) for package, file in calls}


def looked_up(module: Module) -> set[str]:
    """Return the names that *module* takes its queries by, as far as they are written out."""
    return set(re.findall(r'_SQL\["(\w+)"\]', module.text))


def test_there_are_queries_to_look_at() -> None:
    assert len(QUERY_FILES) >= 4
    assert sum(len(queries(path)) for path in QUERY_FILES) > 20


@pytest.mark.parametrize("path", QUERY_FILES, ids=name_of)
def test_every_query_file_is_loaded_beside_it_and_every_query_of_it_used(path: Path) -> None:
    loading = [module for module in modules(*PACKAGES) if path in loaded_by(module)]
    assert loading, f"{name_of(path)} is loaded by no module"
    assert {ROOT / Path(module.name).parent for module in loading} == {path.parent}
    used = {text for module in loading for text in said(module)}
    assert sorted(queries(path).keys() - used) == []


def test_every_query_that_is_looked_up_exists() -> None:
    for module in modules(*PACKAGES):
        known = {name for path in loaded_by(module) for name in queries(path)}
        assert sorted(looked_up(module) - known) == [], module.name


@pytest.mark.parametrize("path", QUERY_FILES, ids=name_of)
async def test_postgresql_understands_every_query(path: Path, connection: Connection) -> None:
    for name, query in queries(path).items():
        commands = [part for part in re.sub(r"--.*", "", query).split(";") if part.strip()]
        try:
            for command in commands if "$" not in query else [query]:
                await connection.prepare(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, the query's name must be told
            pytest.fail(f"{name_of(path)}, {name}: {error}")


def test_no_sql_is_written_in_python() -> None:
    statement = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS)\b")
    found = {module.name: [text for text in said(module) if statement.match(text)] for module in modules(*PACKAGES)}
    assert {name: texts for name, texts in found.items() if texts} == {}
