"""Bound parameters, settings and sessions: each belongs to one request and to nobody else."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOSTILE = [
    "'",
    "\\",
    "''",
    "\\'",
    "a\tb\nc",
    "ü 字 🎬",
    "'; DROP TABLE kept; --",
    "{x:String}",
    "\\N",
    "NULL",
    "%s",
    "\x00",
    "",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_only_a_value(client: Client, value: str) -> None:
    """Quotes, backslashes, controls and injections come back as the text that they are."""
    assert client.query("SELECT {v:String}", parameters={"v": value}).first_row == (value,)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(value=st.text(), items=st.lists(st.text(), max_size=4))
def test_any_text_round_trips(client: Client, value: str, items: list[str]) -> None:
    """Any text, alone or in an array, is bound unchanged."""
    if any("\ud800" <= character <= "\udfff" for character in value + "".join(items)):
        return
    got = client.query("SELECT {v:String}, {i:Array(String)}", parameters={"v": value, "i": items}).first_row
    assert got == (value, items)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Nullable(String)", None),
        ("Array(Nullable(UInt8))", [1, None]),
        ("UInt64", 2**64 - 1),
        ("Float64", -0.1),
        ("Array(Array(String))", [["'"], []]),
    ],
)
def test_parameters_of_other_types(client: Client, kind: str, value: Any) -> None:
    """NULL, nested arrays and extreme numbers are bound as their type says."""
    assert client.query(f"SELECT {{v:{kind}}}", parameters={"v": value}).first_row == (value,)


def test_identifier_parameter_names_a_table(client: Client) -> None:
    """{name:Identifier} names a table, and an injection in it is an unknown table."""
    client.command("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    sql = "SELECT count() FROM {t:Identifier}"
    assert client.query(sql, parameters={"t": "kept"}).first_row == (0,)
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query(sql, parameters={"t": "kept; DROP TABLE kept"})
    assert client.query("EXISTS TABLE kept").first_row == (1,)


def test_missing_parameter_is_named(client: Client) -> None:
    """A placeholder without a value is the engine's error, also after a request that had one of that name."""
    client.query("SELECT {v:String}", parameters={"v": "once"})
    with pytest.raises(DatabaseError, match="Substitution `v` is not set"):
        client.query("SELECT {v:String}")


