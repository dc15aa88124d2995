"""Rows of ClickHouse's tables out of the statistics, by columns."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.clickhouse import SIGNAL_POINTS
from schemas.interactions import FAST_FORWARD, KINDS, PLAY, REWIND, SHARE
from schemas.supervised import SupervisedOutput
from scoring.rates import SIGNAL_KINDS, RatePrior
from scoring.statistics.partition import ClipSelection, PartitionStatistics

_EPOCH_SHIFT: Final = 48


def clip_score_rows(statistics: PartitionStatistics, clips: ClipSelection, epoch: int) -> pa.Table:
    """Return the rows of table `clip_scores` of n clips, of the state's epoch."""
    ranker, fusion = statistics.ranker, statistics.fusion
    pages, row, clip = statistics.pages, clips.row, clips.clip
    signals, fused = statistics.fuse(clips)
    counts = pages.counts[row, :, clip]
    event_at = pages.latest_ms[row, clip]
    source_offset, supervised_offset = pages.changed_offset[row, clip], pages.supervised_offset[row]
    # The prior takes no part in the score of a clip that nobody has watched: such rows are not published again at a fit.
    prior_offset = np.where(event_at >= 0, statistics.prior.fitted_offset, 0)
    columns: dict[str, Any] = {
        "video_id": _video_ids(statistics, row),
        "clip_index": signals.clip_index.astype(np.uint32),
        "score": _float(fused.score),
        "worth": _float(fused.worth),
        "score_low": _float(fused.low),
        "score_high": _float(fused.high),
        "supervised_score": _float(signals.score_mean),
        "supervised_sd": _float(signals.score_sd),
        "behaviour_score": _float(fused.behaviour),
        "ranker_score": _float(signals.ranker_mean),
        "celebrity": _float(signals.celebrity),
        "supervised_weight": _float(fused.supervised_weight),
        "behaviour_weight": _float(fused.behaviour_weight),
        "ranker_weight": _float(fused.ranker_weight),
        "celebrity_bonus": _float(fused.celebrity_bonus),
        **{name: _float(getattr(fused, name)) for name in SIGNAL_POINTS},
    }
    for kind, name in ((PLAY, "exposures"), (SHARE, "shares"), (REWIND, "rewinds"), (FAST_FORWARD, "fast_forwards")):
        columns[name] = counts[:, kind]
        columns[f"recent_{name}"] = signals.sessions[kind]
    columns |= {
        "event_at": pa.array(event_at, pa.timestamp("ms", "UTC"), mask=event_at < 0),
        "source_partition": np.full(len(row), statistics.partition, np.uint32),
        "source_offset": source_offset,
        "supervised_offset": supervised_offset,
        "prior_offset": prior_offset,
        "fusion_version": _constant(fusion.version, len(row)),
        "ranker_offset": np.full(len(row), ranker.offset, np.int64),
        "fusion_offset": np.full(len(row), fusion.offset, np.int64),
        "ranker_release": pa.array(np.where(np.isnan(signals.ranker_mean), "", ranker.release), pa.string()),
        "version": version_of(epoch, source_offset, supervised_offset, prior_offset, ranker.offset, fusion.offset),
    }
    return pa.table(columns)


def version_of(
    epoch: int,
    source_offset: NDArray[np.int64],
    supervised_offset: NDArray[np.int64],
    prior_offset: NDArray[np.int64],
    ranker_offset: int,
    fusion_offset: int,
) -> NDArray[np.uint64]:
    """Return the rows' versions: they grow with the epoch, and in one with the sum of offsets, of which each only grows."""
    offsets = source_offset + 1 + supervised_offset + 1 + prior_offset + ranker_offset + 1 + fusion_offset + 1
    return ((epoch << _EPOCH_SHIFT) + offsets).astype(np.uint64)


def epoch_of(version: int) -> int:
    """Return the epoch of a row's version."""
    return version >> _EPOCH_SHIFT


def supervised_rows(outputs: Sequence[tuple[int, SupervisedOutput]]) -> pa.Table:
    """Return the rows of table `supervised_outputs` of (offset, output) pairs."""
    clips = [(offset, output, clip) for offset, output in outputs for clip in output.clips]
    return pa.table(
        {
            "video_id": pa.array([output.video_id for _, output, _ in clips], pa.string()),
            "clip_index": pa.array([clip.clip_index for _, _, clip in clips], pa.uint32()),
            "score_mean": pa.array([clip.score_mean for _, _, clip in clips], pa.float32()),
            "score_sd": pa.array([clip.score_sd for _, _, clip in clips], pa.float32()),
            "celebrity": pa.array([clip.celebrity for _, _, clip in clips], pa.float32()),
            "tags": pa.array([list(clip.tags.items()) for _, _, clip in clips], pa.map_(pa.string(), pa.float32())),
            "category": pa.array([output.category or "" for _, output, _ in clips], pa.string()),
            "model_version": pa.array([output.model_version for _, output, _ in clips], pa.string()),
            "source_offset": pa.array([offset for offset, _, _ in clips], pa.uint64()),
        }
    )


def prior_rows(partition: int, prior: RatePrior) -> pa.Table:
    """Return the rows of table `rate_priors` of a prior."""
    kinds, bins = np.indices(prior.mean.shape).reshape(2, -1)
    return pa.table(
        {
            "source_partition": np.full(len(kinds), partition, np.uint32),
            "prior_offset": np.full(len(kinds), prior.fitted_offset, np.int64),
            "kind": pa.array([KINDS[SIGNAL_KINDS[kind]] for kind in kinds], pa.string()),
            "position_bin": bins.astype(np.uint8),
            "mean": prior.mean.ravel(),
            "strength": prior.strength[kinds],
        }
    )


def _float(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def _constant(value: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [value]).cast(pa.string())


def _video_ids(statistics: PartitionStatistics, rows: NDArray[np.int64]) -> pa.Array:
    pages, place = np.unique(rows, return_inverse=True)
    names = [statistics.video_ids[video].decode() for video in statistics.pages.video[pages].tolist()]
    return pa.array(names, pa.string()).take(pa.array(place))
