"""Kafka's security settings, in the forms that Faust and aiokafka take."""

import ssl
from typing import Any

import faust
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from faust.types.auth import CredentialsT

from streams.settings import KafkaSettings


def faust_credentials(settings: KafkaSettings) -> CredentialsT | None:
    """Return Faust's credentials for the settings, None for plain text."""
    if settings.security_protocol == "PLAINTEXT":
        return None
    context = None
    if settings.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=settings.ca_file)
    if not settings.security_protocol.startswith("SASL"):
        return faust.SSLCredentials(context=context)
    return faust.SASLCredentials(
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        ssl_context=context,
        mechanism=settings.sasl_mechanism,
    )


def aiokafka_credentials(settings: KafkaSettings) -> dict[str, Any]:
    """Return the options of a plain aiokafka client that Faust would give it."""
    options: dict[str, Any] = credentials_to_aiokafka_auth(faust_credentials(settings), None)
    return options
