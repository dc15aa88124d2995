"""The HTTP interface as curl and other plain clients see it."""

import base64
import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import clickhouse_connect
import lz4.frame
import pytest
import urllib3
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from infra.embedded.clickhouse import EmbeddedClickHouse

Http = Callable[..., Any]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("path", ["/ping", "/", "/replicas_status"])
def test_health_needs_no_password(server: EmbeddedClickHouse, path: str) -> None:
    """/ping, / and /replicas_status say Ok to anybody."""
    answer = urllib3.request("GET", server.url + path)
    assert (answer.status, answer.data) == (200, b"Ok.\n")


def test_unknown_path_is_not_found(server: EmbeddedClickHouse) -> None:
    """Any other path is a 404 that names it."""
    answer = urllib3.request("GET", server.url + "/elsewhere")
    assert answer.status == 404
    assert b"/elsewhere" in answer.data


def test_query_in_url_body_or_both(http: Http) -> None:
    """The statement may stand in the URL, in the body, or begin in the URL and go on in the body."""
    assert http(method="GET", query="SELECT 1").data == b"1\n"
    assert http("SELECT 1").data == b"1\n"
    assert http("+ 1", query="SELECT 1").data == b"2\n"


def test_headers_describe_the_answer(http: Http) -> None:
    """Format, query id, summary, server and time zone are in the headers, named as ClickHouse names them."""
    answer = http("SHOW DATABASES FORMAT JSON", query_id="mine")
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert answer.headers["Content-Type"].startswith("application/json")
    assert int(json.loads(answer.headers["X-ClickHouse-Summary"])["result_rows"]) == json.loads(answer.data)["rows"]


def test_default_format(http: Http) -> None:
    """TabSeparated, unless a parameter, a header or a FORMAT clause says otherwise; the clause wins."""
    assert http("SELECT 1 AS a, 'x'").data == b"1\tx\n"
    assert http("SELECT 1 AS a", default_format="JSONEachRow").data == b'{"a":1}\n'
    assert http("SELECT 1 AS a", headers={"X-ClickHouse-Format": "CSV"}).headers["X-ClickHouse-Format"] == "CSV"
    assert http("SELECT 1 AS a FORMAT CSVWithNames", default_format="JSON").data == b'"a"\n1\n'


def test_get_is_read_only(http: Http, database: str) -> None:
    """A GET may read and may not write."""
    http("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n", database=database)
    refused = http(method="GET", query="DROP TABLE kept", database=database)
    assert refused.headers["X-ClickHouse-Exception-Code"] == "164"
    assert http("EXISTS TABLE kept", database=database).data == b"1\n"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("INSERT INTO t FORMAT CSV", b"1,a\n2,b\n"),
        ("INSERT INTO t VALUES", b"(1, 'a'), (2, 'b')"),
        ("", b"INSERT INTO t FORMAT JSONEachRow\n" + b'{"n":1,"s":"a"}\n{"n":2,"s":"b"}'),
        ("", b"INSERT INTO t (s, n) VALUES ('a', 1), ('b', 2);"),
        ("", b"INSERT INTO t SELECT number + 1, char(97 + number) FROM numbers(2)"),
        ("", b"INSERT INTO t SETTINGS async_insert = 0 FORMAT TSV\n1\ta\n2\tb\n"),
        ("INSERT INTO {table:Identifier} FORMAT CSV", b"1,a\n2,b\n"),
    ],
)
def test_insert_in_every_shape(http: Http, database: str, url: str, body: bytes) -> None:
    """Data after VALUES, after FORMAT in the same body, or apart from the statement arrive alike."""
    http("CREATE TABLE t (n UInt8, s String) ENGINE = MergeTree ORDER BY n", database=database)
    answer = http(body, database=database, param_table="t", **({"query": url} if url else {}))
    assert (answer.status, answer.data) == (200, b"")
    assert http("SELECT * FROM t ORDER BY n", database=database).data == b"1\ta\n2\tb\n"


