-- Views that dashboards and people query: newest rows only, no FINAL needed.
CREATE OR REPLACE VIEW fused_scores AS
SELECT * FROM clip_scores FINAL;

CREATE OR REPLACE VIEW clip_statistics AS
SELECT video_id, clip_index, exposures, shares, rewinds, fast_forwards,
       recent_exposures, recent_shares, recent_rewinds, recent_fast_forwards, event_at, source_partition, source_offset
FROM clip_scores FINAL;

CREATE OR REPLACE VIEW highlights AS
SELECT concat(s.video_id, ':', toString(s.clip_index)) AS clip_id, s.*, o.tags AS tags, o.category AS category
FROM (SELECT * FROM clip_scores FINAL) AS s
LEFT JOIN (SELECT video_id, clip_index, tags, category FROM supervised_outputs FINAL) AS o
    ON s.video_id = o.video_id AND s.clip_index = o.clip_index;

CREATE OR REPLACE VIEW score_history AS
SELECT * FROM clip_score_history FINAL;
