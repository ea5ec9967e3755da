"""What can go wrong around the rules, in two kinds that are half the retry policy.

    PartitaError
    ├── Transient    the infrastructure is ill: roll back, wait, run the same batch again, for ever
    ├── Poison       one command cannot be stored: find it by halving the batch, and dead-letter it
    ├── Declined     what somebody asks to read is not given; the code says why
    └── Fatal        nobody may go on before a person has looked: stop this context and say so
        ├── Incident     records are missing, or the log is not the one that was read before
        └── NotPrepared  the database, a topic or a setting is not what this version needs

The other half is ``engine.failures``: what PostgreSQL refuses is judged by SQLSTATE and constraint, never by a text,
and a command that cannot be stored is found by halving its batch. A refusal is none of these: it is an answer.
"""


class PartitaError(Exception):
    """The root of what this program raises on purpose. The message names cause and cure."""


class Transient(PartitaError):
    """Passing trouble: the same batch will succeed later."""

    def __init__(self, message: str, *, sqlstate: str = "", reconnect: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.reconnect = reconnect


class Fatal(PartitaError):
    """Going on would do damage, or cannot work."""


class Overtaken(PartitaError):
    """What a batch had found before its locks has changed while it waited for them; it is run again."""


class Declined(PartitaError):
    """What is asked for is not given: the request is at fault, and ``code`` says by what, in a stable word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Incident(Fatal):
    """The log and the books do not fit together: records would be skipped."""


class NotPrepared(Fatal):
    """Something that has to exist before the start does not."""


def kafka_unreachable(bootstrap: str, cause: Exception) -> NotPrepared:
    """Say that no broker answers, and what to do about it."""
    reason = str(cause) or type(cause).__name__
    return NotPrepared(
        f"Kafka cannot be reached at {bootstrap} ({reason}); check PARTITA_KAFKA_BOOTSTRAP and that the broker runs."
    )