@pytest.mark.parametrize("user", ["highlights", "default", "ü"])
def test_wrong_credentials_are_forbidden(server: EmbeddedClickHouse, user: str) -> None:
    """A wrong password is a 403 with code 516, whoever asks and however it is sent."""
    for headers in (basic(user, "wrong"), {"X-ClickHouse-User": user.encode().decode("latin1")}):
        answer = urllib3.request("POST", server.url, body=b"SELECT 1", headers=headers)
        assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert b"AUTHENTICATION_FAILED" in answer.data


def test_no_credentials_are_unauthorized(server: EmbeddedClickHouse) -> None:
    """Without any credentials the answer is a 401 that asks for them, and does not tell the user's name."""
    answer = urllib3.request("POST", server.url, body=b"SELECT 1")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert server.user.encode() not in answer.data


def test_basic_and_url_credentials(server: EmbeddedClickHouse) -> None:
    """The password passes as basic authentication and as URL parameters, too."""
    secret = "it's a \\ secret"
    by_header = urllib3.request("POST", server.url, body=b"SELECT 1", headers=basic(server.user, secret))
    fields = {"user": server.user, "password": secret, "query": "SELECT 1"}
    by_url = urllib3.request("GET", server.url, fields=fields)
    assert by_header.data == by_url.data == b"1\n"


def test_wrong_password_of_the_client(server: EmbeddedClickHouse) -> None:
    """clickhouse-connect raises DatabaseError with ClickHouse's text."""
    with pytest.raises(DatabaseError, match="Authentication failed"):
        clickhouse_connect.get_client(host="127.0.0.1", port=server.port, username=server.user, password="no")


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM nowhere", 404, "60", b"UNKNOWN_TABLE"),
        ("SELECT nothing", 404, "47", b"UNKNOWN_IDENTIFIER"),
        ("SELECT (", 400, "62", b"SYNTAX_ERROR"),
        ("", 400, "62", b"SYNTAX_ERROR"),
        ("USE nowhere", 404, "81", b"UNKNOWN_DATABASE"),
        ("SELECT 1 FORMAT Nonsense", 404, "73", b"UNKNOWN_FORMAT"),
        ("SELECT throwIf(1)", 500, "395", b"FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 INTO OUTFILE '/nowhere/x'", 500, "358", b"INTO_OUTFILE_NOT_ALLOWED"),
        ("INSERT INTO t FROM INFILE '/nowhere/x' FORMAT CSV", 404, "78", b"UNKNOWN_TYPE_OF_QUERY"),
        ("INSERT INTO nowhere FORMAT CSV\n1", 404, "60", b"UNKNOWN_TABLE"),
    ],
)
def test_errors_have_code_name_and_status(http: Http, sql: str, status: int, code: str, name: bytes) -> None:
    """An error is ClickHouse's own text, with its code in a header and its status."""
    answer = http(sql)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.data.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert b"(%b) (version " % name in answer.data


def test_block_compression_is_refused_with_the_way_out(http: Http) -> None:
    """compress=1 is a 501 that names HTTP compression instead."""
    answer = http("SELECT 1", compress="1")
    assert answer.status == 501
    assert b"enable_http_compression" in answer.data


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "lz4"])
@pytest.mark.parametrize("rows", [1, 2_000_000])
def test_answers_are_compressed_on_request(connect: Callable[..., Client], http: Http, encoding: str, rows: int) -> None:
    """With enable_http_compression the answer has the encoding asked for, short or streamed; without it, none."""
    sql = f"SELECT number FROM numbers({rows})"
    answer = http(sql, headers={"Accept-Encoding": encoding}, enable_http_compression="1")
    assert answer.headers["Content-Encoding"] == encoding
    plain = lz4.frame.decompress(answer.data) if encoding == "lz4" else answer.data
    assert plain.count(b"\n") == rows
    assert "Content-Encoding" not in http(sql, headers={"Accept-Encoding": encoding}).headers
    assert connect(compress=encoding).query(sql).row_count == rows


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("encoding", [*COMPRESSORS])
def test_bodies_are_decompressed(http: Http, encoding: str) -> None:
    """A compressed body is read by its Content-Encoding; a wrong one is CANNOT_DECOMPRESS."""
    headers = {"Content-Encoding": encoding}
    assert http(COMPRESSORS[encoding](b"SELECT 7"), headers=headers).data == b"7\n"
    assert http(b"SELECT 7", headers=headers).headers["X-ClickHouse-Exception-Code"] == "271"


