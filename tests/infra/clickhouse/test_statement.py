"""Taking SQL apart: where an INSERT's data begin, and which FORMAT a result has."""

import pytest

from infra.embedded.clickhouse_server.errors import ClickHouseError
from infra.embedded.clickhouse_server.statement import Statement, parse_statement

LONGEST = 10_000


def parse(text: bytes) -> Statement:
    return parse_statement(text, LONGEST)


@pytest.mark.parametrize(
    ("text", "format_name", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00'\xff;", "Native", b"\x00'\xff;"),
        (b"insert into db.t (a, b) settings x = 1 format CSV 1,2", "CSV", b"1,2"),
        (b"INSERT INTO t FORMAT TSV\r\n\n1", "TSV", b"\n1"),
        (b"INSERT INTO t VALUES (1), (';')", "Values", b" (1), (';')"),
        (b"INSERT INTO format FORMAT CSV\n1", "CSV", b"1"),
        (b"INSERT INTO values VALUES (1)", "Values", b" (1)"),
        (b"/* FORMAT CSV */ INSERT -- VALUES\n INTO `FORMAT x` (`values`) VALUES (1)", "Values", b" (1)"),
        (b"INSERT INTO {t:Identifier} FORMAT CSV\n1", "CSV", b"1"),
        (b"INSERT INTO FUNCTION null('a UInt8, format String') FORMAT CSV\n1", "CSV", b"1"),
        (b"INSERT INTO t", None, b""),
    ],
)
def test_data_of_an_insert(text: bytes, format_name: str | None, data: bytes) -> None:
    """The data begin after VALUES or after FORMAT's line, wherever those words are keywords."""
    got = parse(text)
    assert (got.verb, got.format, got.data) == ("INSERT", format_name, data)
    assert text.startswith(got.sql)


@pytest.mark.parametrize("text", [b"INSERT INTO t SELECT 1 FORMAT CSV", b"INSERT INTO t WITH 1 AS x SELECT x"])
def test_insert_from_a_query_has_no_data(text: bytes) -> None:
    """INSERT ... SELECT goes to the engine as it is."""
    assert parse(text) == Statement(text, "INSERT", None, None)


@pytest.mark.parametrize(
    ("text", "format_name"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 format JSONEachRow;", "JSONEachRow"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT format FROM t", None),
        (b"SELECT a AS format FROM t FORMAT TSV", "TSV"),
        (b"SELECT 'x FORMAT CSV'", None),
        (b"SELECT * FROM (SELECT 1 FORMAT CSV)", None),
        (b"SELECT 1 -- FORMAT CSV", None),
        (b"SELECT $$ FORMAT CSV $$", None),
    ],
)
def test_format_of_a_result(text: bytes, format_name: str | None) -> None:
    """Only a FORMAT clause at the end of the statement counts."""
    assert parse(text).format == format_name


@pytest.mark.parametrize("text", [b"", b"  \n", b"-- nothing\n"])
def test_empty_statement(text: bytes) -> None:
    """A text without a statement is a SYNTAX_ERROR that says where to put one."""
    with pytest.raises(ClickHouseError, match="Empty query"):
        parse(text)


def test_insert_followed_by_another_statement() -> None:
    """A second statement after an INSERT's table is refused before its data could be mistaken."""
    with pytest.raises(ClickHouseError, match="Multi-statements"):
        parse(b"INSERT INTO t; DROP TABLE t FORMAT CSV\n1")


def test_long_sql_is_refused_but_long_data_is_not() -> None:
    """The limit counts the SQL text, and not the data after it."""
    assert parse(b"INSERT INTO t FORMAT CSV\n" + b"1\n" * LONGEST).data == b"1\n" * LONGEST
    with pytest.raises(ClickHouseError, match=f"longer than {LONGEST} bytes"):
        parse(b"SELECT 1" + b" + 1" * LONGEST)
