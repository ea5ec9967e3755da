"""Every kind of failure has its remedy, and what nobody has thought of stops the context."""

import asyncpg
import pytest

from processor.engine.failures import Remedy, describe, remedy_for
from processor.errors import Incident, Transient

SQLSTATES = """
    08000 RECONNECT  connection exception
    08006 RECONNECT  connection failure
    0A000 RECONNECT  cached plan must not change result type
    22003 HALVE      numeric value out of range
    22021 HALVE      character not in repertoire
    23502 HALVE      not null
    23505 HALVE      unique, of no id
    23514 HALVE      check
    25006 RECONNECT  read-only transaction
    25P02 STOP       in failed transaction
    25P03 RECONNECT  idle in transaction timeout
    25P04 RECONNECT  transaction timeout
    28P01 STOP       wrong password
    40001 WAIT       serialization failure
    40003 RECONNECT  statement completion unknown
    40P01 WAIT       deadlock
    42501 STOP       insufficient privilege
    42P01 STOP       undefined table
    53100 RECONNECT  disk full
    53300 RECONNECT  too many connections
    55P03 UNBLOCK    lock not available
    57014 RECONNECT  query cancelled
    57P01 RECONNECT  admin shutdown
    57P03 RECONNECT  cannot connect now
    58030 RECONNECT  I/O error
    P0001 STOP       raised by a function
    XX000 STOP       internal error
"""


@pytest.mark.parametrize("row", SQLSTATES.strip().splitlines())
def test_each_sqlstate_has_its_remedy(row: str) -> None:
    sqlstate, remedy, *_ = row.split()
    assert remedy_for(_error(sqlstate)) is Remedy[remedy]


def test_a_lost_race_for_an_id_is_run_again_and_any_other_duplicate_is_not() -> None:
    error = _error("23505")
    error.constraint_name = "account_exists"
    assert remedy_for(error, races={"account_exists"}) is Remedy.WAIT
    assert remedy_for(error) is Remedy.HALVE
    error.constraint_name = "event_one_answer_per_command"
    assert remedy_for(error) is Remedy.WAIT


def test_what_is_not_postgresqls_is_judged_by_its_class() -> None:
    assert remedy_for(ConnectionResetError()) is Remedy.RECONNECT
    assert remedy_for(TimeoutError()) is Remedy.RECONNECT
    assert remedy_for(asyncpg.InterfaceError("connection is closed")) is Remedy.RECONNECT
    assert remedy_for(asyncpg.InternalClientError("lost while types were looked up")) is Remedy.RECONNECT
    assert remedy_for(Transient("away")) is Remedy.RECONNECT
    assert remedy_for(asyncpg.DataError("cannot be sent")) is Remedy.HALVE
    assert remedy_for(KeyError("a bug of ours")) is Remedy.HALVE
    assert remedy_for(Incident("records are missing")) is Remedy.STOP


def test_a_failure_is_described_without_its_text() -> None:
    error = _error("23505")
    error.constraint_name = "account_exists"
    assert describe(error) == "UniqueViolationError 23505 account_exists"


def _error(sqlstate: str) -> asyncpg.PostgresError:
    error = asyncpg.PostgresError.new({"C": sqlstate, "M": "Key (ssn)=(078-05-1120) and other private things"})
    assert isinstance(error, asyncpg.PostgresError)
    return error
