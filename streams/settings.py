"""Settings: environment variables with prefix HIGHLIGHTS_, groups and fields joined by two underscores.

`HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS=kafka:9092` sets `Settings().kafka.bootstrap_servers`. Without any, Kafka and ClickHouse
are the embedded ones that `highlights up` runs.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseModel):
    """Where Kafka is."""

    bootstrap_servers: str | None = None
    """host:port, several joined by commas. Unset: the embedded Kafka."""
    topic_prefix: str = ""
    """Put before each topic's name; change it to run several systems on one Kafka."""
    replication_factor: Annotated[int, Field(ge=1)] = 1
    """Of topics that we create; 3 in production."""
    interactions_partitions: Annotated[int, Field(ge=1)] | None = None
    """Partitions of topics that we create; unset: as the topic's YAML says. Cannot change while state is kept."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    """Certificate authority for TLS; unset: the system's."""


class ClickHouseSettings(BaseModel):
    """Where ClickHouse is."""

    url: str | None = None
    """HTTP interface, http://host:8123 or https://host:8443. Unset: the embedded ClickHouse."""
    user: str = "highlights"
    password: SecretStr = SecretStr("")
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = "highlights"
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for one request."""


class StatisticsSettings(BaseModel):
    """Rules of the statistics. State made under other rules is refused: rebuild it after a change."""

    half_life_hours: Annotated[float, Field(ge=1, le=24 * 365)] = 72.0
    """Time in which an interaction loses half its weight; shorter follows fashion, longer remembers."""
    session_window_hours: Annotated[float, Field(ge=0.1, le=24 * 14)] = 6.0
    """How long a session that does nothing is remembered, and how late an event may be; memory grows with it."""
    max_clock_skew_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 10.0
    """How far an event's time may lie ahead of the broker's stamp."""


class WorkerSettings(BaseModel):
    """How a worker works."""

    group: str = "highlights"
    """Consumer group, and name of the state's changelog topic."""
    flush_interval_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Time between flushes: longer makes fewer, larger inserts and staler scores."""
    max_unflushed_interactions: Annotated[int, Field(ge=1_000)] = 5_000_000
    """Consumption pauses at this many interactions that are not yet in ClickHouse."""
    max_message_bytes: Annotated[int, Field(ge=1_024)] = 65_536
    """Longer interactions are dead letters."""
    max_consecutive_dead_letters: Annotated[int, Field(ge=0)] = 100_000
    """A worker stops at a partition with so many dead letters in a row, lest a broken sender drains the topic into them.
    Checked between chunks. Raise it to go on; 0 is no limit."""
    stop_timeout_s: Annotated[float, Field(gt=0)] = 8.0
    """Longest last flush on SIGTERM; what it does not reach is done again after the next start."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """Prometheus endpoint; 0 turns it off."""


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(env_prefix="HIGHLIGHTS_", env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Path(".highlights")
    """Where the embedded Kafka and ClickHouse keep their data."""
    hash_secret: SecretStr = SecretStr("highlights-local")
    """Secret of the identifiers' hashes. Set your own in production; state made under another is refused."""
    log_format: Literal["console", "json"] = "console"
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    worker: WorkerSettings = WorkerSettings()
