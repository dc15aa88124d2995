-- What supervised models said of each clip, as cached from topic supervised-scores.
CREATE TABLE IF NOT EXISTS supervised_outputs
(
    video_id String,
    clip_index UInt32,
    score_mean Float32,
    score_sd Float32,
    celebrity Nullable(Float32),
    tags Map(LowCardinality(String), Float32) COMMENT 'tag -> probability',
    category LowCardinality(String),
    model_version LowCardinality(String),
    source_offset UInt64
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (video_id, clip_index);
