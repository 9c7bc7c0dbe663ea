CREATE OR REPLACE VIEW reports.pipeline_freshness AS
WITH clock AS (
    SELECT now() AS read_at
),
newest AS (
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
    UNION ALL
    SELECT 'publication', 'profiles', max(as_of), max(published_at)
    FROM profiles.published
    HAVING count(*) > 0
    UNION ALL
    SELECT 'publication', 'recommendations', max(as_of), max(published_at)
    FROM recommendations.published
    HAVING count(*) > 0
),
promise AS (
    SELECT
        pointer.as_of,
        today.is_on AS today,
        coalesce(pointer.due_time, TIME '06:00') AS due_time,
        today.timezone,
        (today.is_on + coalesce(pointer.due_time, TIME '06:00')) AT TIME ZONE today.timezone AS due_at,
        first.published_at
    FROM (SELECT * FROM scores.published ORDER BY as_of DESC LIMIT 1) AS pointer
    CROSS JOIN LATERAL (
        SELECT
            coalesce(pointer.timezone, 'UTC') AS timezone,
            -- A day that is scored ahead has its own clock.
            greatest((clock.read_at AT TIME ZONE coalesce(pointer.timezone, 'UTC'))::date, pointer.as_of) AS is_on
        FROM clock
    ) AS today
    CROSS JOIN LATERAL (
        -- A day made again later was in time all the same.
        SELECT min(manifest.published_at) AS published_at FROM scores.snapshots AS manifest
        WHERE manifest.as_of = pointer.as_of AND manifest.published_at IS NOT NULL
    ) AS first
),
timing AS (
    SELECT
        promise.*,
        clock.read_at < promise.due_at AS is_early,
        CASE
            WHEN as_of = today AND published_at <= due_at THEN 'in time'
            WHEN as_of = today THEN 'late'
            WHEN as_of = today - 1 AND clock.read_at < due_at THEN 'waiting'
            ELSE 'late'
        END AS verdict,
        to_char(published_at AT TIME ZONE timezone, 'HH24:MI') AS published_time
    FROM promise CROSS JOIN clock
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
    extract(epoch FROM clock.read_at - newest.newest_at)::double precision / 3600 AS age_hours,
    incomplete.since AS incomplete_since,
    incomplete.files AS unusable_files,
    CASE WHEN newest.subject = 'publication' AND newest.name = 'scores' THEN timing.due_at END AS due_at,
    CASE
        WHEN newest.subject = 'feed' THEN CASE WHEN incomplete.since IS NULL THEN 'complete' ELSE 'incomplete' END
        WHEN newest.subject <> 'publication' THEN NULL
        WHEN newest.name = 'scores' THEN timing.verdict
        WHEN newest.newest_as_of >= timing.as_of THEN 'current'
        ELSE 'behind'
    END AS verdict,
    CASE
        WHEN newest.subject = 'feed' AND incomplete.since IS NOT NULL THEN
            'Rows of ' || newest.name || ' are missing since ' || to_char(incomplete.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC: ' || incomplete.files || '.'
        WHEN newest.subject = 'feed' THEN 'No row of ' || newest.name || ' is known to be missing.'
        WHEN newest.subject <> 'publication' THEN NULL
        WHEN newest.name <> 'scores' AND newest.newest_as_of >= timing.as_of THEN 'As new as the scores.'
        WHEN newest.name <> 'scores' THEN
            'Newest of ' || newest.newest_as_of || ', while scores are of ' || coalesce(timing.as_of::text, 'no day') || '.'
        WHEN timing.verdict = 'in time' THEN 'Scores of today: published ' || timing.published_time || ', in time.'
        WHEN timing.as_of = timing.today THEN
            'Scores of today: published ' || to_char(timing.published_at AT TIME ZONE timing.timezone, 'YYYY-MM-DD HH24:MI')
            || ', late: due by ' || to_char(timing.due_time, 'HH24:MI') || '.'
        WHEN timing.verdict = 'waiting' THEN
            'Scores of today: not there yet, due by ' || to_char(timing.due_time, 'HH24:MI') || '. The newest are of yesterday.'
        WHEN timing.is_early THEN
            'Scores of today: due by ' || to_char(timing.due_time, 'HH24:MI') || '. The newest are late: of ' || timing.as_of || ', '
            || to_char(timing.today - timing.as_of, 'FM999,999') || ' days ago.'
        ELSE
            'Scores of today: missing, due since ' || to_char(timing.due_time, 'HH24:MI') || '. The newest are of ' || timing.as_of || ', '
            || to_char(timing.today - timing.as_of, 'FM999,999') || CASE timing.today - timing.as_of WHEN 1 THEN ' day ago.' ELSE ' days ago.' END
    END AS sentence
FROM newest
CROSS JOIN clock
LEFT JOIN incomplete ON newest.subject = 'feed' AND incomplete.name = newest.name
LEFT JOIN timing ON newest.subject = 'publication';
COMMENT ON VIEW reports.pipeline_freshness IS 'one row per step, source, feed and publication: how old its newest result is at the moment of reading, and which feeds are incomplete';
COMMENT ON COLUMN reports.pipeline_freshness.subject IS 'step (a part of the pipeline), source (deliveries of the shop), feed (one kind of file of a source), input (what features have seen) or publication';
COMMENT ON COLUMN reports.pipeline_freshness.name IS 'which one; a feed as source.feed';
COMMENT ON COLUMN reports.pipeline_freshness.newest_as_of IS 'the newest day it has worked on; empty where days do not apply';
COMMENT ON COLUMN reports.pipeline_freshness.newest_at IS 'when it last finished, was loaded, happened or was published; empty if never';
COMMENT ON COLUMN reports.pipeline_freshness.age_hours IS 'hours since then, at the moment of reading';
COMMENT ON COLUMN reports.pipeline_freshness.incomplete_since IS 'of a feed: since when rows are missing because a file of it could not be used; empty if none are';
COMMENT ON COLUMN reports.pipeline_freshness.unusable_files IS 'of a feed: the files whose rows are missing; reports.unusable_files says why';
COMMENT ON COLUMN reports.pipeline_freshness.due_at IS 'of scores: when those of today were due, by monitoring.due_time; empty for all else';
COMMENT ON COLUMN reports.pipeline_freshness.verdict IS 'of scores: in time, late, or waiting (not there, not yet due); of profiles and recommendations: current or behind (the scores); of a feed: complete or incomplete; empty for steps, sources and inputs, of which nothing is promised';
COMMENT ON COLUMN reports.pipeline_freshness.sentence IS 'the verdict in words, times on the shop''s clock';
