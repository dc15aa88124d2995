"""Kafka's security settings, in the form that Faust takes."""

import ssl

import faust
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
