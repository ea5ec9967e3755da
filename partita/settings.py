"""Every setting with its unit and default, read from the environment: ``PARTITA_KAFKA_BOOTSTRAP`` and so on.

Invariant This is the only module that reads the environment for settings; everything below is handed values.
"""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from processor.errors import NotPrepared
from processor.ledger.bank import limits_of
from processor.stores import location_of


class Settings(BaseSettings):
    """What may differ between two installations."""

    model_config = SettingsConfigDict(env_prefix="PARTITA_", extra="ignore", frozen=True)

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka's addresses, host:port, comma-separated")
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://postgres@127.0.0.1:5432/partita"),
        description="PostgreSQL's address, with its password",
    )
    topic_prefix: str = Field(default="", description="put before every topic and group, with its separator")
    partitions: int = Field(
        default=8, ge=1, le=1000, description="partitions of each topic that `partita topics` makes"
    )
    replication_factor: int = Field(default=-1, description="replicas of each such topic; -1 leaves it to the broker")

    batch_size_max: int = Field(default=4000, ge=1, le=20_000, description="commands in one transaction")
    session_timeout_ms: int = Field(
        default=6000, ge=1000, description="how long a silent consumer keeps its partitions"
    )
    lock_timeout_s: float = Field(
        default=5.0, gt=0, description="how long a batch waits for a row before it is run again"
    )
    statement_timeout_s: float = Field(
        default=30.0, gt=0, description="how long a statement may take; its answer is given up 5 s later"
    )
    blocker_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="how long a client may be silent inside a batch before who waits for it ends its session",
    )
    instance: str = Field(
        default="", description="stable name of this process; its restart takes over its own partitions"
    )
    fingerprint_key: SecretStr = Field(
        default=SecretStr(""),
        max_length=64,
        description="keys the hashes of social security numbers, and of the texts by which repeats are recognised",
    )

    timezone: str = Field(default="UTC", description="the bank's time zone, whose days and months fees are counted by")
    advance_limits: str = Field(
        default="", description="the most that is granted at once, by currency, such as EUR:1000.00,USD:1500"
    )
    advance_carry_over: Literal["next", "extra"] = Field(
        default="next",
        description="where a payment goes that could not be collected: the next one, or extra ones at the end",
    )

    relay_page_size: int = Field(
        default=2000, ge=1, le=20_000, description="events that the relay reads at once, over all lanes"
    )

    scheduler_in_flight_max: int = Field(
        default=10_000, ge=1, le=1_000_000, description="commands of the scheduler that may wait to be applied"
    )

    hot_months: int = Field(
        default=12, ge=1, le=1200, description="full months that stay hot; what is older moves to cold storage"
    )

    report_days_max: int = Field(default=5, ge=1, le=366, description="days that a report covers")
    report_rows_max: int = Field(
        default=1000, ge=1, le=10_000, description="rows that a page of a report or of a feed has"
    )

    objects_url: str = Field(
        default="./objects", min_length=1, description="where exports are kept and imports are read: a folder, or a URL"
    )
    import_locations: str = Field(
        default="", description="further locations that imports may be read from, comma-separated"
    )
    import_watch: str = Field(
        default="./data", description="where files of activity are imported from as they appear: a folder, or a URL"
    )

    export_part_mb: float = Field(
        default=16.0, gt=0, le=64, description="size at which a part of an export ends, in MiB before it is compressed"
    )
    import_line_kb_max: int = Field(
        default=64, ge=1, le=1024, description="length of a line of a file, in KiB; a longer one is rejected"
    )
    import_file_gb_max: int = Field(
        default=16, ge=1, le=1024, description="what a file may hold when it is decompressed, in GiB"
    )
    import_ratio_max: int = Field(
        default=200, ge=10, le=1000, description="how many times its own size a compressed file may hold"
    )
    job_lease_s: float = Field(
        default=15.0, ge=1, description="how long an export or import waits for its worker before another takes it"
    )
    job_attempts_max: int = Field(
        default=8, ge=1, le=1000, description="how often an export or import is tried before it has failed"
    )

    local: Literal["auto", "docker", "process"] = Field(default="auto", description="where the local stack comes from")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = Field(default=False, description="log lines as JSON instead of for people")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no time zone has this name; use one such as Europe/Berlin") from None
        return name

    @field_validator("objects_url")
    @classmethod
    def _known_location(cls, text: str) -> str:
        location_of(text)
        return text

    @field_validator("import_watch")
    @classmethod
    def _known_place(cls, text: str) -> str:
        if text:
            location_of(text)
        return text

    @field_validator("import_locations")
    @classmethod
    def _known_locations(cls, text: str) -> str:
        for each in filter(None, text.split(",")):
            location_of(each)
        return text

    @field_validator("advance_limits")
    @classmethod
    def _known_limits(cls, text: str) -> str:
        limits_of(text)
        return text


def load_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        NotPrepared: A variable has a value that cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "PARTITA_" + "_".join(str(part) for part in first["loc"]).upper()
        raise NotPrepared(f"{name}: {first['msg']}; correct it in the environment.") from None
