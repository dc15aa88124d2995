"""Native for clients of newer protocol versions: the same bytes, with block info and serialization flags."""

from collections.abc import Callable
from typing import Any

import pytest

Http = Callable[..., Any]

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
NEWER = "54460"
VALUES = [
    "number",
    "toNullable(number)",
    "toString(number)",
    "toLowCardinality(toString(number % 2))",
    "[toString(number), 'x']",
    "map('a', toFloat32(number))",
    "toDateTime64(number, 3, 'UTC')",
    "CAST('live', 'Enum8(\\'draft\\' = 1, \\'live\\' = 2)')",
    "(number, [toNullable(toString(number)), NULL])",
    "toFixedString('abc', 3)",
    "generateUUIDv4(1) = generateUUIDv4(1)",
    "[toLowCardinality(toNullable('a'))]",
]


def columns_of(http: Http, expressions: list[str], rows: int, version: str) -> bytes:
    selected = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(expressions))
    answer = http(f"SELECT {selected} FROM numbers({rows})", default_format="Native", client_protocol_version=version)
    assert answer.status == 200, answer.data
    return bytes(answer.data)


def test_bytes_of_a_small_block(http: Http) -> None:
    """One row of two columns, byte by byte as ClickHouse documents it."""
    got = http("SELECT 1::UInt8 AS a, 'x' AS b", default_format="Native", client_protocol_version=NEWER).data
    assert got == BLOCK_INFO + b"\x02\x01" + b"\x01a\x05UInt8\x00\x01" + b"\x01b\x06String\x00\x01x"


@pytest.mark.parametrize("rows", [1, 3])
def test_every_type_is_passed_over_whole(http: Http, rows: int) -> None:
    """All columns in one block are what each is alone: so each column's end was found."""
    alone = [columns_of(http, ["1"] * place + [value], rows, NEWER) for place, value in enumerate(VALUES)]
    ones = [columns_of(http, ["1"] * place, rows, NEWER) for place in range(1, len(VALUES))]
    head = len(BLOCK_INFO) + 2
    columns = [alone[0][head:]] + [whole[len(before) :] for whole, before in zip(alone[1:], ones, strict=True)]
    together = columns_of(http, VALUES, rows, NEWER)
    assert together == BLOCK_INFO + bytes([len(VALUES), rows]) + b"".join(columns)


def test_each_block_of_a_stream_has_its_info(http: Http) -> None:
    """A result of several blocks has the block info once per block."""
    sql = "SELECT number FROM numbers(10) SETTINGS max_block_size = 5"
    got = http(sql, default_format="Native", client_protocol_version=NEWER).data
    assert got.count(BLOCK_INFO + b"\x01\x05\x06number\x06UInt64\x00") == 2


def test_older_versions_get_the_plain_format(http: Http) -> None:
    """clickhouse-connect's version (54405) gets what no version gets: it probes for that and adapts."""
    assert columns_of(http, VALUES, 2, "54405") == columns_of(http, VALUES, 2, "0")


def test_type_that_cannot_be_read_is_an_error(http: Http) -> None:
    """An aggregate state in this format is NOT_IMPLEMENTED rather than a broken block."""
    sql = "SELECT sumState(number) AS s FROM numbers(3)"
    assert http(sql, default_format="Native", client_protocol_version=NEWER).status == 501


def test_version_must_be_a_number(http: Http) -> None:
    """Any other client_protocol_version is refused."""
    assert http("SELECT 1", client_protocol_version="new").status == 400