@pytest.mark.parametrize("compression", ["lz4", "zstd", "br", "gzip", False])
def test_client_inserts_with_every_compression(connect: Callable[..., Client], database: str, compression: str | bool) -> None:
    """clickhouse-connect's inserts arrive with each of its compressions."""
    client = connect(database=database, compress=compression)
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.insert("t", [list(range(50_000))], column_names=["n"], column_oriented=True)
    assert client.query("SELECT count(), sum(n) FROM t").first_row == (50_000, 1_249_975_000)


def test_error_in_the_middle_of_a_stream(client: Client, http: Http) -> None:
    """A query that fails after its first megabytes ends with ClickHouse's marked exception, which the client raises."""
    sql = "SELECT number, throwIf(number = 4000000) FROM numbers(10000000)"
    answer = http(sql)
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    assert answer.status == 200
    assert answer.data.endswith(b" %b\r\n__exception__\r\n" % tag)
    with pytest.raises(StreamFailureError, match="FUNCTION_THROW_IF"), client.query_rows_stream(sql) as rows:
        for _ in rows:
            pass


def test_waiting_for_the_end_turns_that_error_into_a_status(http: Http) -> None:
    """wait_end_of_query=1 holds the answer back, so the same failure is a plain error."""
    answer = http("SELECT throwIf(number = 4000000) FROM numbers(5000000)", wait_end_of_query="1")
    assert answer.status == 500
    assert answer.headers["X-ClickHouse-Exception-Code"] == "395"


def test_totals_are_not_lost(http: Http) -> None:
    """WITH TOTALS and extremes come after the rows, in streamable formats as well."""
    totals = "SELECT number % 2 AS a, count() FROM numbers(4) GROUP BY a WITH TOTALS ORDER BY a"
    assert http(totals).data == b"0\t2\n1\t2\n\n0\t4\n"
    assert http("SELECT number FROM numbers(2)", extremes="1").data == b"0\n1\n\n0\n1\n"


def test_multipart_form_carries_query_and_parameters(http: Http, connect: Callable[..., Client]) -> None:
    """Parameters too long for a URL come as a form; files in it (external data) are refused."""
    long = "x" * 100_000
    client = connect(form_encode_query_params=True)
    assert client.query("SELECT {v:String}", parameters={"v": long}).first_row == (long,)
    body, kind = urllib3.encode_multipart_formdata({"query": "SELECT 1", "data": ("data.csv", "1\n")})
    assert http(body, headers={"Content-Type": kind}).status == 501


def test_slow_queries_stop_neither_ping_nor_inserts(http: Http, server: EmbeddedClickHouse, database: str) -> None:
    """While every place for queries is taken, /ping answers and an insert is written."""
    http("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n", database=database)
    slow = [threading.Thread(target=http, args=(f"SELECT sleep(3), {n}",)) for n in range(8)]
    for thread in slow:
        thread.start()
    deadline = time.monotonic() + 10
    while urllib3.request("GET", server.url + "/ping").status != 200:
        assert time.monotonic() < deadline
    inserted = http("INSERT INTO t VALUES (1)", database=database)
    still_slow = any(thread.is_alive() for thread in slow)
    for thread in slow:
        thread.join()
    assert inserted.status == 200
    assert still_slow


def test_client_that_goes_away_cancels_its_query(http: Http, server: EmbeddedClickHouse) -> None:
    """A stream whose reader has closed the connection is gone from system.processes."""
    sql = "SELECT number FROM numbers(100000000000) FORMAT TSV"
    connection = urllib3.HTTPConnectionPool("127.0.0.1", server.port)
    headers = basic(server.user, "it's a \\ secret")
    answer = connection.urlopen("POST", "/", body=sql, headers=headers, preload_content=False)
    assert len(answer.read(1 << 20)) == 1 << 20
    connection.close()
    answer.close()
    deadline = time.monotonic() + 10
    seen = "SELECT count() FROM system.processes WHERE query = {sql:String}"
    while http(seen, param_sql=sql).data != b"0\n":
        assert time.monotonic() < deadline, "the query still runs"
