"""Settings of a command: the environment's, completed by the embedded servers that run."""

from pathlib import Path

from platformdirs import user_cache_path
from pydantic import SecretStr, ValidationError

from infra.embedded.stack import Endpoints, running_endpoints
from schemas.errors import ConfigurationError
from streams.settings import Settings


def load_settings() -> Settings:
    """Return the settings; where no Kafka or ClickHouse is set, of the embedded ones when they run.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "HIGHLIGHTS_" + "__".join(str(part).upper() for part in first["loc"])
        message = f"{name} = {first['input']!r}: {first['msg']}"
        raise ConfigurationError(message) from error
    endpoints = running_endpoints(settings.data_dir)
    return with_endpoints(settings, endpoints) if endpoints else settings


def with_endpoints(settings: Settings, endpoints: Endpoints) -> Settings:
    """Return settings that use embedded servers where no others are set."""
    kafka, clickhouse = settings.kafka, settings.clickhouse
    if kafka.bootstrap_servers is None:
        kafka = kafka.model_copy(update={"bootstrap_servers": endpoints.kafka})
    if clickhouse.url is None:
        password = SecretStr(endpoints.password)
        clickhouse = clickhouse.model_copy(update={"url": endpoints.clickhouse, "user": endpoints.user, "password": password})
    return settings.model_copy(update={"kafka": kafka, "clickhouse": clickhouse})


def as_environment(settings: Settings) -> dict[str, str]:
    """Return environment variables that give a child process the same Kafka and ClickHouse."""
    return {
        "HIGHLIGHTS_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers or "",
        "HIGHLIGHTS_CLICKHOUSE__URL": settings.clickhouse.url or "",
        "HIGHLIGHTS_CLICKHOUSE__USER": settings.clickhouse.user,
        "HIGHLIGHTS_CLICKHOUSE__PASSWORD": settings.clickhouse.password.get_secret_value(),
    }


def cache_dir() -> Path:
    """Return the folder where downloads and compiled code are kept between runs."""
    return user_cache_path("highlights")
