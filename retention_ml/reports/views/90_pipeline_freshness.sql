CREATE OR REPLACE VIEW reports.pipeline_freshness AS
WITH newest AS (
    SELECT 'step' AS subject, door AS name, max(as_of) AS newest_as_of, max(finished_at) AS newest_at
    FROM ops.receipts
    GROUP BY door
    UNION ALL
    SELECT 'source', source, NULL, max(loaded_at)
    FROM raw.deliveries
    WHERE status = 'accepted'
    GROUP BY source
    UNION ALL
    SELECT 'feed', source || '.' || feed, NULL, max(loaded_at) FILTER (WHERE status = 'accepted')
    FROM raw.deliveries
    WHERE feed <> ''
    GROUP BY source, feed
    UNION ALL
    SELECT 'input', 'newest event used by features', max(as_of), max(newest_input_at)
    FROM features.builds
    HAVING count(*) > 0
    UNION ALL
    SELECT 'publication', 'scores', max(as_of), max(published_at)
    FROM scores.published
    HAVING count(*) > 0
),
incomplete AS (
    SELECT source || '.' || feed AS name, min(unusable_since) AS since, string_agg(file_name, ', ' ORDER BY file_name) AS files
    FROM raw.unusable_files
    WHERE feed <> ''
    GROUP BY source, feed
)
SELECT
    newest.subject,
    newest.name,
    newest.newest_as_of,
    newest.newest_at,
    extract(epoch FROM now() - newest.newest_at)::double precision / 3600 AS age_hours,
    incomplete.since AS incomplete_since,
    incomplete.files AS unusable_files
FROM newest
LEFT JOIN incomplete ON newest.subject = 'feed' AND incomplete.name = newest.name;
COMMENT ON VIEW reports.pipeline_freshness IS 'one row per step, source, feed and publication: how old its newest result is at the moment of reading, and which feeds are incomplete';
COMMENT ON COLUMN reports.pipeline_freshness.subject IS 'step (a part of the pipeline), source (deliveries of the shop), feed (one kind of file of a source), input (what features have seen) or publication';
COMMENT ON COLUMN reports.pipeline_freshness.name IS 'which one; a feed as source.feed';
COMMENT ON COLUMN reports.pipeline_freshness.newest_as_of IS 'the newest day it has worked on; empty where days do not apply';
COMMENT ON COLUMN reports.pipeline_freshness.newest_at IS 'when it last finished, was loaded, happened or was published; empty if never';
COMMENT ON COLUMN reports.pipeline_freshness.age_hours IS 'hours since then, at the moment of reading';
COMMENT ON COLUMN reports.pipeline_freshness.incomplete_since IS 'of a feed: since when rows are missing because a file of it could not be used; empty if none are';
COMMENT ON COLUMN reports.pipeline_freshness.unusable_files IS 'of a feed: the files whose rows are missing; reports.unusable_files says why';
