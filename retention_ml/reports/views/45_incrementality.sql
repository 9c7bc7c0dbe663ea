CREATE OR REPLACE VIEW reports.incrementality AS
SELECT
    'holdout' AS evidence,
    holdout.salt AS name,
    'all contacts' AS action_id,
    look.metric,
    look.closed_on AS as_of,
    look.window_number = max(look.window_number) OVER (PARTITION BY look.holdout_id, look.metric)
        AS is_newest,
    'customer' AS unit,
    look.customers_count AS units_count,
    look.holdout_count AS control_count,
    look.holdout_mean AS control_mean,
    look.effect,
    look.lower,
    look.upper,
    look.effect * (look.customers_count - look.holdout_count) AS total_effect,
    look.verdict
FROM experiments.holdout_looks AS look
JOIN actions.holdouts AS holdout USING (holdout_id)
UNION ALL
SELECT
    'experiment',
    look.experiment_id,
    look.arm,
    look.metric,
    look.as_of,
    look.as_of = max(look.as_of) OVER (PARTITION BY look.experiment_id),
    'decision',
    look.decisions_count,
    look.decisions_count - look.treated_count,
    look.control_mean,
    look.effect,
    look.lower,
    look.upper,
    look.effect * look.treated_count,
    look.verdict
FROM experiments.looks AS look
WHERE look.segment = 'all' AND look.metric IN ('margin', 'retained');
COMMENT ON VIEW reports.incrementality IS 'one row per look at the long-run holdout, and per look, arm and metric of an experiment: what contacts brought, both kinds of proof side by side';
COMMENT ON COLUMN reports.incrementality.evidence IS 'holdout: customers never contacted, in the long run; experiment: decisions drawn by lot';
COMMENT ON COLUMN reports.incrementality.name IS 'salt of the holdout, or name of the experiment';
COMMENT ON COLUMN reports.incrementality.action_id IS 'the action; all contacts for the holdout';
COMMENT ON COLUMN reports.incrementality.metric IS 'margin (units of money), orders (purchases) or retained (share)';
COMMENT ON COLUMN reports.incrementality.as_of IS 'the day up to which outcomes count';
COMMENT ON COLUMN reports.incrementality.is_newest IS 'whether it is the newest look';
COMMENT ON COLUMN reports.incrementality.unit IS 'customer: summed since the holdout began; decision: within one outcome window';
COMMENT ON COLUMN reports.incrementality.units_count IS 'customers or decisions counted';
COMMENT ON COLUMN reports.incrementality.control_count IS 'those left alone';
COMMENT ON COLUMN reports.incrementality.control_mean IS 'mean of those left alone';
COMMENT ON COLUMN reports.incrementality.effect IS 'what contacts changed, per unit';
COMMENT ON COLUMN reports.incrementality.lower IS 'lower end of an interval that holds at all looks together; empty: no bound yet';
COMMENT ON COLUMN reports.incrementality.upper IS 'upper end of the interval; empty: no bound yet';
COMMENT ON COLUMN reports.incrementality.total_effect IS 'the effect times the units that were not left alone';
COMMENT ON COLUMN reports.incrementality.verdict IS 'what the look said';
