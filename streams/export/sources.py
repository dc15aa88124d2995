"""Where the rows of a data set come from: ClickHouse, in a fixed order, a block at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from schemas.errors import ConfigurationError
from streams import clickhouse
from streams.export.columns import CLIP_COLUMNS, WEAK_PAIR_COLUMNS, Column, schema_of

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

_BUILDS = """
SELECT build, built_for, any(lineage) AS lineage, any(rule_version) AS rule_version, any(build_rows) AS wanted, count() AS found
FROM weak_pairs FINAL
WHERE built_for >= {since:DateTime64(3, 'UTC')} AND built_for < {until:DateTime64(3, 'UTC')}
GROUP BY build, built_for
"""

_PAIR_NAMES: Final = ", ".join(column.name for column in WEAK_PAIR_COLUMNS)
_PAIRS: Final = f"""
SELECT {_PAIR_NAMES}
FROM weak_pairs FINAL
WHERE built_for = {{built_for:DateTime64(3, 'UTC')}} AND build = {{build:String}} AND confidence >= {{least:Float64}}
ORDER BY preferred_video, preferred_clip, other_video, other_clip, kind
"""

_COMPUTED: Final = {"tags": "mapKeys(tags) AS tags", "tag_probabilities": "mapValues(h.tags) AS tag_probabilities"}
_CLIP_NAMES: Final = ", ".join(_COMPUTED.get(column.name, column.name) for column in CLIP_COLUMNS)
_CLIPS: Final = f"""
SELECT {_CLIP_NAMES}
FROM highlights AS h
WHERE {{all:Bool}} OR (event_at >= {{since:DateTime64(3, 'UTC')}} AND event_at < {{until:DateTime64(3, 'UTC')}})
ORDER BY video_id, clip_index
"""


@dataclass(frozen=True)
class Source:
    """Rows to export."""

    name: str
    columns: tuple[Column, ...]
    videos: tuple[str, ...]
    """Columns that name a video: a row whose videos are on two sides of the split is left out."""
    group: str
    """Column by which the card counts rows."""
    facts: dict[str, Any]
    """What the rows were made of, and which were asked for."""
    client: Client
    query: str
    parameters: dict[str, Any]

    @contextmanager
    def blocks(self) -> Iterator[Iterator[pa.Table]]:
        """Yield the rows, a block at a time.

        Raises:
            DeliveryError: ClickHouse does not answer.
        """
        schema = schema_of(self.columns)
        with (
            clickhouse.telling(f"ClickHouse does not give the rows of {self.name}"),
            self.client.query_arrow_stream(self.query, parameters=self.parameters, use_strings=True) as blocks,
        ):
            yield (_cast(block, schema) for block in blocks)


def _cast(block: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_batches([block]) if isinstance(block, pa.RecordBatch) else block
    return table.select(schema.names).cast(schema)


def weak_pairs(client: Client, since: datetime, until: datetime, least_confidence: float) -> Source:
    """Return the pairs of the newest build of a time.

    Args:
        client: of ClickHouse.
        since, until: bounds of the build's event time; the second is excluded.
        least_confidence: pairs of less are left out.

    Raises:
        ConfigurationError: there is no build in that time, or it is being written.
        DeliveryError: ClickHouse does not answer.
    """
    with clickhouse.telling("ClickHouse does not say which weak pairs there are"):
        builds = list(client.query(_BUILDS, {"since": since, "until": until}).named_results())
    if not builds:
        message = f"no weak pairs were built for {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}: `highlights pairs` builds them"
        raise ConfigurationError(message)
    newest = max(builds, key=_age)
    if newest["found"] != newest["wanted"]:
        message = f"build {newest['build']} is being written, {newest['found']} of {newest['wanted']} pairs are there: try again"
        raise ConfigurationError(message)
    facts = {
        "asked_for": {"since": since.isoformat(), "until": until.isoformat(), "min_confidence": least_confidence},
        "build": newest["build"],
        "built_for": newest["built_for"].isoformat(),
        "rule_version": newest["rule_version"],
        "lineage": orjson.loads(newest["lineage"]),
    }
    parameters = {"built_for": newest["built_for"], "build": newest["build"], "least": least_confidence}
    videos = ("preferred_video", "other_video")
    return Source("weak-pairs", WEAK_PAIR_COLUMNS, videos, "kind", facts, client, _PAIRS, parameters)


def _age(build: dict[str, Any]) -> tuple[datetime, int, str]:
    """Order builds by event time, then by how much of the source they have seen."""
    return build["built_for"], sum(part["applied_offset"] for part in orjson.loads(build["lineage"])), build["build"]


def clips(client: Client, since: datetime | None, until: datetime | None) -> Source:
    """Return the clips whose newest interaction is of a time; all, those that nobody has watched too, where it has no bounds."""
    bounds = {"since": since or EARLIEST, "until": until or LATEST}
    facts = {"asked_for": {name: value.isoformat() for name, value in bounds.items()} if since or until else "all clips"}
    parameters = bounds | {"all": not (since or until)}
    return Source("clips", CLIP_COLUMNS, ("video_id",), "category", facts, client, _CLIPS, parameters)
