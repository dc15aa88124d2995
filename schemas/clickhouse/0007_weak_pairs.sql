-- Weak pairs as built: the same offsets give the same rows. `built_for` is the event time of the newest interaction then.
-- Builds are kept apart by `build`: one that is older may hold pairs that a later one, for the same time, does not.
CREATE TABLE IF NOT EXISTS weak_pairs
(
    kind LowCardinality(String) COMMENT 'kind of interaction that speaks for the pair',
    preferred_video String,
    preferred_clip UInt32,
    other_video String,
    other_clip UInt32,
    confidence Float64 COMMENT '(1 + confidence) / 2 is the probability that the pair is the right way round',
    preferred_exposures UInt32 COMMENT 'distinct sessions that played the clip',
    preferred_events UInt32 COMMENT 'distinct sessions with an interaction of the kind',
    other_exposures UInt32,
    other_events UInt32,
    rule_version LowCardinality(String),
    fingerprint LowCardinality(String) COMMENT 'of the rules of the statistics',
    lineage String COMMENT 'JSON: per partition the offsets that took part',
    built_for DateTime64(3, 'UTC'),
    build LowCardinality(String) COMMENT 'digest of lineage and rules',
    build_rows UInt64 COMMENT 'pairs of the build: while there are fewer rows, it is being written',
    published_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (built_for, build, preferred_video, preferred_clip, other_video, other_clip, kind)
TTL toDateTime(published_at) + INTERVAL 180 DAY;