def test_second_statement_is_refused_and_not_run(client: Client) -> None:
    """`SELECT 1; DROP TABLE kept` is an error and drops nothing, also where the second part cannot be parsed."""
    client.command("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    for second in ("DROP TABLE kept", "DROP TABLE kept; nonsense ("):
        with pytest.raises(DatabaseError, match="Multi-statements are not allowed"):
            client.command(f"SELECT 1; {second}")
    assert client.query("EXISTS TABLE kept").first_row == (1,)


def test_setting_holds_for_its_own_query_only(client: Client) -> None:
    """A setting of one query is back at its default in the next, in the same session."""
    sql = "SELECT getSetting('max_block_size')"
    default = client.query(sql).first_row
    assert client.query(sql, settings={"max_block_size": 1234}).first_row == (1234,)
    assert client.query(sql).first_row == default


def test_settings_of_concurrent_queries_do_not_mix(connect: Callable[..., Client]) -> None:
    """Eight clients at once each read the value that they set themselves."""
    clients = [connect() for _ in range(8)]
    wrong: list[tuple[int, Any]] = []

    def work(number: int, own: Client) -> None:
        for _ in range(20):
            got = own.query("SELECT getSetting('log_comment')", settings={"log_comment": str(number)}).first_row
            if got != (str(number),):
                wrong.append((number, got))

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_unknown_setting_is_an_error(http: Callable[..., Any]) -> None:
    """A setting that ClickHouse does not know is refused with its code and name."""
    answer = http("SELECT 1", no_such_setting="1")
    assert answer.status == 404
    assert answer.headers["X-ClickHouse-Exception-Code"] == "115"
    assert b"no_such_setting" in answer.data


def test_readonly_forbids_writing(client: Client) -> None:
    """readonly=1 lets a query read and lets nothing be written."""
    client.command("CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    assert client.query("SELECT 1", settings={"readonly": 1}).first_row == (1,)
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("DROP TABLE kept", settings={"readonly": 1})
    client.command("DROP TABLE kept")


def test_max_execution_time_stops_a_query(client: Client) -> None:
    """A query beyond max_execution_time ends with TIMEOUT_EXCEEDED."""
    with pytest.raises(DatabaseError, match="TIMEOUT_EXCEEDED"):
        client.query("SELECT sum(sipHash64(number)) FROM numbers(100000000000)", settings={"max_execution_time": 1})


@contextmanager
def running(http: Callable[..., Any], sql: str, **parameters: str) -> Iterator[None]:
    """Run a slow query in a thread; the block begins when the engine has it, and the query is over at its end."""
    slow = threading.Thread(target=http, args=(sql,), kwargs=parameters)
    slow.start()
    deadline = time.monotonic() + 10
    seen = "SELECT count() FROM system.processes WHERE query = {sql:String}"
    while http(seen, param_sql=sql.replace("\\", "\\\\")).data != b"1\n":
        assert time.monotonic() < deadline, f"the engine never ran {sql}"
    yield
    slow.join()


_sessions = count()


@pytest.fixture
def session_id() -> str:
    return f"session-{next(_sessions)}"


def test_session_keeps_temporary_tables_and_set(http: Callable[..., Any], session_id: str) -> None:
    """What a session sets and creates is there in its next request, and nowhere else."""
    for sql in (
        "CREATE TEMPORARY TABLE scratch (n UInt8)",
        "INSERT INTO scratch VALUES (1), (2)",
        "SET max_threads = 1",
    ):
        assert http(sql, session_id=session_id).status == 200
    both = "SELECT count(), getSetting('max_threads') FROM scratch"
    assert http(both, session_id=session_id, max_block_size="1000").data == b"2\t1\n"
    assert http(both, session_id=session_id).data == b"2\t1\n"
    assert http("SELECT count() FROM scratch").status == 404


def test_request_database_does_not_stay_in_the_session(http: Callable[..., Any], database: str, session_id: str) -> None:
    """database= holds for one request; USE holds for the session."""
    sql = "SELECT currentDatabase()"
    assert http(sql, session_id=session_id, database=database).data.decode() == f"{database}\n"
    assert http(sql, session_id=session_id).data == b"default\n"
    http(f"USE {database}", session_id=session_id)
    assert http(sql, session_id=session_id).data.decode() == f"{database}\n"


def test_busy_session_is_locked(http: Callable[..., Any], session_id: str) -> None:
    """A second request in a session that is running a query gets SESSION_IS_LOCKED."""
    with running(http, f"SELECT sleep(3), '{session_id}'", session_id=session_id):
        answer = http("SELECT 1", session_id=session_id)
    assert answer.headers.get("X-ClickHouse-Exception-Code") == "373"
    assert http("SELECT 1", session_id=session_id).status == 200


def test_session_check_needs_an_existing_session(http: Callable[..., Any], session_id: str) -> None:
    """session_check=1 on an unknown session is SESSION_NOT_FOUND."""
    assert http("SELECT 1", session_id=session_id, session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"


def test_read_only_request_of_a_session_leaves_it_writable(http: Callable[..., Any], session_id: str) -> None:
    """A GET sees what the session SET, may not write, and does not make the session read-only."""
    http("SET max_threads = 1", session_id=session_id)
    read = http(method="GET", query="SELECT getSetting('max_threads')", session_id=session_id)
    assert read.data == b"1\n"
    assert http("CREATE TEMPORARY TABLE scratch (n UInt8)", session_id=session_id).status == 200
