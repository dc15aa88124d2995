"""What became of trainings: rows of table `releases` for dashboards, and the trainer's metrics."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from schemas.clickhouse import RELEASES
from scoring.learned_fusion.gate import BUILT_IN_FUSION
from streams import clickhouse, metrics
from streams.learning.fusion_releases import FusionManifest
from streams.learning.releases import Manifest

_COLUMNS: Final = pa.schema(
    {
        "kind": pa.string(),
        "release": pa.string(),
        "parent": pa.string(),
        "created_at": pa.timestamp("s", "UTC"),
        "accepted": pa.bool_(),
        "verdict": pa.string(),
        "learned_from": pa.uint64(),
        **{f"{figure}{end}": pa.float64() for figure in ("accuracy", "difference") for end in ("", "_low", "_high")},
        "seconds": pa.float64(),
    }
)


def publish_verdicts(client: Client, manifests: Iterable[Manifest | FusionManifest]) -> None:
    """Write a row for each release. All of them may be written again each time: rows are absolute.

    Raises:
        DeliveryError: ClickHouse did not take them.
    """
    clickhouse.insert(client, RELEASES, pa.Table.from_pylist([_row(manifest) for manifest in manifests], _COLUMNS))


def count_verdict(manifest: Manifest) -> None:
    """Count a training that came to its end, and show what the gate measured."""
    metrics.TRAININGS.labels("accepted" if manifest.accepted else "refused").inc()
    show_verdict(manifest)


def show_verdict(manifest: Manifest) -> None:
    """Show what the gate measured of a ranker."""
    metrics.TRAINING_SECONDS.set(manifest.seconds)
    metrics.TRAINED_AT.set(datetime.fromisoformat(manifest.created_at).timestamp())
    metrics.PAIRS.set(manifest.counts["learned_pairs"])
    for gauge, figure in ((metrics.ACCURACY, "accuracy"), (metrics.DIFFERENCE, "difference")):
        gauge.clear()
        for judge in ("viewers", "labels"):
            found = manifest.metrics[judge][figure]
            if found is not None:
                gauge.labels(judge).set(found["mean"])


def _row(manifest: Manifest | FusionManifest) -> dict[str, Any]:
    is_ranker = isinstance(manifest, Manifest)
    measured = manifest.metrics.get("viewers" if is_ranker else BUILT_IN_FUSION) or {}
    figures = {
        f"{figure}{end}": (measured.get(figure) or {}).get(part)
        for figure in ("accuracy", "difference")
        for end, part in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }
    return figures | {
        "kind": "ranker" if is_ranker else "fusion",
        "release": manifest.release,
        "parent": manifest.parent or "",
        "created_at": datetime.fromisoformat(manifest.created_at),
        "accepted": manifest.accepted,
        "verdict": manifest.verdict,
        "learned_from": manifest.counts["learned_pairs" if is_ranker else "learned_clips"],
        "seconds": manifest.seconds,
    }
