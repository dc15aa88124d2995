"""Settings: environment variables with prefix HIGHLIGHTS_, groups and fields joined by two underscores.

`HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS=kafka:9092` sets `Settings().kafka.bootstrap_servers`. Without any, Kafka and ClickHouse
are the embedded ones that `highlights up` runs.
"""

import ipaddress
import re
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address means this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _servers(value: str) -> str:
    if not all(_SERVER.fullmatch(server.strip()) for server in value.split(",")):
        message = "give host:port, several joined by commas; user and password have settings of their own"
        raise ValueError(message)
    return value


def _web_address(value: str) -> str:
    """Refuse all but scheme, host and port: an address is shown in logs and errors."""
    address = urlsplit(value)
    try:
        port = address.port
    except ValueError:
        port = 0
    plain = address.scheme in ("http", "https") and address.hostname and port != 0 and address.path in ("", "/")
    if not plain or "@" in address.netloc or address.query or address.fragment:
        message = "give http://host:port or https://host:port and no more; user, password and database have settings of their own"
        raise ValueError(message)
    return value


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        message = "it holds no certificates that can be read: give a PEM file"
        raise ValueError(message) from error
    return path


def _networks(value: str) -> str:
    for part in filter(None, value.split(",")):
        ipaddress.ip_network(part.strip())
    return value


CertificateFile = Annotated[FilePath, AfterValidator(_certificates)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class KafkaSettings(_Group):
    """Where Kafka is."""

    bootstrap_servers: Annotated[str, AfterValidator(_servers)] | None = None
    """host:port, several joined by commas. Unset: the embedded Kafka."""
    topic_prefix: str = ""
    """Put before the name of each topic and of the group; change it to run several systems on one Kafka, each with a ClickHouse
    database of its own."""
    replication_factor: Annotated[int, Field(ge=1)] = 1
    """Of topics that we create; 3 in production."""
    interactions_partitions: Annotated[int, Field(ge=1)] | None = None
    """Partitions of topics that we create; unset: as the topic's YAML says. Cannot change while state is kept."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: CertificateFile | None = None
    """Certificate authority for TLS, PEM; unset: the system's."""

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            message = f"{self.security_protocol} needs HIGHLIGHTS_KAFKA__USERNAME and HIGHLIGHTS_KAFKA__PASSWORD"
            raise ValueError(message)
        return self


class ClickHouseSettings(_Group):
    """Where ClickHouse is."""

    url: Annotated[str, AfterValidator(_web_address)] | None = None
    """HTTP interface, http://host:8123 or https://host:8443. Unset: the embedded ClickHouse."""
    ca_file: CertificateFile | None = None
    """Certificate authority for https, PEM; unset: the system's."""
    user: str = "highlights"
    password: SecretStr = SecretStr("")
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] = "highlights"
    timeout_s: Annotated[float, Field(ge=1)] = 30.0
    """Longest wait for one request."""


class StatisticsSettings(_Group):
    """Rules of the statistics. State made under other rules is refused: rebuild it after a change."""

    half_life_hours: Annotated[float, Field(ge=1, le=24 * 365)] = 72.0
    """Time in which an interaction loses half its weight; shorter follows fashion, longer remembers."""
    session_window_hours: Annotated[float, Field(ge=0.1, le=24 * 14)] = 6.0
    """How long a session that does nothing is remembered, and how late an event may be; memory grows with it."""
    max_clock_skew_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 10.0
    """How far an event's time may lie ahead of the broker's stamp."""


