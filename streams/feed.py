"""Reading the scores: the feed, and the explanation of one clip."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from pydantic import BaseModel, ConfigDict

from schemas.clickhouse import LEAST_TAG_PROBABILITY, LIKELY_TAGS, SIGNAL_POINTS, HighlightRow
from schemas.errors import ConfigurationError
from schemas.interactions import KINDS
from schemas.limits import parse_clip_id
from scoring.rates import INTERVAL_Z, POSITION_BINS, SIGNAL_KINDS, RatePrior, posterior
from streams import clickhouse

_FEED = f"""
SELECT {", ".join(HighlightRow.model_fields)}
FROM highlights
WHERE ({{video:String}} = '' OR video_id = {{video:String}})
  AND ({{tag:String}} = '' OR tags[{{tag:String}}] >= {LEAST_TAG_PROBABILITY})
ORDER BY worth DESC, clip_id
LIMIT {{top:UInt32}}
"""

_CLIP = """
SELECT * EXCEPT (video_id, clip_index)
FROM fused_scores
WHERE video_id = {video:String} AND clip_index = {clip:UInt32}
"""

_OUTPUT = """
SELECT tags, category, model_version
FROM supervised_outputs FINAL
WHERE video_id = {video:String} AND clip_index = {clip:UInt32}
  AND {offset:Int64} >= 0 AND source_offset >= {offset:Int64}
"""

_PRIOR = """
SELECT kind, position_bin, mean, strength
FROM rate_priors FINAL
WHERE source_partition = {partition:UInt32} AND prior_offset = {offset:Int64}
ORDER BY kind, position_bin
"""


class CurvePoint(BaseModel):
    """One clip of a video's curve. None where a part is missing."""

    model_config = ConfigDict(frozen=True)

    clip_index: int
    score: float
    score_low: float
    score_high: float
    supervised_score: float | None
    behaviour_score: float | None
    ranker_score: float | None
    likely_tags: list[str]
    """Those with a probability of 0.5 or more, the likeliest first."""


_CURVE = f"""
WITH {LIKELY_TAGS} AS likely_tags
SELECT {", ".join(CurvePoint.model_fields)}
FROM highlights
WHERE video_id = {{video:String}}
ORDER BY clip_index
"""


def feed(client: Client, *, top: int, tag: str = "", video: str = "") -> list[HighlightRow]:
    """Return the best clips, best first.

    Args:
        client: of ClickHouse.
        top: how many.
        tag: only clips that have this tag with a probability of 0.5 or more; any when empty.
        video: only clips of this video; all when empty.
    """
    return [HighlightRow.model_validate(row) for row in _rows(client, _FEED, {"top": top, "tag": tag, "video": video})]


def curve(client: Client, video: str) -> list[CurvePoint]:
    """Return score, interval, parts and tags of each clip of a video that has a score, in the video's order."""
    return [CurvePoint.model_validate(row) for row in _rows(client, _CURVE, {"video": video})]


def explain(client: Client, clip_id: str) -> dict[str, Any]:
    """Return everything that a clip's score was made from.

    Raises:
        ConfigurationError: `clip_id` is no clip's name, or the clip is not known.
    """
    try:
        video, clip = parse_clip_id(clip_id)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    where = {"video": video, "clip": clip}
    found = _rows(client, _CLIP, where)
    if not found:
        message = f"clip {clip_id!r} has no score yet; `highlights feed --video {video}` lists the clips of that video that have"
        raise ConfigurationError(message)
    row = found[0]
    outputs = _rows(client, _OUTPUT, where | {"offset": row["supervised_offset"]})
    return {
        "clip_id": clip_id,
        "seconds": [clip * 10, clip * 10 + 10],
        "score": row["score"],
        "interval": [row["score_low"], row["score_high"]],
        "components": _components(row),
        "points": _points(row),
        "counts": {name: row[name] for name in ("exposures", "shares", "rewinds", "fast_forwards")},
        "recent": {name: row[f"recent_{name}"] for name in ("exposures", "shares", "rewinds", "fast_forwards")},
        "rates": _rates(client, row, clip),
        "newest_event_at": row["event_at"],
        "tags": outputs[0]["tags"] if outputs else {},
        "versions": {
            "fusion": row["fusion_version"],
            "supervised_model": outputs[0]["model_version"] if outputs else None,
            "ranker_release": row["ranker_release"] or None,
            "row": row["version"],
        },
        "offsets": {
            "partition": row["source_partition"],
            "interactions": row["source_offset"],
            "supervised_scores": row["supervised_offset"],
            "prior": row["prior_offset"],
        },
        "published_at": row["published_at"],
    }


def _components(row: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        "supervised": {"score": row["supervised_score"], "sd": row["supervised_sd"], "weight": row["supervised_weight"]},
        "behaviour": {"score": row["behaviour_score"], "weight": row["behaviour_weight"]},
        "ranker": {"score": row["ranker_score"], "weight": row["ranker_weight"]},
        "celebrity": {"importance": row["celebrity"], "bonus": row["celebrity_bonus"]},
    }


def _points(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what each signal adds to the score, and what it would be without any; None where that is missing or not told."""
    points: dict[str, float | None] = {name.removesuffix("_points"): row[name] for name in SIGNAL_POINTS}
    told = [value for value in points.values() if value is not None]
    points["celebrity"] = None if row["celebrity"] is None else row["celebrity_bonus"]
    return {"without_signals": row["worth"] - row["celebrity_bonus"] - sum(told) if told else None, **points}


def _rates(client: Client, row: Mapping[str, Any], clip: int) -> dict[str, dict[str, float]]:
    """Return each kind's rate with its 90 % interval, and the rate that is usual at that place."""
    prior = _prior(client, row["source_partition"], row["prior_offset"])
    if prior is None:
        return {}
    names = ("recent_exposures", "recent_shares", "recent_rewinds", "recent_fast_forwards")
    rates = posterior(np.array([[row[name]] for name in names]), np.array([clip]), prior)
    result = {}
    for index, kind in enumerate(SIGNAL_KINDS):
        mean, half = float(rates.mean[index, 0]), INTERVAL_Z * float(rates.sd[index, 0])
        usual = float(rates.expected[index, 0])
        result[KINDS[kind]] = {"mean": mean, "low": max(0.0, mean - half), "high": min(1.0, mean + half), "usual": usual}
    return result


def _prior(client: Client, partition: int, offset: int) -> RatePrior | None:
    rows = _rows(client, _PRIOR, {"partition": partition, "offset": offset})
    if not rows:
        return None
    mean, strength = np.zeros((len(SIGNAL_KINDS), POSITION_BINS)), np.zeros(len(SIGNAL_KINDS))
    for row in rows:
        kind = SIGNAL_KINDS.index(KINDS.index(row["kind"]))
        mean[kind, row["position_bin"]], strength[kind] = row["mean"], row["strength"]
    return RatePrior(mean, strength, offset)


def _rows(client: Client, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    with clickhouse.telling("ClickHouse did not answer"):
        return list(client.query(query, parameters=dict(parameters)).named_results())
