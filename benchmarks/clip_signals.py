"""The worker's way without Kafka: messages to statistics of one partition, and these to signals of all clips of a library."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.byte_column import ByteColumn
from schemas.columns import decode
from schemas.hashing import hash_text
from schemas.interactions import KINDS, PLAY
from scoring.fusion import Signals
from scoring.statistics.partition import PartitionStatistics
from streams.replay.source import ReplayBatch
from streams.settings import Settings
from streams.state_key import StateKey


def statistics_of(batches: Iterable[ReplayBatch]) -> PartitionStatistics:
    """Return the statistics of all messages, and the prior that fits them, under the settings of the environment."""
    key = StateKey.of(Settings())
    statistics = PartitionStatistics(0, 1, key.rules, key.hash_key)
    offset = 0
    for batch in batches:
        columns, _ = decode(ByteColumn.of(batch.values), key.hash_key, key.max_message_bytes)
        statistics.apply(columns, np.arange(offset, offset + len(batch.values)), batch.event_times_ms)
        offset += len(batch.values)
    statistics.refit(offset)
    return statistics


def signals_of(
    statistics: PartitionStatistics, video_ids: Sequence[str], first_clip: NDArray[np.int64]
) -> tuple[Signals, NDArray[np.int64]]:
    """Return the signals of all C clips of V videos, and how many sessions saw each, all time.

    Args:
        statistics: of one partition that holds all videos.
        video_ids: [V].
        first_clip: [V + 1], the clips of video v are the rows `first_clip[v]:first_clip[v + 1]`.
    """
    place_of = {hash_text(video_id, statistics.hash_key): place for place, video_id in enumerate(video_ids)}
    clips = statistics.all_clips()
    known = statistics.signals(clips)
    video = np.array([place_of[hashed] for hashed in statistics.pages.video.tolist()[: int(statistics.pages.size[0])]], np.int64)
    row = first_clip[video][clips.row] + known.clip_index
    inside = row < first_clip[video + 1][clips.row]
    count = int(first_clip[-1])
    sessions, exposures = np.zeros((len(KINDS), count)), np.zeros(count, np.int64)
    sessions[:, row[inside]] = known.sessions[:, inside]
    exposures[row[inside]] = statistics.pages.counts[clips.row, PLAY, clips.clip][inside]
    clip_index = np.arange(count) - np.repeat(first_clip[:-1], np.diff(first_clip))
    missing = np.full(count, np.nan)
    return Signals(clip_index, sessions, missing, missing, missing, missing, missing), exposures


def part_of(signals: Signals, clips: slice) -> Signals:
    """Return the signals of some of the clips."""
    return Signals(
        signals.clip_index[clips],
        signals.sessions[:, clips],
        signals.score_mean[clips],
        signals.score_sd[clips],
        signals.celebrity[clips],
        signals.ranker_mean[clips],
        signals.ranker_sd[clips],
    )
