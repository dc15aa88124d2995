-- The newest fused score of each clip, with what it was made from. Rows are absolute; `version` only grows with the
-- source offsets, so that a repeated insert changes nothing. Read it through the views of 0004.
CREATE TABLE IF NOT EXISTS clip_scores
(
    video_id String,
    clip_index UInt32,
    score Float32 COMMENT 'fused score, 0-10',
    worth Float32 COMMENT 'the score before it is bounded to 0-10: order by it',
    score_low Float32 COMMENT 'central 90 % interval',
    score_high Float32,
    supervised_score Nullable(Float32) COMMENT 'mean of the supervised score distribution, 0-10',
    supervised_sd Nullable(Float32),
    behaviour_score Nullable(Float32) COMMENT 'what behaviour alone says, 0-10',
    ranker_score Nullable(Float32),
    celebrity Nullable(Float32) COMMENT 'importance of the people in the clip, 0-1',
    supervised_weight Float32 COMMENT 'part of the precision',
    behaviour_weight Float32,
    ranker_weight Float32,
    celebrity_bonus Float32 COMMENT 'points added',
    exposures UInt32 COMMENT 'distinct sessions that played the clip',
    shares UInt32 COMMENT 'distinct sessions that shared it',
    rewinds UInt32 COMMENT 'distinct sessions that rewound to it',
    fast_forwards UInt32 COMMENT 'distinct sessions that jumped over it',
    recent_exposures Float64 COMMENT 'the same, decayed to event_at',
    recent_shares Float64,
    recent_rewinds Float64,
    recent_fast_forwards Float64,
    event_at Nullable(DateTime64(3, 'UTC')) COMMENT 'event time of the newest interaction that counted',
    source_partition UInt32,
    source_offset Int64 COMMENT 'offset in topic interactions that changed the clip last; -1 if none did',
    supervised_offset Int64 COMMENT 'offset in topic supervised-scores; -1 if there is none',
    prior_offset Int64 COMMENT 'offset before which all interactions are in the prior of the rates; 0 while nobody has watched the clip',
    fusion_version LowCardinality(String),
    ranker_release LowCardinality(String) COMMENT 'empty while there is no ranker',
    version UInt64,
    published_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (video_id, clip_index);

-- Every published state of a clip, for charts. The same state inserted twice is one row.
CREATE TABLE IF NOT EXISTS clip_score_history
(
    video_id String,
    clip_index UInt32,
    score Float32,
    score_low Float32,
    score_high Float32,
    exposures UInt32,
    event_at Nullable(DateTime64(3, 'UTC')),
    version UInt64,
    published_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (video_id, clip_index, version)
TTL toDateTime(published_at) + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS clip_score_history_writer TO clip_score_history AS
SELECT video_id, clip_index, score, score_low, score_high, exposures, event_at, version, published_at
FROM clip_scores;
