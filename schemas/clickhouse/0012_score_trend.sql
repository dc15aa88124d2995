-- How many scores were published and how they were spread, minute by minute: the history holds too many rows to be asked for
-- weeks of it. Counts inserts, not states: a flush that was repeated counts twice.
CREATE TABLE IF NOT EXISTS score_trend
(
    minute DateTime('UTC'),
    published SimpleAggregateFunction(sum, UInt64) COMMENT 'scores',
    spread AggregateFunction(quantilesTDigest(0.1, 0.5, 0.9), Float32) COMMENT 'of the scores, 0-10'
)
ENGINE = AggregatingMergeTree
ORDER BY (minute)
TTL minute + INTERVAL 180 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS score_trend_writer TO score_trend AS
SELECT toStartOfMinute(published_at) AS minute, count() AS published, quantilesTDigestState(0.1, 0.5, 0.9)(score) AS spread
FROM clip_scores
GROUP BY minute;

-- Pairs of the newest build; while that is being written, those that are there.
CREATE OR REPLACE VIEW newest_weak_pairs AS
WITH (SELECT built_for FROM weak_pairs ORDER BY built_for DESC LIMIT 1) AS newest
SELECT * FROM weak_pairs FINAL
WHERE built_for = newest AND build = (SELECT argMax(build, published_at) FROM weak_pairs WHERE built_for = newest);
