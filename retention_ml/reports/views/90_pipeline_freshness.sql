CREATE VIEW reports.pipeline_freshness AS
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
    SELECT 'input', 'newest event used by features', max(as_of), max(newest_input_at)
    FROM features.builds
    HAVING count(*) > 0
    UNION ALL
    SELECT 'publication', 'scores', max(as_of), max(published_at)
    FROM scores.published
    HAVING count(*) > 0
)
SELECT
    subject,
    name,
    newest_as_of,
    newest_at,
    extract(epoch FROM now() - newest_at)::double precision / 3600 AS age_hours
FROM newest;
COMMENT ON VIEW reports.pipeline_freshness IS 'one row per step, source and publication: how old its newest result is at the moment of reading';
COMMENT ON COLUMN reports.pipeline_freshness.subject IS 'step (a part of the pipeline), source (deliveries of the shop), input (what features have seen) or publication';
COMMENT ON COLUMN reports.pipeline_freshness.name IS 'which one';
COMMENT ON COLUMN reports.pipeline_freshness.newest_as_of IS 'the newest day it has worked on; empty where days do not apply';
COMMENT ON COLUMN reports.pipeline_freshness.newest_at IS 'when it last finished, was loaded, happened or was published';
COMMENT ON COLUMN reports.pipeline_freshness.age_hours IS 'hours since then, at the moment of reading';
