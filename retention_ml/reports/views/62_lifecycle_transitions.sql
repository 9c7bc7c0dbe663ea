CREATE OR REPLACE VIEW reports.lifecycle_transitions AS
SELECT
    moved.as_of,
    moved.period,
    moved.from_as_of,
    moved.from_stage,
    moved.to_stage,
    moved.customers_count,
    moved.customers_count::double precision
        / sum(moved.customers_count) OVER (PARTITION BY moved.snapshot_id, moved.period, moved.from_stage) AS from_share,
    moved.from_snapshot_id IS NULL AS is_replayed
FROM profiles.published AS pointer
JOIN profiles.transitions AS moved ON moved.snapshot_id = pointer.snapshot_id;
COMMENT ON VIEW reports.lifecycle_transitions IS 'one row per published day, period, stage then and stage now: how many customers went from the one to the other; those from a stage add up to its customers on the earlier day';
COMMENT ON COLUMN reports.lifecycle_transitions.as_of IS 'the day';
COMMENT ON COLUMN reports.lifecycle_transitions.period IS 'day, week (7 days) or month (30 days)';
COMMENT ON COLUMN reports.lifecycle_transitions.from_as_of IS 'the earlier day';
COMMENT ON COLUMN reports.lifecycle_transitions.from_stage IS 'stage on the earlier day; none: no customer then, as far as was known';
COMMENT ON COLUMN reports.lifecycle_transitions.to_stage IS 'stage on the day; none: no customer any more, because an order was corrected or they are excluded as abnormal since';
COMMENT ON COLUMN reports.lifecycle_transitions.customers_count IS 'customers who went that way, or stayed';
COMMENT ON COLUMN reports.lifecycle_transitions.from_share IS 'their share of the customers of from_stage on the earlier day';
COMMENT ON COLUMN reports.lifecycle_transitions.is_replayed IS 'nothing was published for the earlier day: its stages are those it would have had by what was known then';
