-- Filtered by snapshot, the key of scores.customer_daily.
CREATE OR REPLACE VIEW reports.customer_risk AS
SELECT *
FROM reports.customer_risk_history
WHERE snapshot_id = (SELECT snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1);
COMMENT ON VIEW reports.customer_risk IS 'one row per scored customer of the latest published day: who is at risk, how much, and why';
DO $$
DECLARE
    explained record;
BEGIN
    FOR explained IN
        SELECT attname AS name, col_description(attrelid, attnum) AS meaning
        FROM pg_attribute
        WHERE attrelid = 'reports.customer_risk_history'::regclass AND attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN reports.customer_risk.%I IS %L', explained.name, explained.meaning);
    END LOOP;
END $$;
