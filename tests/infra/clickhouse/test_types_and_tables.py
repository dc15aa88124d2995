"""What clickhouse-connect sends and reads through the embedded server: types, table engines, views."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from clickhouse_connect.driver.client import Client

COLUMNS = {
    "id": "UInt64",
    "score": "Float64",
    "interval": "Nullable(Float64)",
    "kind": "LowCardinality(String)",
    "tags": "Array(String)",
    "weights": "Map(String, Float32)",
    "at": "DateTime64(3)",
    "state": "Enum8('draft' = 1, 'live' = 2)",
    "vector": "Array(Float32)",
    "offsets": "Tuple(UInt64, UInt64)",
}
ROWS = [
    [2**64 - 1, 0.1, None, "share", ["a'b", "ü\n"], {"x": 0.5}, datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), "live",
     [1.0, 2.0], (1, 2)],
    [0, -1e300, 2.5, "", [], {}, datetime(1970, 1, 1, tzinfo=UTC), "draft", [], (0, 2**63)],
]  # fmt: skip


def create(client: Client, engine: str = "MergeTree ORDER BY id") -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    client.command(f"CREATE TABLE rows ({columns}) ENGINE = {engine}")


def test_every_type_comes_back_as_it_was_sent(client: Client) -> None:
    """A row of each type that the project's tables use survives an insert and a query unchanged."""
    create(client)
    client.insert("rows", ROWS, column_names=list(COLUMNS))
    got = client.query("SELECT * FROM rows ORDER BY id DESC", query_tz="UTC", tz_mode="aware").result_rows
    assert [list(row) for row in got] == ROWS


def test_columnar_insert_of_numpy_arrays_reports_its_rows(client: Client) -> None:
    """An insert of 100,000 rows of numpy columns says in its summary how many it wrote, and they are there."""
    client.command("CREATE TABLE numbers (id UInt64, value Float64) ENGINE = MergeTree ORDER BY id")
    ids = np.arange(100_000, dtype=np.uint64)
    summary = client.insert("numbers", [ids, ids * 0.5], column_names=["id", "value"], column_oriented=True)
    assert summary.written_rows == 100_000
    assert client.query("SELECT count(), sum(value) FROM numbers").first_row == (
        100_000,
        float(ids.sum()) / 2,
    )


def test_arrow_frame_and_numpy_results(client: Client) -> None:
    """query_arrow, query_df and query_np give the same rows."""
    sql = "SELECT number AS n, toString(number) AS s FROM numbers(10)"
    assert client.query_arrow(sql).to_pydict()["n"] == list(range(10))
    assert client.query_df(sql)["s"].tolist() == [str(n) for n in range(10)]
    assert client.query_np(sql)["n"].tolist() == list(range(10))


def test_empty_result_has_no_rows(client: Client) -> None:
    """A query that finds nothing gives no rows, in Native and in Arrow."""
    sql = "SELECT number AS n FROM numbers(3) WHERE n > 5"
    assert client.query(sql).result_rows == []
    assert client.query_arrow(sql).num_rows == 0


def test_limit_zero_tells_the_columns(client: Client) -> None:
    """LIMIT 0 still names the columns and their types."""
    result = client.query("SELECT 1::UInt8 AS a, 'x' AS b LIMIT 0")
    assert result.column_names == ("a", "b")
    assert [kind.name for kind in result.column_types] == ["UInt8", "String"]


def test_large_result_streams_as_rows_and_blocks(client: Client) -> None:
    """A result of two million rows arrives whole through the row stream."""
    with client.query_rows_stream("SELECT number FROM numbers(2000000)") as rows:
        assert sum(number for (number,) in rows) == 1_999_999_000_000


def test_insert_arrow_and_raw_formats(client: Client) -> None:
    """Parquet, CSV and JSONEachRow are inserted as they are."""
    client.command("CREATE TABLE formats (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    parquet = client.raw_query("SELECT toUInt64(1) AS n, 'parquet' AS s", fmt="Parquet")
    client.raw_insert("formats", insert_block=parquet, fmt="Parquet")
    client.raw_insert("formats", insert_block=b"2,csv\n", fmt="CSV")
    client.raw_insert("formats", insert_block=b'{"n": 3, "s": "json"}\n', fmt="JSONEachRow")
    client.insert_arrow("formats", client.query_arrow("SELECT toUInt64(4) AS n, 'arrow' AS s"))
    rows = client.query("SELECT n, s FROM formats ORDER BY n").result_rows
    assert rows == [(1, "parquet"), (2, "csv"), (3, "json"), (4, "arrow")]


def test_replacing_merge_tree_shows_the_latest_version(client: Client) -> None:
    """FINAL keeps the row of the highest version, whatever the order of the inserts."""
    client.command("CREATE TABLE latest (id UInt64, v UInt64, x String) ENGINE = ReplacingMergeTree(v) ORDER BY id")
    for version, text in ((2, "new"), (1, "old")):
        client.insert("latest", [[7, version, text]], column_names=["id", "v", "x"])
    assert client.query("SELECT id, v, x FROM latest FINAL").result_rows == [(7, 2, "new")]
    assert client.query("SELECT count() FROM latest", settings={"final": 1}).first_row == (1,)


def test_deduplication_token_drops_a_repeated_insert(client: Client) -> None:
    """The same token is written once, another token again."""
    client.command(
        "CREATE TABLE history (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("t:0:1-5", "t:0:1-5", "t:0:6-9"):
        client.insert("history", [[1]], column_names=["n"], settings={"insert_deduplication_token": token})
    assert client.query("SELECT count() FROM history").first_row == (2,)


def test_materialized_view_fills_its_target(client: Client) -> None:
    """An insert into the source reaches the target of a materialized view at once."""
    client.command("CREATE TABLE source (video String, n UInt64) ENGINE = MergeTree ORDER BY video")
    client.command("CREATE TABLE sums (video String, n UInt64) ENGINE = SummingMergeTree ORDER BY video")
    client.command("CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT video, n FROM source")
    client.insert("source", [["a", 1], ["a", 2], ["b", 5]], column_names=["video", "n"])
    assert client.query("SELECT video, sum(n) FROM sums GROUP BY video ORDER BY video").result_rows == [
        ("a", 3),
        ("b", 5),
    ]


def test_parametrized_view(client: Client) -> None:
    """A view with parameters takes them in its call, and those may be bound in turn."""
    client.command("CREATE VIEW up_to AS SELECT number AS n FROM numbers(100) WHERE n < {most:UInt64}")
    assert client.query("SELECT count() FROM up_to(most = 7)").first_row == (7,)
    assert client.query("SELECT count() FROM up_to(most = {m:UInt64})", parameters={"m": 9}).first_row == (9,)


def test_asynchronous_insert_waits_for_its_rows(client: Client) -> None:
    """async_insert with wait_for_async_insert returns after the rows can be read."""
    client.command("CREATE TABLE asynchronous (n UInt64) ENGINE = MergeTree ORDER BY n")
    settings = {"async_insert": 1, "wait_for_async_insert": 1}
    client.insert("asynchronous", [[1], [2]], column_names=["n"], settings=settings)
    assert client.query("SELECT count() FROM asynchronous").first_row == (2,)


def test_database_of_the_client_is_the_current_one(client: Client, database: str, connect: Callable[..., Client]) -> None:
    """Two clients with different databases see different tables under one name."""
    create(client)
    assert client.query("SELECT currentDatabase()").first_row == (database,)
    assert connect().query("EXISTS TABLE rows").first_row == (0,)
    assert client.query("EXISTS TABLE rows").first_row == (1,)
