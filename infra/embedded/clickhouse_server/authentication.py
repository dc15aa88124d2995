"""Who is asking: ClickHouse's three ways to send a user and a password, and the one user that there is."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from infra.embedded.clickhouse_server.errors import ClickHouseError

_TEXT = "Authentication failed: password is incorrect, or there is no user with such name."


class MissingCredentialsError(ClickHouseError):
    """Neither user nor password was sent: the client may ask for them and try again."""

    def __init__(self) -> None:
        super().__init__(516, "AUTHENTICATION_FAILED", f"default: {_TEXT}")
        self.status = HTTPStatus.UNAUTHORIZED


@dataclass(frozen=True)
class Account:
    """The server's only user."""

    user: str
    password: str = field(repr=False)

    def check(self, headers: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        """Pass, or raise AUTHENTICATION_FAILED (516): status 403, or 401 where nothing was sent."""
        sent = _sent_credentials(headers, parameters)
        if sent is None:
            raise MissingCredentialsError
        user_matches = hmac.compare_digest(sent[0].encode(), self.user.encode())
        password_matches = hmac.compare_digest(sent[1].encode(), self.password.encode())
        if not (user_matches and password_matches):
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", f"{sent[0]}: {_TEXT}")


def _sent_credentials(headers: Mapping[str, str], parameters: Mapping[str, str]) -> tuple[str, str] | None:
    if "X-ClickHouse-User" in headers:
        return headers["X-ClickHouse-User"], headers.get("X-ClickHouse-Key", "")
    if "Authorization" in headers:
        return _basic(headers["Authorization"])
    if "user" in parameters or "password" in parameters:
        return parameters.get("user", "default"), parameters.get("password", "")
    return None


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user, password = "", ""
    if scheme.lower() != "basic":
        raise ClickHouseError(516, "AUTHENTICATION_FAILED", f"{scheme} authentication is not supported here: use Basic.")
    return user, password
