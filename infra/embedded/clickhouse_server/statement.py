"""One request's SQL, taken apart: is it an INSERT that carries data, where does the data begin, in which
format.

The engine parses the SQL; this module only finds the seam between an INSERT and its data, and the FORMAT of a
result, which the HTTP interface must know before the engine runs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from infra.embedded.clickhouse_server.errors import ClickHouseError, syntax_error, too_large

_TOKEN = re.compile(
    rb"""
      (?P<space> \s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?\*/ )
    | (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | \$(\w*)\$.*?\$\3\$ )
    | (?P<word> \w+ )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_DATA_START = re.compile(rb"[ \t\f]*\r?\n?")
_WORDS_OF_TRAILERS = {"TOTALS", "EXTREMES"}
_NAMES_FOLLOW = {"INTO", "TABLE", "FUNCTION", "."}


@dataclass(frozen=True)
class Statement:
    """One SQL statement. `data` is None unless it is an INSERT whose data come with it, in `format`.

    `verb` is its first word in capitals, or "" where it does not begin with a word. `has_trailer`: totals or
    extremes come after its rows.
    """

    sql: bytes
    verb: str
    format: str | None
    data: bytes | None
    has_trailer: bool = False


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse_statement(text: bytes, longest_bytes: int) -> Statement:
    """Split `text` into the statement and the data of its INSERT, if it is one.

    Raises:
        ClickHouseError: SYNTAX_ERROR for an empty text or for more than one statement in an INSERT,
        QUERY_IS_TOO_LARGE
            where the SQL alone exceeds `longest_bytes`, and the errors for INTO OUTFILE and FROM INFILE,
            which would touch the server's own files.
    """
    tokens = _tokens(text, longest_bytes)
    first = next(tokens, None)
    if first is None:
        raise syntax_error("Empty query: give it in the URL parameter `query` or in the request's body")
    verb = first.text.upper() if first.kind == "word" else ""
    if verb == "INSERT":
        return _parse_insert(text, tokens)
    return _parse_query(text, verb, tokens)


def _tokens(text: bytes, longest_bytes: int) -> Iterator[_Token]:
    """Tokens outside of brackets, without spaces and comments; of a bracket only its end is told."""
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "sign"
        if found.end() > longest_bytes:
            raise too_large(f"The SQL text is longer than {longest_bytes} bytes: send its values as the data of an INSERT")
        if kind == "space":
            continue
        sign = found[0].decode("utf-8", "replace")
        if sign in {"(", "[", "{"}:
            depth += 1
        elif sign in {")", "]", "}"}:
            depth -= 1
        if depth <= 0:
            yield _Token(kind, sign, found.start(), found.end())


def _parse_insert(text: bytes, tokens: Iterator[_Token]) -> Statement:
    previous = ""
    for token in tokens:
        word = token.text.upper() if token.kind == "word" else token.text
        if word == ";" and text[token.end :].strip():
            raise syntax_error("Multi-statements are not allowed: send one statement per request")
        if token.kind == "word" and previous not in _NAMES_FOLLOW:
            if word in ("SELECT", "WITH"):
                return Statement(text, "INSERT", None, None)
            if word == "INFILE":
                raise ClickHouseError(78, "UNKNOWN_TYPE_OF_QUERY", "FROM INFILE is not allowed over HTTP: send the data")
            if word == "VALUES":
                return Statement(text[: token.start], "INSERT", "Values", text[token.end :])
            if word == "FORMAT" and (name := next(tokens, None)) is not None:
                return Statement(text[: token.start], "INSERT", name.text, _data_after(text, name.end))
        previous = word
    return Statement(text, "INSERT", None, b"")


def _data_after(text: bytes, format_end: int) -> bytes:
    """Data begin after the first line break, or after the blanks where there is none (ClickHouse's rule)."""
    found = _DATA_START.match(text, format_end)
    return text[found.end() if found else format_end :]


def _parse_query(text: bytes, verb: str, tokens: Iterator[_Token]) -> Statement:
    kept = list(tokens)
    words = [token.text.upper() if token.kind == "word" else token.text for token in kept]
    if ("INTO", "OUTFILE") in pairwise(words):
        raise ClickHouseError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed over HTTP")
    return Statement(text, verb, _output_format(kept, words), None, not _WORDS_OF_TRAILERS.isdisjoint(words))


def _output_format(tokens: list[_Token], words: list[str]) -> str | None:
    """The name in the FORMAT clause at the end, which SETTINGS or a semicolon may follow.

    Elsewhere `format` is a column or an alias.
    """
    for place in reversed(range(len(words) - 1)):
        after = words[place + 2 : place + 3]
        if words[place] == "FORMAT" and tokens[place + 1].kind == "word" and after in ([], ["SETTINGS"], [";"]):
            return tokens[place + 1].text
    return None
