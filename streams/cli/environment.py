"""Settings of a command: the environment's, completed by the embedded servers that run."""

import os
import re
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

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
        message = f"{name}{_shown(name, first)}: {first['msg']}"
        raise ConfigurationError(message) from None
    except SettingsError as error:
        name = "HIGHLIGHTS_" + str(error).split('"')[1].upper()
        message = f"{name} is no JSON object: give one, or set its fields one by one, as {name}__FIELD"
        raise ConfigurationError(message) from None
    endpoints = running_endpoints(settings.data_dir)
    return with_endpoints(settings, endpoints) if endpoints else settings


def _shown(name: str, error: ErrorDetails) -> str:
    """Return what may be shown of a wrong value: groups, unknown names and addresses may hold a password."""
    value = error["input"]
    if not isinstance(value, str) or name.endswith(("PASSWORD", "SECRET")) or error["type"] == "extra_forbidden":
        return ""
    return " = " + repr(re.sub(r".*@|\?.*", "***", value, flags=re.DOTALL))


def with_endpoints(settings: Settings, endpoints: Endpoints) -> Settings:
    """Return settings that use embedded servers where no others are set."""
    kafka, clickhouse = settings.kafka, settings.clickhouse
    if kafka.bootstrap_servers is None:
        kafka = kafka.model_copy(update={"bootstrap_servers": endpoints.kafka})
    if clickhouse.url is None:
        password = SecretStr(endpoints.password)
        clickhouse = clickhouse.model_copy(update={"url": endpoints.clickhouse, "user": endpoints.user, "password": password})
    return settings.model_copy(update={"kafka": kafka, "clickhouse": clickhouse})


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process that has these settings, and none that is set for this one alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HIGHLIGHTS_")} | as_environment(settings)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return environment variables that give a child process the same settings, secrets and all."""
    found = {}
    for group, value in settings:
        fields = dict(value) if isinstance(value, BaseModel) else {"": value}
        for name, content in fields.items():
            if content is not None:
                text = content.get_secret_value() if isinstance(content, SecretStr) else str(content)
                found["HIGHLIGHTS_" + "__".join(filter(None, (group, name))).upper()] = text
    return found


def cache_dir() -> Path:
    """Return the folder where downloads and compiled code are kept between runs."""
    return user_cache_path("highlights")
