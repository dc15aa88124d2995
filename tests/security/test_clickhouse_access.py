"""ClickHouse over TLS with user and password: wrong settings are one clear line. That the right ones work, Kafka's tests show."""

from typing import Any

import pytest
from pydantic import SecretStr

from infra.embedded.clickhouse import EmbeddedClickHouse
from schemas.errors import ConfigurationError, DeliveryError, HighlightsError
from streams.clickhouse import connect
from streams.settings import ClickHouseSettings, Settings
from tests.security.conftest import Highlights


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({"password": SecretStr("wrong-one")}, ConfigurationError, "HIGHLIGHTS_CLICKHOUSE__PASSWORD"),
        ({"user": "nobody"}, ConfigurationError, "refuses user 'nobody'"),
        ({"ca_file": None}, ConfigurationError, "HIGHLIGHTS_CLICKHOUSE__CA_FILE"),
        ({"url": "http"}, DeliveryError, "is it http or https there"),
        ({"url": "https"}, DeliveryError, "is it http or https there"),
    ],
    ids=["wrong password", "unknown user", "unknown authority", "http to https", "https to http"],
)
def test_a_wrong_setting_is_named(
    changes: dict[str, Any], kind: type[HighlightsError], expected: str, settings: Settings, clickhouse: EmbeddedClickHouse
) -> None:
    """The error says what is wrong, in one line that shows no password."""
    others = {"http": str(settings.clickhouse.url).replace("https", "http"), "https": clickhouse.url.replace("http", "https")}
    if "url" in changes:
        changes = {"url": others[changes["url"]]}
    with pytest.raises(kind) as caught:
        connect(settings.clickhouse.model_copy(update=changes), create_database=True)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "wrong-one" not in str(caught.value)


def test_a_command_with_a_wrong_password_ends_with_one_line(settings: Settings, highlights: Highlights) -> None:
    """The feed ends with status 1 and one line."""
    done = highlights(settings, "feed", HIGHLIGHTS_CLICKHOUSE__PASSWORD="wrong-one")
    assert done.returncode == 1
    assert "HIGHLIGHTS_CLICKHOUSE__PASSWORD" in done.stderr
    assert "wrong-one" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    "url", ["http://someone:secret@host:8123", "http://host:8123/path", "http://host?password=secret", "host"]
)
def test_an_address_is_scheme_host_and_port_alone(url: str) -> None:
    """An address is shown in logs and errors, so there is no room in it for a password."""
    with pytest.raises(ValueError, match="have settings of their own"):
        ClickHouseSettings(url=url)
