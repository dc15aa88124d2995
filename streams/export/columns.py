"""What the columns of the data sets are."""

from typing import Final, NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """A column, with its meaning for whoever opens the files."""

    name: str
    type: pa.DataType
    meaning: str


_TIME: Final = pa.timestamp("ms", "UTC")

WEAK_PAIR_COLUMNS: Final = (
    Column("kind", pa.string(), "kind of interaction that speaks for the pair: share, rewind or fast_forward"),
    Column("preferred_video", pa.string(), "video of the preferred clip"),
    Column("preferred_clip", pa.uint32(), "its place in the video: seconds 10 n to 10 n + 10"),
    Column("other_video", pa.string(), "video of the other clip"),
    Column("other_clip", pa.uint32(), "its place in the video"),
    Column("confidence", pa.float64(), "0-1; (1 + confidence) / 2 is the probability that the pair is the right way round"),
    Column("preferred_exposures", pa.uint32(), "distinct sessions that played the preferred clip"),
    Column("preferred_events", pa.uint32(), "distinct sessions with an interaction of the kind on it"),
    Column("other_exposures", pa.uint32(), "distinct sessions that played the other clip"),
    Column("other_events", pa.uint32(), "distinct sessions with an interaction of the kind on it"),
    Column("rule_version", pa.string(), "of the rules that the pairs were built by"),
    Column("built_for", _TIME, "event time of the newest interaction that took part"),
    Column("build", pa.string(), "digest of lineage and rules: rows of one build have the same"),
)

CLIP_COLUMNS: Final = (
    Column("video_id", pa.string(), "video"),
    Column("clip_index", pa.uint32(), "place in the video: seconds 10 n to 10 n + 10"),
    Column("category", pa.string(), "of the video, empty where it is not known"),
    Column("tags", pa.list_(pa.string()), "what supervised models have recognised"),
    Column("tag_probabilities", pa.list_(pa.float32()), "of the tags, in their order"),
    Column("supervised_score", pa.float32(), "mean of the supervised score, 0-10"),
    Column("supervised_sd", pa.float32(), "its standard deviation"),
    Column("celebrity", pa.float32(), "importance of the people in the clip, 0-1"),
    Column("exposures", pa.uint32(), "distinct sessions that played the clip"),
    Column("shares", pa.uint32(), "distinct sessions that shared it"),
    Column("rewinds", pa.uint32(), "distinct sessions that rewound to it"),
    Column("fast_forwards", pa.uint32(), "distinct sessions that jumped over it"),
    Column("behaviour_score", pa.float32(), "what behaviour alone says, 0-10"),
    Column("ranker_score", pa.float32(), "what the ranker release says, 0-10"),
    Column("ranker_release", pa.string(), "its name, empty where there is none"),
    Column("score", pa.float32(), "fused score, 0-10"),
    Column("score_low", pa.float32(), "its central 90 % interval"),
    Column("score_high", pa.float32(), "its central 90 % interval"),
    Column("fusion_version", pa.string(), "of the formula of the fused score"),
    Column("event_at", _TIME, "event time of the newest interaction that counted; null where nobody has watched"),
    Column("source_partition", pa.uint32(), "partition of topic interactions"),
    Column("source_offset", pa.int64(), "offset there that changed the clip last; -1 if none did"),
    Column("supervised_offset", pa.int64(), "offset in topic supervised-scores; -1 if there is none"),
)


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the columns as a schema that carries their meaning."""
    return pa.schema([pa.field(column.name, column.type, metadata={"description": column.meaning}) for column in columns])
