"""ClickHouse's errors: code, name and text, and the HTTP status that each code is answered with."""

import re
from http import HTTPStatus

# As in ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; every other code is a 500. One differs
# here: "too many simultaneous queries" says 503, which clients retry.
_CODES_BY_STATUS: dict[HTTPStatus, tuple[int, ...]] = {
    HTTPStatus.BAD_REQUEST: (
        6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223,
        321, 376, 427, 441, 675, 676,
    ),
    HTTPStatus.FORBIDDEN: (192, 193, 497, 512, 516),
    HTTPStatus.NOT_FOUND: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    HTTPStatus.REQUEST_TIMEOUT: (159,),
    HTTPStatus.LENGTH_REQUIRED: (381,),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (229,),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (779,),
    HTTPStatus.NOT_IMPLEMENTED: (48,),
    HTTPStatus.SERVICE_UNAVAILABLE: (76, 202, 209, 439),
}  # fmt: skip
_STATUS = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes}
_ENGINE_TEXT = re.compile(r"Code: (?P<code>\d+)\. DB::Exception: (?P<text>.*)", re.DOTALL)
_TRAILING_VERSION = re.compile(r"\s*\(version [^()]*(?:\([^()]*\))?\)\s*$")
_TRAILING_NAME = re.compile(r"\s*\((?P<name>[A-Z][A-Z0-9_]+)\)\s*$")


class ClickHouseError(Exception):
    """An error as ClickHouse tells it: `code` and `name` from its ErrorCodes.cpp, `text` without either.

    `status` is the HTTP status that a ClickHouse server answers it with.
    """

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text} ({name})")
        self.code = code
        self.name = name
        self.status = _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)


def from_engine(error: Exception) -> ClickHouseError:
    """Read code, name and text out of what chDB raised; without a code it is STD_EXCEPTION (1001)."""
    found = _ENGINE_TEXT.search(str(error))
    if found is None:
        return ClickHouseError(1001, "STD_EXCEPTION", str(error) or type(error).__name__)
    text = _TRAILING_VERSION.sub("", found["text"])
    named = _TRAILING_NAME.search(text)
    if named is None:
        return ClickHouseError(int(found["code"]), "UNKNOWN_EXCEPTION", text)
    return ClickHouseError(int(found["code"]), named["name"], text[: named.start()])


def bad_argument(text: str) -> ClickHouseError:
    """A request that names something wrong (BAD_ARGUMENTS, 400)."""
    return ClickHouseError(36, "BAD_ARGUMENTS", text)


def not_implemented(text: str) -> ClickHouseError:
    """Something that a production server does and this one does not (NOT_IMPLEMENTED, 501)."""
    return ClickHouseError(48, "NOT_IMPLEMENTED", text)


def syntax_error(text: str) -> ClickHouseError:
    """SQL that cannot be taken as one statement (SYNTAX_ERROR, 400)."""
    return ClickHouseError(62, "SYNTAX_ERROR", text)


def too_large(text: str) -> ClickHouseError:
    """A request beyond one of the server's limits (QUERY_IS_TOO_LARGE, 413)."""
    return ClickHouseError(229, "QUERY_IS_TOO_LARGE", text)
