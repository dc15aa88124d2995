-- What each signal adds to a score. Null where the signal is missing, and all null in rows of workers that did not tell.
ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    supervised_points Nullable(Float32) COMMENT 'points that the supervised score adds to what is assumed where nothing is known' AFTER celebrity_bonus;

ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    ranker_points Nullable(Float32) COMMENT 'points that the ranker adds' AFTER supervised_points;

ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    share_points Nullable(Float32) COMMENT 'points that the rate of shares adds' AFTER ranker_points;

ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    rewind_points Nullable(Float32) COMMENT 'points that the rate of rewinds adds' AFTER share_points;

ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    fast_forward_points Nullable(Float32) COMMENT 'points that the rate of fast-forwards adds' AFTER rewind_points;

CREATE OR REPLACE VIEW fused_scores AS
SELECT * FROM clip_scores FINAL
WHERE event_at IS NOT NULL OR supervised_score IS NOT NULL OR ranker_score IS NOT NULL;

CREATE OR REPLACE VIEW highlights AS
SELECT concat(s.video_id, ':', toString(s.clip_index)) AS clip_id, s.*, o.tags AS tags, o.category AS category
FROM fused_scores AS s
LEFT JOIN (SELECT video_id, clip_index, tags, category FROM supervised_outputs FINAL) AS o
    ON s.video_id = o.video_id AND s.clip_index = o.clip_index;