class WorkerSettings(_Group):
    """How a worker works."""

    group: str = "highlights"
    """Consumer group, and name of the state's changelog topic."""
    group_instance_id: str | None = None
    """Name of this worker in its group that survives restarts, a pod's name for instance: a worker that comes back under it
    within the session timeout has its partitions at once, and nobody else has to take them. Unset: a new member each time."""
    session_timeout_s: Annotated[float, Field(ge=1, le=30)] = 6.0
    """Silence after which a worker's partitions go to others."""
    flush_interval_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Time between flushes: longer makes fewer, larger inserts and staler scores."""
    max_unflushed_interactions: Annotated[int, Field(ge=1_000)] = 5_000_000
    """Consumption pauses at this many interactions that are not yet in ClickHouse."""
    max_message_bytes: Annotated[int, Field(ge=1_024)] = 65_536
    """Longer interactions are dead letters."""
    max_consecutive_dead_letters: Annotated[int, Field(ge=0)] = 100_000
    """A partition with so many dead letters in a row is stopped, lest a broken sender drains it into them; checked between
    chunks. Raise it to go on; 0 is no limit."""
    max_dead_letter_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A partition of whose last 10,000 to 65,536 messages more than this part are dead letters is stopped; 1 is no limit."""
    max_interactions_per_minute: Annotated[int, Field(ge=0)] = 300
    """A session with more than so many in one minute of event time is no person: it is excluded, from its beginning; 0 is no
    limit."""
    exclusions_interval_s: Annotated[float, Field(gt=0)] = 60.0
    """Time between looks for new exclusions. Each that finds any computes the state anew, from the source's beginning."""
    stop_timeout_s: Annotated[float, Field(gt=0)] = 8.0
    """Longest last flush on SIGTERM; what it does not reach is done again after the next start."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """Prometheus endpoint; 0 turns it off."""


class LearningSettings(_Group):
    """How rankers are made."""

    releases_dir: Path | None = None
    """Folder of the releases; unset: `releases` in HIGHLIGHTS_DATA_DIR."""
    pairs_interval_hours: Annotated[float, Field(ge=0)] = 6.0
    """Age of the newest weak pairs at which the worker that has the first partition has new ones built, in a process beside it;
    0 leaves that to `highlights pairs` and `highlights retrain`. Each build adds its rows to ClickHouse, for 180 days."""
    newest_interactions: Annotated[int, Field(ge=0)] = 2_000_000
    """How many interactions tell which clips the same sessions watched."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 9466
    """Prometheus endpoint of `highlights retrain --every`; 0 turns it off."""

    def folder(self, data_dir: Path) -> Path:
        """Return the folder of the releases."""
        return self.releases_dir or data_dir / "releases"

    def models_folder(self, data_dir: Path) -> Path:
        """Return the folder of the supervised models."""
        return self.folder(data_dir) / "models"


class ServingSettings(_Group):
    """Where the feed's HTTP interface listens, and whom it answers."""

    host: str = "127.0.0.1"
    """Another needs a file of keys."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 8600
    keys_file: FilePath | None = None
    """YAML list of API keys: `name`, `sha256` of the key, `scopes` out of feed, clips, operate. Unset: no key is asked for."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """Most requests of one key, or of one address where no key is asked for; 0 is no limit."""
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = ""
    """Addresses and networks of proxies, several joined by commas, whose `X-Forwarded-For` is believed: `10.0.0.0/8`. Empty:
    nobody's, so behind a proxy whoever has no known key has the proxy's address."""
    max_connections: Annotated[int, Field(ge=1)] = 500
    """Requests that are answered at once, streams among them; further ones are answered with 503, but those for health."""
    streams_per_key: Annotated[int, Field(ge=0)] = 100
    """Open streams of one key, or of one address where no key is asked for; further ones are answered with 429; 0 is no limit."""
    cors_origins: str = ""
    """Origins whose pages may read answers in a browser, several joined by commas: `https://example.org`."""
    kept_rankings: Annotated[int, Field(ge=1)] = 2_000
    """Rankings kept for cursors, 8 kB each at most; the one used longest ago goes first."""
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 9465
    """Prometheus endpoint; 0 turns it off."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not is_loopback(self.host) and self.keys_file is None:
            message = f"host {self.host!r} is open to others: set HIGHLIGHTS_SERVING__KEYS_FILE, or listen on 127.0.0.1"
            raise ValueError(message)
        return self


class TracingSettings(_Group):
    """Traces by OpenTelemetry, of flushes, requests and trainings; needs the extra `tracing`."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^@\s]+$")] | None = None
    """A collector's address for OTLP over HTTP, `http://collector:4318/v1/traces`. Unset: nothing is traced."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Part of the traces that is kept; whoever asks with a trace of their own decides for it."""


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="HIGHLIGHTS_", env_nested_delimiter="__", extra="forbid", use_attribute_docstrings=True
    )

    data_dir: Path = Path(".highlights")
    """Where the embedded Kafka and ClickHouse keep their data, and where rankers, fusions and models lie (`releases`)."""
    hash_secret: SecretStr = SecretStr("highlights-local")
    """Secret of the identifiers' hashes. Set your own in production; state made under another is refused."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level of our own logs; libraries speak from WARNING on."""
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    worker: WorkerSettings = WorkerSettings()
    learning: LearningSettings = LearningSettings()
    serving: ServingSettings = ServingSettings()
    tracing: TracingSettings = TracingSettings()

    @property
    def group(self) -> str:
        """Name of the workers' group on this Kafka, and the beginning of those of its changelog and transactions."""
        return self.kafka.topic_prefix + self.worker.group
