"""Weak pairs of a snapshot, to topic `weak-pairs` and ClickHouse."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from schemas.clickhouse import WEAK_PAIRS as WEAK_PAIRS_TABLE
from schemas.interactions import KINDS
from schemas.topics import WEAK_PAIRS
from scoring.pairs.build import NO_CATEGORY, ClipStatistics, PairRules, Pairs, build_pairs
from scoring.rates import fit_prior
from streams import clickhouse
from streams.kafka import VerifiedProducer, topic_name
from streams.learning.snapshot import Snapshot, categories
from streams.settings import Settings

RULE_VERSION: Final = "pairs-2"
_ROWS_AT_ONCE: Final = 500_000


def pairs_of(snapshot: Snapshot) -> Pairs:
    """Build the weak pairs of a library. The same snapshot gives the same pairs, byte for byte."""
    category = categories(snapshot)[0][snapshot.video]
    clips = ClipStatistics(
        video=snapshot.video.astype(np.uint64),
        category=np.where(category < 0, NO_CATEGORY, category),
        clip_index=snapshot.clip_index,
        counts=snapshot.counts,
    )
    applied = max((part.lineage.applied_offset for part in snapshot.parts), default=-1)
    return build_pairs(clips, fit_prior(snapshot.counts, snapshot.clip_index, applied + 1), PairRules())


def publish_pairs(settings: Settings, client: Client, snapshot: Snapshot, pairs: Pairs) -> None:
    """Send pairs to ClickHouse and Kafka; come back when all have arrived.

    Raises:
        DeliveryError: one of them did not take them.
    """
    table = pair_table(snapshot, pairs)
    for start in range(0, len(table), _ROWS_AT_ONCE):
        clickhouse.insert(client, WEAK_PAIRS_TABLE, table.slice(start, _ROWS_AT_ONCE))
    producer, topic = VerifiedProducer(settings.kafka), topic_name(settings.kafka, WEAK_PAIRS)
    for video_id, value in messages(snapshot, pairs):
        producer.send(topic, key=video_id.encode(), value=value)
        producer.poll()
    producer.verify()


def pair_table(snapshot: Snapshot, pairs: Pairs) -> pa.Table:
    """Return pairs as rows of table `weak_pairs`."""
    videos, count = pa.array(snapshot.videos, pa.string()), len(pairs.preferred)
    lineage = orjson.dumps([part.lineage.model_dump() for part in snapshot.parts])
    build = blake2b(lineage + RULE_VERSION.encode(), digest_size=8).hexdigest()
    return pa.table(
        {
            "kind": pa.array(KINDS, pa.string()).take(pa.array(pairs.kind)),
            "preferred_video": videos.take(pa.array(snapshot.video[pairs.preferred])),
            "preferred_clip": snapshot.clip_index[pairs.preferred].astype(np.uint32),
            "other_video": videos.take(pa.array(snapshot.video[pairs.other])),
            "other_clip": snapshot.clip_index[pairs.other].astype(np.uint32),
            "confidence": pairs.confidence,
            "preferred_exposures": pairs.preferred_counts[0],
            "preferred_events": pairs.preferred_counts[1],
            "other_exposures": pairs.other_counts[0],
            "other_events": pairs.other_counts[1],
            "rule_version": pa.repeat(RULE_VERSION, count),
            "fingerprint": pa.repeat(snapshot.parts[0].lineage.fingerprint, count),
            "lineage": pa.repeat(lineage.decode(), count),
            "built_for": pa.array(np.full(count, snapshot.newest_ms), pa.timestamp("ms", "UTC")),
            "build": pa.repeat(build, count),
            "build_rows": np.full(count, count, np.uint64),
        }
    )


def messages(snapshot: Snapshot, pairs: Pairs) -> Iterator[tuple[str, bytes]]:
    """Yield (video id, message) of every video, in the order of their ids; of one without pairs an empty list."""
    video = snapshot.video[pairs.preferred]
    order = np.argsort(video, kind="stable")
    borders = np.searchsorted(video[order], np.arange(len(snapshot.videos) + 1))
    kinds, names = np.array(KINDS), np.array(snapshot.videos)
    head = {
        "schema_version": 1,
        "rule_version": RULE_VERSION,
        "built_for_ms": snapshot.newest_ms,
        "lineage": [part.lineage.model_dump() for part in snapshot.parts],
    }
    for number, video_id in enumerate(snapshot.videos):
        rows = order[borders[number] : borders[number + 1]]
        columns = _columns(snapshot, pairs, rows, kinds, names)
        yield video_id, orjson.dumps(head | {"video_id": video_id, "pairs": columns}, option=orjson.OPT_SERIALIZE_NUMPY)


def _columns(
    snapshot: Snapshot, pairs: Pairs, rows: NDArray[np.int64], kinds: NDArray[np.str_], names: NDArray[np.str_]
) -> dict[str, object]:
    preferred, other = pairs.preferred[rows], pairs.other[rows]
    return {
        "kind": kinds[pairs.kind[rows]].tolist(),
        "preferred": snapshot.clip_index[preferred],
        "other_video": names[snapshot.video[other]].tolist(),
        "other": snapshot.clip_index[other],
        "confidence": pairs.confidence[rows],
        "preferred_exposures": np.ascontiguousarray(pairs.preferred_counts[0, rows]),
        "preferred_events": np.ascontiguousarray(pairs.preferred_counts[1, rows]),
        "other_exposures": np.ascontiguousarray(pairs.other_counts[0, rows]),
        "other_events": np.ascontiguousarray(pairs.other_counts[1, rows]),
    }
