CREATE OR REPLACE VIEW reports.data_quality AS
SELECT
    result.checked_at,
    batch.source,
    result.batch_id,
    result.as_of,
    result.suite AS table_name,
    result.column_name,
    result.expected,
    result.severity,
    result.is_success,
    result.element_count AS rows_count,
    result.unexpected_count AS unexpected_rows_count,
    CASE WHEN result.element_count > 0 THEN
        CAST(result.unexpected_count AS double precision) / result.element_count
    END AS unexpected_share,
    result.observed,
    result.reason,
    batch.status AS batch_status
FROM quality.results AS result
LEFT JOIN raw.batches AS batch USING (batch_id);
COMMENT ON VIEW reports.data_quality IS 'one row per expectation and validation of a batch or of a day';
COMMENT ON COLUMN reports.data_quality.checked_at IS 'when it was checked';
COMMENT ON COLUMN reports.data_quality.source IS 'the source of the batch; empty for checks of a day';
COMMENT ON COLUMN reports.data_quality.batch_id IS 'the batch checked; empty for checks of a day';
COMMENT ON COLUMN reports.data_quality.as_of IS 'the day checked; empty for checks of a batch';
COMMENT ON COLUMN reports.data_quality.table_name IS 'the table whose rows were checked';
COMMENT ON COLUMN reports.data_quality.column_name IS 'the column, where the expectation is about one';
COMMENT ON COLUMN reports.data_quality.expected IS 'what was expected, in words';
COMMENT ON COLUMN reports.data_quality.severity IS 'critical stops the batch; warning and info are only recorded';
COMMENT ON COLUMN reports.data_quality.is_success IS 'whether the expectation was met';
COMMENT ON COLUMN reports.data_quality.rows_count IS 'rows looked at; empty for checks of a whole column';
COMMENT ON COLUMN reports.data_quality.unexpected_rows_count IS 'rows against the expectation';
COMMENT ON COLUMN reports.data_quality.unexpected_share IS 'their share of the rows looked at, 0 to 1';
COMMENT ON COLUMN reports.data_quality.observed IS 'what was found, in words';
COMMENT ON COLUMN reports.data_quality.reason IS 'why the expectation is there';
COMMENT ON COLUMN reports.data_quality.batch_status IS 'what became of the batch';

CREATE OR REPLACE VIEW reports.quarantine_summary AS
SELECT
    bad.source,
    bad.feed,
    bad.reason_code,
    count(*) AS rows_count,
    count(*) FILTER (WHERE bad.replayed_in IS NULL) AS open_rows_count,
    count(DISTINCT bad.delivery_id) AS deliveries_count,
    min(bad.quarantined_at) AS first_quarantined_at,
    max(bad.quarantined_at) AS last_quarantined_at
FROM quarantine.rows AS bad
GROUP BY bad.source, bad.feed, bad.reason_code;
COMMENT ON VIEW reports.quarantine_summary IS 'one row per source, feed and reason for which rows could not be used';
COMMENT ON COLUMN reports.quarantine_summary.source IS 'the source they came through';
COMMENT ON COLUMN reports.quarantine_summary.feed IS 'the kind of file';
COMMENT ON COLUMN reports.quarantine_summary.reason_code IS 'why: a code of the closed list in docs/sources.md, or one that the source declares';
COMMENT ON COLUMN reports.quarantine_summary.rows_count IS 'rows set aside for that reason';
COMMENT ON COLUMN reports.quarantine_summary.open_rows_count IS 'of these, the rows that were not tried again since';
COMMENT ON COLUMN reports.quarantine_summary.deliveries_count IS 'delivered files they came in';
COMMENT ON COLUMN reports.quarantine_summary.first_quarantined_at IS 'when the first was set aside';
COMMENT ON COLUMN reports.quarantine_summary.last_quarantined_at IS 'when the last was set aside';
