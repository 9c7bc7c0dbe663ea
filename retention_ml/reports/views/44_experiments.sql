CREATE OR REPLACE VIEW reports.experiments AS
SELECT
    experiment.experiment_id,
    experiment.question,
    coalesce(ending.state, beginning.state, 'planned') AS state,
    coalesce(ending.reason, beginning.reason) AS state_reason,
    ending.arm AS winner,
    beginning.since AS began_on,
    ending.since AS ended_on,
    experiment.metric AS deciding_metric,
    -- A billion stands for: no number is enough.
    CASE WHEN experiment.planned_count < 1000000000 THEN experiment.planned_count END AS planned_count,
    CASE WHEN experiment.planned_count < 1000000000 THEN experiment.missing_count END AS missing_count,
    look.as_of,
    look.as_of IS NOT DISTINCT FROM max(look.as_of) OVER (PARTITION BY experiment.experiment_id)
        AS is_newest,
    look.arm,
    look.metric,
    look.segment,
    look.decisions_count,
    look.treated_count,
    look.control_mean,
    look.effect,
    look.lower,
    look.upper,
    look.method,
    look.is_broken,
    look.sample_ratio_e,
    look.verdict,
    look.reason,
    (
        SELECT string_agg(arm || ' ' || persons_count, ', ' ORDER BY arm) FROM outcomes.forgotten
        WHERE comparison = 'experiment' AND comparison_id = experiment.experiment_id
    ) AS forgotten_by_arm
FROM experiments.experiments AS experiment
LEFT JOIN experiments.states AS beginning
    ON beginning.experiment_id = experiment.experiment_id AND beginning.state = 'open'
LEFT JOIN experiments.states AS ending
    ON ending.experiment_id = experiment.experiment_id AND ending.state <> 'open'
LEFT JOIN experiments.looks AS look ON look.experiment_id = experiment.experiment_id;
COMMENT ON VIEW reports.experiments IS 'one row per experiment, look, arm, metric and segment; an experiment that nobody has looked at yet has one row without figures';
COMMENT ON COLUMN reports.experiments.experiment_id IS 'name of the experiment';
COMMENT ON COLUMN reports.experiments.question IS 'what is to be learned, in words';
COMMENT ON COLUMN reports.experiments.state IS 'planned, open, won, lost, undecided, invalid or stopped';
COMMENT ON COLUMN reports.experiments.state_reason IS 'why it is in this state, in words; empty while planned';
COMMENT ON COLUMN reports.experiments.winner IS 'the action that won; empty unless won';
COMMENT ON COLUMN reports.experiments.began_on IS 'first decision day; empty while planned';
COMMENT ON COLUMN reports.experiments.ended_on IS 'the first day on which it decided no more; empty before';
COMMENT ON COLUMN reports.experiments.deciding_metric IS 'the metric whose interval decides: margin or retained';
COMMENT ON COLUMN reports.experiments.planned_count IS 'decisions needed, by the plan; empty: no number of them can show a gain';
COMMENT ON COLUMN reports.experiments.missing_count IS 'how many of them could not mature in time, by the plan; empty: no number of them can show a gain';
COMMENT ON COLUMN reports.experiments.as_of IS 'the day of the look';
COMMENT ON COLUMN reports.experiments.is_newest IS 'whether it is the newest look at the experiment';
COMMENT ON COLUMN reports.experiments.arm IS 'the action compared with leaving customers alone';
COMMENT ON COLUMN reports.experiments.metric IS 'margin (units of money per decision), retained (share of decisions), margin_per_buyer (margin of all over those retained), unsubscribed or returned (shares of decisions)';
COMMENT ON COLUMN reports.experiments.segment IS 'all, or a tier';
COMMENT ON COLUMN reports.experiments.decisions_count IS 'matured decisions, of the arm and of those left alone';
COMMENT ON COLUMN reports.experiments.treated_count IS 'those of the arm';
COMMENT ON COLUMN reports.experiments.control_mean IS 'mean of those left alone';
COMMENT ON COLUMN reports.experiments.effect IS 'what the action changes, per decision';
COMMENT ON COLUMN reports.experiments.lower IS 'lower end of the interval; empty: no bound yet';
COMMENT ON COLUMN reports.experiments.upper IS 'upper end of the interval; empty: no bound yet';
COMMENT ON COLUMN reports.experiments.method IS 'betting or asymptotic: holds at all looks together; shrunk: of a tier, drawn to the effect of all, for this look alone';
COMMENT ON COLUMN reports.experiments.is_broken IS 'whether this is a guard that is broken';
COMMENT ON COLUMN reports.experiments.sample_ratio_e IS 'evidence that customers do not come into the arms by their shares';
COMMENT ON COLUMN reports.experiments.verdict IS 'what the look said: open, won, lost, undecided or invalid';
COMMENT ON COLUMN reports.experiments.reason IS 'why, in words';
COMMENT ON COLUMN reports.experiments.forgotten_by_arm IS 'persons of each arm who were forgotten while it was open and are no longer counted; empty where nobody was';
