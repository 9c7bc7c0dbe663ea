CREATE OR REPLACE VIEW reports.funnel_weekly AS
SELECT
    week.as_of,
    week.week_on,
    manifest.cohort_period_days AS period_days,
    week.acquired_count,
    week.activated_count,
    week.activated_count::double precision / week.acquired_count AS activated_share,
    week.retained_count,
    week.retained_count::double precision / nullif(week.activated_count, 0) AS retained_share,
    (week.revenue_cents / manifest.minor_units::numeric)::numeric(18, 2) AS revenue,
    week.is_incomplete
FROM (SELECT snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN profiles.snapshots AS manifest USING (snapshot_id)
JOIN profiles.funnel AS week USING (snapshot_id);
COMMENT ON VIEW reports.funnel_weekly IS 'one row per week of the latest published day in which customers were acquired: how many ordered, came back, and what they brought';
COMMENT ON COLUMN reports.funnel_weekly.as_of IS 'the day';
COMMENT ON COLUMN reports.funnel_weekly.week_on IS 'the Monday';
COMMENT ON COLUMN reports.funnel_weekly.period_days IS 'length of a period';
COMMENT ON COLUMN reports.funnel_weekly.acquired_count IS 'who opened an account, or was first seen on the site or with an order, in the week';
COMMENT ON COLUMN reports.funnel_weekly.activated_count IS 'those of them who ordered within a period';
COMMENT ON COLUMN reports.funnel_weekly.activated_share IS 'their share of the acquired; 1 where a shop delivers neither accounts nor events';
COMMENT ON COLUMN reports.funnel_weekly.retained_count IS 'those of the activated who ordered again in the second period after their first order';
COMMENT ON COLUMN reports.funnel_weekly.retained_share IS 'their share of the activated';
COMMENT ON COLUMN reports.funnel_weekly.revenue IS 'what the acquired brought within three periods, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.funnel_weekly.is_incomplete IS 'three periods are not over for all of them: the figures will rise';
