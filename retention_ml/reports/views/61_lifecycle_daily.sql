CREATE OR REPLACE VIEW reports.lifecycle_daily AS
SELECT
    stage.as_of,
    stage.lifecycle_stage,
    CASE stage.lifecycle_stage
        WHEN 'visitor' THEN 1 WHEN 'new' THEN 2 WHEN 'one_time' THEN 3 WHEN 'repeat' THEN 4
        WHEN 'loyal' THEN 5 WHEN 'slipping' THEN 6 WHEN 'lapsed' THEN 7 ELSE 8
    END AS stage_rank,
    stage.customers_count,
    stage.customers_count::double precision / manifest.customers_count AS customers_share,
    coalesce(moved.entered_count, 0) AS entered_count,
    coalesce(gone.left_count, 0) AS left_count,
    (stage.revenue_28d_cents / manifest.minor_units::numeric)::numeric(18, 2) AS revenue_28d,
    manifest.caveat
FROM profiles.published AS pointer
JOIN profiles.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN profiles.stage_daily AS stage ON stage.snapshot_id = pointer.snapshot_id
LEFT JOIN (
    SELECT snapshot_id, to_stage AS lifecycle_stage, sum(customers_count)::bigint AS entered_count
    FROM profiles.transitions
    WHERE period = 'day' AND from_stage <> to_stage
    GROUP BY 1, 2
) AS moved ON moved.snapshot_id = stage.snapshot_id AND moved.lifecycle_stage = stage.lifecycle_stage
LEFT JOIN (
    SELECT snapshot_id, from_stage AS lifecycle_stage, sum(customers_count)::bigint AS left_count
    FROM profiles.transitions
    WHERE period = 'day' AND from_stage <> to_stage
    GROUP BY 1, 2
) AS gone ON gone.snapshot_id = stage.snapshot_id AND gone.lifecycle_stage = stage.lifecycle_stage;
COMMENT ON VIEW reports.lifecycle_daily IS 'one row per published day and stage, also those without a customer: how many, and who came and went since the day before';
COMMENT ON COLUMN reports.lifecycle_daily.as_of IS 'the day';
COMMENT ON COLUMN reports.lifecycle_daily.lifecycle_stage IS 'visitor, new, one_time, repeat, loyal, slipping, lapsed or reactivated';
COMMENT ON COLUMN reports.lifecycle_daily.stage_rank IS 'order of the stages, visitor first';
COMMENT ON COLUMN reports.lifecycle_daily.customers_count IS 'customers in the stage';
COMMENT ON COLUMN reports.lifecycle_daily.customers_share IS 'their share of everybody with an order, an event or an account';
COMMENT ON COLUMN reports.lifecycle_daily.entered_count IS 'those of them who were in another stage, or no customer, the day before';
COMMENT ON COLUMN reports.lifecycle_daily.left_count IS 'who were in the stage the day before and are not now';
COMMENT ON COLUMN reports.lifecycle_daily.revenue_28d IS 'what the customers of the stage brought in the 28 days before, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.lifecycle_daily.caveat IS 'what the profiles of the day lack and why, in words; empty where nothing';
