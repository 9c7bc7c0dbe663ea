CREATE OR REPLACE VIEW reports.cohort_retention AS
WITH cohort AS (
    SELECT cohorts.*, manifest.cohort_period_days
    FROM (SELECT snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
    JOIN profiles.snapshots AS manifest USING (snapshot_id)
    JOIN profiles.cohorts AS cohorts USING (snapshot_id)
),
summed AS (
    SELECT
        as_of,
        cohort_on,
        period,
        cohort_period_days,
        sum(customers_count)::bigint AS customers_count,
        sum(observed_count)::bigint AS observed_count,
        sum(ordered_count)::bigint AS ordered_count,
        sum(ordered_later_count)::bigint AS ordered_later_count,
        sum(previous_count)::bigint AS previous_count,
        sum(ordered_both_count)::bigint AS ordered_both_count,
        sum(at_risk_count)::bigint AS at_risk_count,
        bool_or(is_left_truncated) AS is_left_truncated,
        bool_or(is_incomplete) AS is_incomplete
    FROM cohort
    GROUP BY GROUPING SETS ((as_of, cohort_on, period, cohort_period_days), (as_of, period, cohort_period_days))
)
SELECT
    as_of,
    cohort_on,
    period,
    cohort_period_days AS period_days,
    customers_count,
    observed_count,
    ordered_count,
    ordered_count::double precision / observed_count AS cohort_ratio,
    ordered_later_count::double precision / observed_count AS unbounded_retention,
    ordered_both_count::double precision / nullif(previous_count, 0) AS period_over_period,
    CASE WHEN period > 0 THEN 1 - ordered_later_count::double precision / nullif(at_risk_count, 0) END AS at_risk_hazard,
    is_left_truncated,
    is_incomplete
FROM summed;
COMMENT ON VIEW reports.cohort_retention IS 'one row per cohort and period of the latest published day, and per period for all cohorts together: four retentions, each named as what it is';
COMMENT ON COLUMN reports.cohort_retention.as_of IS 'the day';
COMMENT ON COLUMN reports.cohort_retention.cohort_on IS 'first day of the month of the first order; empty: all cohorts together';
COMMENT ON COLUMN reports.cohort_retention.period IS 'of each customer''s own clock; 0 begins with the first order';
COMMENT ON COLUMN reports.cohort_retention.period_days IS 'length of a period';
COMMENT ON COLUMN reports.cohort_retention.customers_count IS 'customers of the cohort';
COMMENT ON COLUMN reports.cohort_retention.observed_count IS 'those whose period is over: all shares are of them';
COMMENT ON COLUMN reports.cohort_retention.ordered_count IS 'those who ordered in the period';
COMMENT ON COLUMN reports.cohort_retention.cohort_ratio IS 'share who ordered in the period: the heat map';
COMMENT ON COLUMN reports.cohort_retention.unbounded_retention IS 'share who ordered in the period or later; too low for the newest periods, where later has hardly begun';
COMMENT ON COLUMN reports.cohort_retention.period_over_period IS 'of those who ordered in the period before, the share who ordered in this one. Its product over periods is the share who ordered in each of them, not the share who stayed';
COMMENT ON COLUMN reports.cohort_retention.at_risk_hazard IS 'of those who ordered in the period before or later, the share who did not order in this one or later; the product of 1 minus it is the unbounded retention';
COMMENT ON COLUMN reports.cohort_retention.is_left_truncated IS 'earlier orders of some customers may lie before the data begins: old customers who look new';
COMMENT ON COLUMN reports.cohort_retention.is_incomplete IS 'the period is not over for all customers of the cohort';
