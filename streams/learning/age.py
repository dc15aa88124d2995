"""How old the newest weak pairs are, by ClickHouse's clock."""

import math
from typing import Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse import WEAK_PAIRS
from streams import clickhouse

_AGE: Final = f"SELECT count(), dateDiff('millisecond', max(published_at), now64(3)) / 1000 FROM {WEAK_PAIRS}"


def seconds_since_build(client: Client) -> float:
    """Return the age of the newest build of weak pairs; infinity where there is none.

    Raises:
        DeliveryError: ClickHouse does not answer.
    """
    with clickhouse.telling("ClickHouse does not say how old the weak pairs are"):
        ((rows, age),) = client.query(_AGE).result_rows
    return float(age) if rows else math.inf
