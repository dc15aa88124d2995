-- What rates are usual in the library of a partition, by position in the video: Beta(mean * strength, (1 - mean) * strength).
CREATE TABLE IF NOT EXISTS rate_priors
(
    source_partition UInt32,
    prior_offset Int64 COMMENT 'all interactions before this offset are in the fit',
    kind LowCardinality(String),
    position_bin UInt8 COMMENT 'clips 0, 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 on',
    mean Float64,
    strength Float64 COMMENT 'in sessions'
)
ENGINE = ReplacingMergeTree
ORDER BY (source_partition, prior_offset, kind, position_bin);
