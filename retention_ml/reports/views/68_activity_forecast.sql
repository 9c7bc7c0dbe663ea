CREATE OR REPLACE VIEW reports.activity_forecast AS
SELECT
    ahead.as_of,
    CASE ahead.metric WHEN 'revenue_cents' THEN 'revenue' ELSE ahead.metric END AS metric,
    ahead.days_ahead,
    ahead.forecast_on,
    ahead.expected / unit.size AS expected,
    ahead.lower / unit.size AS lower,
    ahead.upper / unit.size AS upper,
    ahead.uses_year_before,
    ahead.past_forecasts_count,
    ahead.past_error_share
FROM profiles.published AS pointer
JOIN profiles.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN profiles.forecasts AS ahead ON ahead.snapshot_id = pointer.snapshot_id
CROSS JOIN LATERAL (
    SELECT CASE ahead.metric WHEN 'revenue_cents' THEN manifest.minor_units ELSE 1 END::double precision AS size
) AS unit;
COMMENT ON VIEW reports.activity_forecast IS 'one row per published day, metric and day ahead, and one for all days together: orders, active customers and revenue to expect';
COMMENT ON COLUMN reports.activity_forecast.as_of IS 'the day on which it was forecast';
COMMENT ON COLUMN reports.activity_forecast.metric IS 'orders, active_customers (customers with an order on the day) or revenue (refunds taken off, in the shop''s currency)';
COMMENT ON COLUMN reports.activity_forecast.days_ahead IS '1 is the day itself; 0: all days together, which active customers do not have';
COMMENT ON COLUMN reports.activity_forecast.forecast_on IS 'the day that is forecast; empty for all together';
COMMENT ON COLUMN reports.activity_forecast.expected IS 'what is expected';
COMMENT ON COLUMN reports.activity_forecast.lower IS 'lower end of the interval that past forecasts would have kept in profiles.forecast_coverage of the cases';
COMMENT ON COLUMN reports.activity_forecast.upper IS 'upper end';
COMMENT ON COLUMN reports.activity_forecast.uses_year_before IS 'whether the same days of the year before shape it';
COMMENT ON COLUMN reports.activity_forecast.past_forecasts_count IS 'past forecasts that the interval comes from';
COMMENT ON COLUMN reports.activity_forecast.past_error_share IS 'by how much the total of all days was off on average in these';
