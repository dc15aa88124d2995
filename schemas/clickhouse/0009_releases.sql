-- Releases as the gate judged them, for dashboards; the manifests in the folder of releases say all of them.
-- Figures of a ranker are of held-out pairs of viewers, those of a fusion of held-out labelled clips, beside the built-in fusion.
CREATE TABLE IF NOT EXISTS releases
(
    kind LowCardinality(String) COMMENT 'ranker or fusion',
    release String,
    parent String COMMENT 'the release that held when it was made; empty if none did',
    created_at DateTime('UTC'),
    accepted Bool,
    verdict String COMMENT 'what the gate said',
    learned_from UInt64 COMMENT 'weak pairs; of a fusion, labelled clips',
    accuracy Nullable(Float64) COMMENT 'held-out pairs that are ordered rightly, weighted by confidence; null if there were too few',
    accuracy_low Nullable(Float64) COMMENT '95 % interval',
    accuracy_high Nullable(Float64),
    difference Nullable(Float64) COMMENT 'the same, less that of the parent; null if there was none',
    difference_low Nullable(Float64),
    difference_high Nullable(Float64),
    seconds Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, created_at, release);
