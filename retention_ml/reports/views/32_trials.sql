CREATE OR REPLACE VIEW reports.trials AS
SELECT
    trial.trial_id,
    trial.champion_version,
    trial.challenger_version,
    trial.began_on,
    trial.status,
    trial.reason AS status_reason,
    trial.ended_on,
    (trial.plan ->> 'power')::double precision AS planned_power_share,
    (trial.plan ->> 'days_expected')::double precision AS planned_days,
    (trial.plan ->> 'days_most')::double precision AS planned_days_most,
    (trial.plan ->> 'customers_expected')::double precision AS planned_customers_count,
    look.as_of,
    look.as_of - trial.began_on AS elapsed_days,
    look.as_of IS NOT DISTINCT FROM max(look.as_of) OVER (PARTITION BY trial.trial_id) AS is_newest,
    look.scored_days_count,
    look.customers_count,
    look.contacted_count,
    look.mean_difference,
    look.lower,
    look.upper,
    look.e_better,
    look.e_worse,
    look.verdict,
    look.reason,
    look.measured_at,
    trial.registered_model,
    (
        SELECT string_agg(arm || ' ' || persons_count, ', ' ORDER BY arm) FROM outcomes.forgotten
        WHERE comparison = 'trial' AND comparison_id = trial.trial_id::text
    ) AS forgotten_by_arm
FROM outcomes.trials AS trial
LEFT JOIN outcomes.trial_looks AS look USING (trial_id);
COMMENT ON VIEW reports.trials IS 'one row per trial of a challenger and look at it; a trial that nobody has looked at yet has one row without figures';
COMMENT ON COLUMN reports.trials.trial_id IS 'number of the trial';
COMMENT ON COLUMN reports.trials.champion_version IS 'version of the champion in the model registry';
COMMENT ON COLUMN reports.trials.challenger_version IS 'version of the challenger';
COMMENT ON COLUMN reports.trials.began_on IS 'the first day both scored';
COMMENT ON COLUMN reports.trials.status IS 'open; won: the challenger is better; lost: it is worse, must not serve or was turned down; undecided: its time is over; abandoned: one of the two serves no longer, or a person decided before';
COMMENT ON COLUMN reports.trials.status_reason IS 'why the trial ended, in words; empty while it is open';
COMMENT ON COLUMN reports.trials.ended_on IS 'the day on which it was decided; empty while it is open';
COMMENT ON COLUMN reports.trials.planned_power_share IS 'foreseen at the start: the chance that the challenger wins in time if its probabilities are true, 0 to 1';
COMMENT ON COLUMN reports.trials.planned_days IS 'foreseen at the start: days after which half of such trials are won; empty where fewer are';
COMMENT ON COLUMN reports.trials.planned_days_most IS 'foreseen at the start: days after which nine in ten are won; empty where fewer are';
COMMENT ON COLUMN reports.trials.planned_customers_count IS 'foreseen at the start: forecasts counted by planned_days';
COMMENT ON COLUMN reports.trials.as_of IS 'the day of the look: outcomes known at its start';
COMMENT ON COLUMN reports.trials.elapsed_days IS 'days from the beginning of the trial to the look';
COMMENT ON COLUMN reports.trials.is_newest IS 'whether this is the newest look at the trial';
COMMENT ON COLUMN reports.trials.scored_days_count IS 'scored days with matured outcomes';
COMMENT ON COLUMN reports.trials.customers_count IS 'forecasts counted, of rankers lists: one per customer and outcome window, none overlapping';
COMMENT ON COLUMN reports.trials.contacted_count IS 'forecasts of all scored days left out because a campaign reached the customer meanwhile; of customers_count a customer''s overlapping windows are left out too';
COMMENT ON COLUMN reports.trials.mean_difference IS 'Brier score of the champion minus that of the challenger, of rankers NDCG@10 of the challenger minus that of the champion; above zero the challenger is better';
COMMENT ON COLUMN reports.trials.lower IS 'lower end of the confidence sequence of that difference, valid at every look';
COMMENT ON COLUMN reports.trials.upper IS 'upper end of the confidence sequence';
COMMENT ON COLUMN reports.trials.e_better IS 'e-value for the challenger being better; 1 / error rate decides';
COMMENT ON COLUMN reports.trials.e_worse IS 'e-value for the challenger being worse';
COMMENT ON COLUMN reports.trials.verdict IS 'what the look says: promote, keep or inconclusive';
COMMENT ON COLUMN reports.trials.reason IS 'why, in words';
COMMENT ON COLUMN reports.trials.measured_at IS 'when the look was taken';
COMMENT ON COLUMN reports.trials.registered_model IS 'churn: two churn models; recommendations: two rankers of products';
COMMENT ON COLUMN reports.trials.forgotten_by_arm IS 'persons of each arm who were forgotten while it was open and are no longer counted; empty where nobody was';
