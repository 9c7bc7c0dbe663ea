-- Filtered by snapshot, the key of recommendations.customer_daily: a filter on as_of would read the whole history.
CREATE OR REPLACE VIEW reports.recommendations AS
SELECT *
FROM reports.recommendations_history
WHERE snapshot_id = (SELECT snapshot_id FROM recommendations.published ORDER BY as_of DESC LIMIT 1);
COMMENT ON VIEW reports.recommendations IS 'one row per customer, list and rank of the latest published day: what to buy again, what new to try, and a mixed list';
DO $$
DECLARE
    explained record;
BEGIN
    FOR explained IN
        SELECT attname AS name, col_description(attrelid, attnum) AS meaning
        FROM pg_attribute
        WHERE attrelid = 'reports.recommendations_history'::regclass AND attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN reports.recommendations.%I IS %L', explained.name, explained.meaning);
    END LOOP;
END $$;
