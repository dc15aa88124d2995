"""The library as the workers' newest state has it: clips, what models say of them, what viewers did, and up to which offsets.

It is read from the changelog and the topic of supervised outputs, so it is a function of offsets alone: whoever reads up to
the same offsets has the same snapshot, to the bit.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.exclusions import Excluded
from schemas.supervised import SupervisedClip, SupervisedOutput
from schemas.topics import INTERACTIONS, SUPERVISED_SCORES
from schemas.weak_pairs import Lineage
from scoring.statistics.pages import CLIPS_PER_PAGE
from streams.kafka import topic_name
from streams.reading import read
from streams.recovery import recover
from streams.settings import Settings
from streams.state import PartitionState

LABEL_COLUMNS: Final = ("score_mean", "score_sd")
_PLAIN_COLUMNS: Final = ("position", *LABEL_COLUMNS, "celebrity")
_MOST_TAGS: Final = 256


class PartitionPart(NamedTuple):
    """Where one partition stood."""

    lineage: Lineage
    excluded: frozenset[Excluded]
    newest_ms: int
    """Event time of its newest interaction, Unix ms; -1 if it has none."""


class Snapshot(NamedTuple):
    """n clips of v videos, sorted by video id and place in the video."""

    videos: list[str]
    video: NDArray[np.int64]
    """[n] place in `videos`."""
    clip_index: NDArray[np.int64]
    counts: NDArray[np.uint32]
    """[kinds, n] distinct sessions."""
    outputs: dict[str, SupervisedOutput]
    """What models say, by video id."""
    parts: tuple[PartitionPart, ...]

    @property
    def clips(self) -> int:
        """How many clips there are."""
        return len(self.video)

    @property
    def newest_ms(self) -> int:
        """Event time of the newest interaction, Unix ms; -1 if there is none."""
        return max(part.newest_ms for part in self.parts)


def take_snapshot(settings: Settings, partitions: int) -> Snapshot:
    """Read the newest state of all partitions.

    Raises:
        StateError: a changelog is not whole, or was made under other rules.
        DeliveryError: Kafka does not answer.
    """
    return snapshot_of(settings, recover_all(settings, partitions))


def recover_all(settings: Settings, partitions: int) -> list[PartitionState]:
    """Return the newest state of each partition; raises what `take_snapshot` raises."""
    return [recover(settings, partition, partitions) for partition in range(partitions)]


def snapshot_of(settings: Settings, states: Sequence[PartitionState]) -> Snapshot:
    """Return the library as the states of all partitions have it."""
    counts: list[NDArray[np.uint32]] = []
    outputs: dict[str, SupervisedOutput] = {}
    for state in states:
        known, pages = state.statistics.known_clips(), state.statistics.pages
        counts.append(pages.counts[known.row, :, known.clip].T)
        outputs |= _outputs(settings, state.partition, state.ledger.supervised_offset)
    videos, video, clip_index = _clips(states)
    order = np.lexsort((clip_index, video))
    columns = np.concatenate(counts, axis=1)[:, order]
    return Snapshot(videos, video[order], clip_index[order], columns, outputs, tuple(_part(settings, state) for state in states))


def order_of(states: Sequence[PartitionState]) -> NDArray[np.int64]:
    """Return where a snapshot's clips are among the known clips of its states, one partition after another, [n]."""
    _, video, clip_index = _clips(states)
    return np.lexsort((clip_index, video))


def _clips(states: Sequence[PartitionState]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the videos, sorted, and of each known clip the place of its video and its place in it."""
    names: list[str] = []
    indices: list[NDArray[np.int64]] = []
    for state in states:
        known, pages = state.statistics.known_clips(), state.statistics.pages
        names += [state.statistics.video_ids[video].decode() for video in pages.video[known.row].tolist()]
        indices.append(pages.page_index[known.row] * CLIPS_PER_PAGE + known.clip)
    videos, video = np.unique(np.array(names, np.str_), return_inverse=True)
    return videos.tolist(), video, np.concatenate(indices)


def _part(settings: Settings, state: PartitionState) -> PartitionPart:
    ledger = state.ledger
    lineage = Lineage(
        topic=topic_name(settings.kafka, INTERACTIONS),
        partition=ledger.partition,
        first_offset=ledger.first_offset,
        applied_offset=ledger.applied_offset,
        supervised_offset=ledger.supervised_offset,
        exclusions_offset=ledger.exclusions_offset,
        fingerprint=ledger.fingerprint,
    )
    return PartitionPart(lineage, state.excluded, ledger.newest_ms)


def _outputs(settings: Settings, partition: int, last: int) -> dict[str, SupervisedOutput]:
    """Return the newest supervised output of each video of a partition; what cannot be read is a worker's dead letter."""
    newest: dict[str, SupervisedOutput] = {}
    for messages in read(settings.kafka, topic_name(settings.kafka, SUPERVISED_SCORES), partition, 0, last):
        for message in messages:
            value = message.value()
            if value is None:
                newest.pop((message.key() or b"").decode(errors="replace"), None)
            else:
                _note(newest, value)
    return newest


def _note(newest: dict[str, SupervisedOutput], value: bytes) -> None:
    try:
        output = SupervisedOutput.model_validate_json(value)
    except ValueError:
        return
    newest[output.video_id] = output


def categories(snapshot: Snapshot) -> tuple[NDArray[np.int64], list[str]]:
    """Return the category of each video, [v], -1 where it is not known, and the categories' names, sorted."""
    said = [output.category if (output := snapshot.outputs.get(video)) else None for video in snapshot.videos]
    names = sorted({name for name in said if name})
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(name or "", -1) for name in said], np.int64), names


def feature_columns(snapshot: Snapshot) -> list[str]:
    """Return the names of the columns that a ranker of this library has: plain ones, the commonest tags, all categories."""
    said = Counter(tag for output in snapshot.outputs.values() for clip in output.clips for tag in clip.tags)
    tags = sorted(tag for tag, _ in sorted(said.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TAGS])
    return [*_PLAIN_COLUMNS, *(f"tag:{tag}" for tag in tags), *(f"category:{name}" for name in categories(snapshot)[1])]


def features(snapshot: Snapshot, columns: Iterable[str]) -> NDArray[np.float32]:
    """Return the features of all clips, [n, d]; NaN, but for the position, where models have not seen the clip."""
    place = {name: number for number, name in enumerate(columns)}
    values = np.full((snapshot.clips, len(place)), np.nan, np.float32)
    starts = np.searchsorted(snapshot.video, np.arange(len(snapshot.videos) + 1))
    for number, video in enumerate(snapshot.videos):
        output, rows = snapshot.outputs.get(video), range(starts[number], starts[number + 1])
        said = {clip.clip_index: clip for clip in output.clips} if output else {}
        for row in rows:
            index = int(snapshot.clip_index[row])
            values[row, place["position"]] = math.log1p(index)
            if output and index in said:
                _describe(values[row], place, said[index], output.category)
    return values


def _describe(row: NDArray[np.float32], place: Mapping[str, int], clip: SupervisedClip, category: str | None) -> None:
    row[len(_PLAIN_COLUMNS) :] = 0
    plain = {"score_mean": clip.score_mean, "score_sd": clip.score_sd, "celebrity": clip.celebrity or 0.0}
    said = plain | {f"tag:{tag}": probability for tag, probability in clip.tags.items()} | {f"category:{category}": 1.0}
    for name, value in said.items():
        if name in place:
            row[place[name]] = value
