-- A clip of which nothing is known any more - its only viewers were excluded, its supervised score was withdrawn - has a row
-- with nothing in it, since a newer row is all that can take an older one's place. Views do not show it.
CREATE OR REPLACE VIEW fused_scores AS
SELECT * FROM clip_scores FINAL
WHERE event_at IS NOT NULL OR supervised_score IS NOT NULL OR ranker_score IS NOT NULL;

CREATE OR REPLACE VIEW clip_statistics AS
SELECT video_id, clip_index, exposures, shares, rewinds, fast_forwards,
       recent_exposures, recent_shares, recent_rewinds, recent_fast_forwards, event_at, source_partition, source_offset
FROM fused_scores;

CREATE OR REPLACE VIEW highlights AS
SELECT concat(s.video_id, ':', toString(s.clip_index)) AS clip_id, s.*, o.tags AS tags, o.category AS category
FROM fused_scores AS s
LEFT JOIN (SELECT video_id, clip_index, tags, category FROM supervised_outputs FINAL) AS o
    ON s.video_id = o.video_id AND s.clip_index = o.clip_index;
