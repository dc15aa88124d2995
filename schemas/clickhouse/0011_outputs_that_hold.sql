-- Tags and category are those of the supervised output that a score was made with, or of a newer one on its way: one that was
-- withdrawn, or replaced by one that says nothing of a clip, leaves its row behind and does not count any more.
CREATE OR REPLACE VIEW highlights AS
SELECT concat(s.video_id, ':', toString(s.clip_index)) AS clip_id, s.*,
       if(s.supervised_offset >= 0 AND o.source_offset >= s.supervised_offset, o.tags,
          CAST(map(), 'Map(LowCardinality(String), Float32)')) AS tags,
       if(s.supervised_offset >= 0 AND o.source_offset >= s.supervised_offset, o.category, '') AS category
FROM fused_scores AS s
LEFT JOIN (SELECT video_id, clip_index, tags, category, source_offset FROM supervised_outputs FINAL) AS o
    ON s.video_id = o.video_id AND s.clip_index = o.clip_index;
