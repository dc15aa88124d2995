"""Kafka with TLS and SASL: everything works with the right settings, and wrong ones are one clear line."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.errors import ConfigurationError, DeliveryError
from streams import dead_letters
from streams.feed import feed
from streams.kafka import partition_counts
from streams.settings import KafkaSettings, Settings
from tests.integration.running import System
from tests.security.conftest import Highlights
from tests.security.secured import Certificates, SecuredKafka


def _at(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update=changes)})


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SSL", "SASL_SSL"])
def test_worker_replay_feed_dead_letters_and_audit_work_over(
    protocol: str, kafka: SecuredKafka, settings: Settings, make_system: Callable[[Settings], System]
) -> None:
    """Over each protocol, what is sent is applied to the bit, shown, and buried where it cannot be applied."""
    system = make_system(_at(settings, security_protocol=protocol, bootstrap_servers=kafka.address(protocol)))
    system.start_worker()
    sent = system.send_simulated(2_000)
    system.send_raw([(b"film", b"no event")])
    system.wait_for(sent + 1)
    system.assert_exact(sent + 1)
    assert feed(system.client, top=1)
    assert [letter.value for letter in dead_letters.read(system.settings)] == ["no event"]
    assert dead_letters.replay(system.settings).replayed == 1


@pytest.mark.parametrize(
    ("changes", "at", "expected"),
    [
        ({"password": SecretStr("wrong-one")}, "SASL_SSL", "HIGHLIGHTS_KAFKA__PASSWORD"),
        ({"username": "nobody"}, "SASL_SSL", "refuses user 'nobody'"),
        ({"ca_file": None}, "SASL_SSL", "HIGHLIGHTS_KAFKA__CA_FILE"),
        ({"security_protocol": "SSL"}, "PLAINTEXT", "HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL"),
        ({"sasl_mechanism": "PLAIN"}, "SASL_SSL", "HIGHLIGHTS_KAFKA__SASL_MECHANISM"),
    ],
    ids=["wrong password", "unknown user", "unknown authority", "TLS to plain text", "other mechanism"],
)
def test_a_wrong_setting_is_named(
    changes: dict[str, Any], at: str, expected: str, kafka: SecuredKafka, settings: Settings
) -> None:
    """The error names the setting that is wrong, and shows no password."""
    with pytest.raises(ConfigurationError) as caught:
        partition_counts(_at(settings, bootstrap_servers=kafka.address(at), **changes).kafka)
    assert expected in str(caught.value)
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("protocol", ["SSL", "SASL_PLAINTEXT"])
def test_plain_text_to_a_secured_port_asks_for_the_protocol(protocol: str, kafka: SecuredKafka, settings: Settings) -> None:
    """Kafka hangs up without a word then; the error names, with the address, the protocol."""
    plain = _at(settings, bootstrap_servers=kafka.address(protocol), security_protocol="PLAINTEXT")
    with pytest.raises(DeliveryError, match="HIGHLIGHTS_KAFKA__SECURITY_PROTOCOL"):
        partition_counts(plain.kafka, timeout_s=2.0)


@pytest.mark.parametrize("command", [("worker",), ("replay",), ("audit",), ("dead-letters", "list")])
def test_a_command_with_a_wrong_authority_ends_with_one_line(
    command: tuple[str, ...], certificates: Certificates, settings: Settings, highlights: Highlights
) -> None:
    """Each command that speaks to Kafka ends with status 1 and one line."""
    done = highlights(_at(settings, ca_file=certificates.stranger), *command, HIGHLIGHTS_CLICKHOUSE__DATABASE="default")
    assert done.returncode == 1
    assert "HIGHLIGHTS_KAFKA__CA_FILE" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_sasl_without_a_password_is_refused_at_the_start() -> None:
    """Settings that cannot work are an error before anything is asked of Kafka."""
    with pytest.raises(ValueError, match="HIGHLIGHTS_KAFKA__PASSWORD"):
        KafkaSettings(security_protocol="SASL_SSL", username="someone")
