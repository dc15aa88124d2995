-- Which message of topic fusion-releases let the fusion hold that a row's score is of.
ALTER TABLE clip_scores ADD COLUMN IF NOT EXISTS
    fusion_offset Int64 DEFAULT -1 COMMENT 'offset in topic fusion-releases from which the fusion holds; -1 if none was sent' AFTER ranker_offset;

CREATE OR REPLACE VIEW fused_scores AS
SELECT * FROM clip_scores FINAL
WHERE event_at IS NOT NULL OR supervised_score IS NOT NULL OR ranker_score IS NOT NULL;

CREATE OR REPLACE VIEW highlights AS
SELECT concat(s.video_id, ':', toString(s.clip_index)) AS clip_id, s.*, o.tags AS tags, o.category AS category
FROM fused_scores AS s
LEFT JOIN (SELECT video_id, clip_index, tags, category FROM supervised_outputs FINAL) AS o
    ON s.video_id = o.video_id AND s.clip_index = o.clip_index;
