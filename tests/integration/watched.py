"""A client of ClickHouse that is looked over its shoulder."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult


class Watched:
    """Notes what is asked, and fails at queries of a table if it is told to."""

    def __init__(self, client: Client) -> None:
        """Read through another client."""
        self._client = client
        self.fails: tuple[str, Exception] | None = None
        self.before: Callable[[], object] = lambda: None
        """Done before each query, but reads of columns."""
        self.asked: list[tuple[str, int]] = []
        """Queries, and how many rows were the answer."""

    def query(self, query: str, *arguments: Any, **options: Any) -> QueryResult:
        """Return what the other client returns."""
        self._may_fail(query)
        self.before()
        result = self._client.query(query, *arguments, **options)
        self.asked.append((query, result.row_count))
        return result

    def query_arrow(self, query: str, **options: Any) -> pa.Table:
        """Return what the other client returns."""
        self._may_fail(query)
        table = self._client.query_arrow(query, **options)
        self.asked.append((query, len(table)))
        return table

    def rows_of(self, table: str) -> list[int]:
        """Return how many rows each query of a table has had."""
        return [rows for query, rows in self.asked if table in query]

    def _may_fail(self, query: str) -> None:
        if self.fails and self.fails[0] in query:
            raise self.fails[1]
