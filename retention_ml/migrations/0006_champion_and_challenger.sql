-- The champion and the challenger side by side: arms, trials, matured outcomes, drift, alerts.
CREATE SCHEMA outcomes;

ALTER TABLE models.promotions
    ADD COLUMN policy jsonb,
    ADD COLUMN policy_of_settings jsonb,
    DROP CONSTRAINT promotions_verdict_check,
    ADD CONSTRAINT promotions_verdict_check
        CHECK (verdict IN ('promote', 'keep', 'inconclusive', 'rollback', 'follow', 'refuse', 'retire'));
COMMENT ON COLUMN models.promotions.verdict IS 'promote, follow (moved by hand in MLflow) and rollback put the version under the alias, retire takes it off; keep, inconclusive and refuse leave the alias alone';
COMMENT ON COLUMN models.promotions.policy IS 'the tier policy that is served with the version from this decision on';
COMMENT ON COLUMN models.promotions.policy_of_settings IS 'the tier policy that the settings asked for then; where they ask for another since, theirs counts';

CREATE TABLE models.alias_moves (
    promotion_id bigint PRIMARY KEY REFERENCES models.promotions,
    moved_at timestamptz NOT NULL
);
-- Until now aliases were moved before their decision was written.
INSERT INTO models.alias_moves
SELECT promotion_id, decided_at FROM models.promotions WHERE verdict IN ('promote', 'follow', 'rollback');
COMMENT ON TABLE models.alias_moves IS 'one row per decision that the registry''s alias has followed; a decision without one is carried out at the next occasion';
COMMENT ON COLUMN models.alias_moves.promotion_id IS 'the decision';
COMMENT ON COLUMN models.alias_moves.moved_at IS 'when the alias was moved, or found to be outdone by a newer decision';

ALTER TABLE scores.snapshots
    ADD COLUMN model_as_of date,
    ADD COLUMN challenger_name text,
    ADD COLUMN challenger_as_of date,
    ADD COLUMN challenger_share double precision CHECK (challenger_share BETWEEN 0 AND 1),
    ADD COLUMN split_salt text;
COMMENT ON COLUMN scores.snapshots.model_as_of IS 'the day up to whose start the champion knew anything; scores of earlier days are no forecasts';
COMMENT ON COLUMN scores.snapshots.challenger_name IS 'the kind of model of the challenger; empty if none scored';
COMMENT ON COLUMN scores.snapshots.challenger_as_of IS 'the day up to whose start the challenger knew anything';
COMMENT ON COLUMN scores.snapshots.challenger_share IS 'share of the customers who are served by the challenger; 0: it scores in shadow only; empty if none scored';
COMMENT ON COLUMN scores.snapshots.split_salt IS 'what deals the customers to the arms, together with their number; empty where nobody is dealt';
COMMENT ON COLUMN scores.snapshots.challenger_version IS 'registered version of the challenger; empty if none scored';

ALTER TABLE scores.customer_daily
    ADD COLUMN champion_probability double precision CHECK (champion_probability BETWEEN 0 AND 1);
COMMENT ON COLUMN scores.customer_daily.champion_probability IS 'what the champion said, also where the challenger is served; empty in snapshots made before there were arms';
COMMENT ON COLUMN scores.customer_daily.challenger_probability IS 'what the challenger said, also where the champion is served; empty where it has no answer';
COMMENT ON COLUMN scores.customer_daily.churn_probability IS 'what is served: the calibrated probability of no order in the outcome window, 0 to 1, by the model of the customer''s arm';
COMMENT ON COLUMN scores.customer_daily.arm IS 'whose probability, tier, reasons and timing are served to this customer: champion, challenger, or starter before there is a champion';

ALTER TABLE curated.campaign_contacts
    DROP CONSTRAINT campaign_contacts_kind_check,
    ADD CONSTRAINT campaign_contacts_kind_check
        CHECK (kind IN ('sent', 'opened', 'clicked', 'redeemed', 'holdout'));
COMMENT ON TABLE curated.campaign_contacts IS 'one row per customer reached by a campaign and what they did with it, or per customer drawn to be left alone';
COMMENT ON COLUMN curated.campaign_contacts.customer_id IS 'whom it reached or left alone';
COMMENT ON COLUMN curated.campaign_contacts.event_at IS 'when it was sent, opened, clicked or redeemed; for a holdout when it would have been sent';
COMMENT ON COLUMN curated.campaign_contacts.kind IS 'sent, opened, clicked, redeemed, or holdout: drawn by lot to be left alone';

CREATE TABLE outcomes.trials (
    trial_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    champion_version text NOT NULL,
    champion_sha256 text NOT NULL,
    challenger_version text NOT NULL,
    challenger_sha256 text NOT NULL,
    definition_hash text NOT NULL,
    began_on date NOT NULL,
    plan jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'won', 'lost', 'undecided', 'abandoned')),
    reason text,
    ended_on date,
    run_id text NOT NULL,
    UNIQUE (champion_sha256, challenger_sha256, definition_hash)
);
COMMENT ON TABLE outcomes.trials IS 'one row per pair of champion and challenger that score the same customers';
COMMENT ON COLUMN outcomes.trials.trial_id IS 'number of the trial';
COMMENT ON COLUMN outcomes.trials.champion_version IS 'version of the champion in the model registry';
COMMENT ON COLUMN outcomes.trials.champion_sha256 IS 'digest of its files';
COMMENT ON COLUMN outcomes.trials.challenger_version IS 'version of the challenger';
COMMENT ON COLUMN outcomes.trials.challenger_sha256 IS 'digest of its files';
COMMENT ON COLUMN outcomes.trials.definition_hash IS 'the churn definition that both predict';
COMMENT ON COLUMN outcomes.trials.reason IS 'why it ended, in words; empty while it is open';
COMMENT ON COLUMN outcomes.trials.run_id IS 'the run that last wrote the row';
COMMENT ON COLUMN outcomes.trials.began_on IS 'the first day both scored';
COMMENT ON COLUMN outcomes.trials.plan IS 'what was foreseen at the start: power, customers and days until a decision';
COMMENT ON COLUMN outcomes.trials.status IS 'open; won: the challenger is better; lost: it is worse; undecided: its time is over; abandoned: one of the two serves no longer';
COMMENT ON COLUMN outcomes.trials.ended_on IS 'the day on which it was decided';

CREATE TABLE outcomes.trial_looks (
    trial_id bigint NOT NULL REFERENCES outcomes.trials,
    as_of date NOT NULL,
    scored_days_count bigint NOT NULL,
    customers_count bigint NOT NULL,
    contacted_count bigint NOT NULL,
    mean_difference double precision NOT NULL,
    lower double precision NOT NULL,
    upper double precision NOT NULL,
    e_better double precision NOT NULL,
    e_worse double precision NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('promote', 'keep', 'inconclusive')),
    reason text NOT NULL,
    evidence jsonb NOT NULL,
    run_id text NOT NULL,
    measured_at timestamptz NOT NULL,
    PRIMARY KEY (trial_id, as_of)
);
COMMENT ON TABLE outcomes.trial_looks IS 'one row per look at a trial: the evidence on that day, valid however often one looks';
COMMENT ON COLUMN outcomes.trial_looks.trial_id IS 'the trial';
COMMENT ON COLUMN outcomes.trial_looks.verdict IS 'promote: the challenger is better and fit; keep: it is worse or unfit; inconclusive: nothing is decided';
COMMENT ON COLUMN outcomes.trial_looks.reason IS 'why, in words';
COMMENT ON COLUMN outcomes.trial_looks.evidence IS 'the figures behind it, the calibration of both among them';
COMMENT ON COLUMN outcomes.trial_looks.run_id IS 'the run that looked';
COMMENT ON COLUMN outcomes.trial_looks.measured_at IS 'when';
COMMENT ON COLUMN outcomes.trial_looks.as_of IS 'the day of the look: outcomes known at its start';
COMMENT ON COLUMN outcomes.trial_looks.scored_days_count IS 'scored days with matured outcomes';
COMMENT ON COLUMN outcomes.trial_looks.customers_count IS 'forecasts counted: one per customer and outcome window, none overlapping';
COMMENT ON COLUMN outcomes.trial_looks.contacted_count IS 'forecasts left out because a campaign reached the customer meanwhile';
COMMENT ON COLUMN outcomes.trial_looks.mean_difference IS 'Brier score of the champion minus that of the challenger; above zero the challenger is better';
COMMENT ON COLUMN outcomes.trial_looks.lower IS 'lower end of the confidence sequence';
COMMENT ON COLUMN outcomes.trial_looks.upper IS 'upper end of the confidence sequence';
COMMENT ON COLUMN outcomes.trial_looks.e_better IS 'e-value for the challenger being better; 1 / error rate decides';
COMMENT ON COLUMN outcomes.trial_looks.e_worse IS 'e-value for the challenger being worse';

CREATE TABLE outcomes.performance (
    as_of date NOT NULL,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    role text NOT NULL CHECK (role IN ('champion', 'challenger')),
    model_version text NOT NULL,
    segment text NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    lower double precision,
    upper double precision,
    customers_count bigint NOT NULL,
    contacted_count bigint NOT NULL,
    definition_hash text NOT NULL,
    known_as_of date NOT NULL,
    measured_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, role, segment, metric)
);
COMMENT ON TABLE outcomes.performance IS 'one row per scored day, model, segment and metric: what the published scores were worth once the outcomes were known';
COMMENT ON COLUMN outcomes.performance.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN outcomes.performance.role IS 'champion or challenger, as which it scored';
COMMENT ON COLUMN outcomes.performance.model_version IS 'its version in the model registry';
COMMENT ON COLUMN outcomes.performance.metric IS 'roc_auc, log_loss, brier, ece and others';
COMMENT ON COLUMN outcomes.performance.value IS 'the metric';
COMMENT ON COLUMN outcomes.performance.lower IS 'lower end of the 95 % interval; empty where none was computed';
COMMENT ON COLUMN outcomes.performance.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN outcomes.performance.customers_count IS 'customers it was measured on';
COMMENT ON COLUMN outcomes.performance.definition_hash IS 'the churn definition';
COMMENT ON COLUMN outcomes.performance.measured_at IS 'when it was measured';
COMMENT ON COLUMN outcomes.performance.as_of IS 'the scored day';
COMMENT ON COLUMN outcomes.performance.segment IS 'all, or a kind of customer such as bought_once';
COMMENT ON COLUMN outcomes.performance.contacted_count IS 'customers left out because a campaign reached them inside the outcome window';
COMMENT ON COLUMN outcomes.performance.known_as_of IS 'the outcomes are what was known at the start of this day';

CREATE TABLE outcomes.comparisons (
    trial_id bigint NOT NULL REFERENCES outcomes.trials,
    as_of date NOT NULL,
    comparison text NOT NULL CHECK (comparison IN ('paired', 'arms')),
    segment text NOT NULL,
    metric text NOT NULL,
    champion_value double precision NOT NULL,
    challenger_value double precision NOT NULL,
    difference double precision NOT NULL,
    lower double precision NOT NULL,
    upper double precision NOT NULL,
    customers_count bigint NOT NULL,
    PRIMARY KEY (trial_id, as_of, comparison, segment, metric)
);
COMMENT ON TABLE outcomes.comparisons IS 'one row per look at a trial, kind of comparison, segment and metric, with a 95 % interval';
COMMENT ON COLUMN outcomes.comparisons.trial_id IS 'the trial';
COMMENT ON COLUMN outcomes.comparisons.segment IS 'all, or a kind of customer such as bought_once';
COMMENT ON COLUMN outcomes.comparisons.metric IS 'what was measured';
COMMENT ON COLUMN outcomes.comparisons.champion_value IS 'the metric of the champion';
COMMENT ON COLUMN outcomes.comparisons.challenger_value IS 'the metric of the challenger';
COMMENT ON COLUMN outcomes.comparisons.lower IS 'lower end of the 95 % interval of the difference';
COMMENT ON COLUMN outcomes.comparisons.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN outcomes.comparisons.customers_count IS 'forecasts it was measured on';
COMMENT ON COLUMN outcomes.comparisons.as_of IS 'the day of the look';
COMMENT ON COLUMN outcomes.comparisons.comparison IS 'paired: both models on the same customers; arms: what became of the customers each one served';
COMMENT ON COLUMN outcomes.comparisons.difference IS 'challenger minus champion';

CREATE TABLE outcomes.drift (
    as_of date NOT NULL,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    kind text NOT NULL CHECK (kind IN ('input', 'missing', 'category', 'score', 'tier', 'explanation', 'calibration', 'label_rate', 'estimate')),
    name text NOT NULL,
    measure text NOT NULL,
    value double precision NOT NULL,
    threshold double precision,
    is_beyond boolean NOT NULL,
    reference text NOT NULL,
    measured_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, kind, name, measure)
);
COMMENT ON TABLE outcomes.drift IS 'one row per published day, thing watched and measure of its change';
COMMENT ON COLUMN outcomes.drift.as_of IS 'the published day';
COMMENT ON COLUMN outcomes.drift.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN outcomes.drift.kind IS 'what sort of change is watched';
COMMENT ON COLUMN outcomes.drift.value IS 'how large it is';
COMMENT ON COLUMN outcomes.drift.is_beyond IS 'whether it lies beyond the threshold';
COMMENT ON COLUMN outcomes.drift.measured_at IS 'when it was measured';
COMMENT ON COLUMN outcomes.drift.name IS 'the feature, tier or other thing watched; all for the whole';
COMMENT ON COLUMN outcomes.drift.measure IS 'psi, jensen_shannon, share, roc_auc and others: sizes of effects, not p-values';
COMMENT ON COLUMN outcomes.drift.threshold IS 'from where on it counts; empty where it is only shown';
COMMENT ON COLUMN outcomes.drift.reference IS 'what it is compared with';

CREATE TABLE ops.alerts (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    sentence text NOT NULL,
    runbook text NOT NULL,
    evidence jsonb NOT NULL,
    run_id text NOT NULL,
    raised_at timestamptz NOT NULL,
    UNIQUE (as_of, kind, subject)
);
COMMENT ON TABLE ops.alerts IS 'append-only: one row per alert that was raised';
COMMENT ON COLUMN ops.alerts.alert_id IS 'number of the alert';
COMMENT ON COLUMN ops.alerts.severity IS 'warning or critical';
COMMENT ON COLUMN ops.alerts.sentence IS 'what happened, in words';
COMMENT ON COLUMN ops.alerts.evidence IS 'the figures behind it';
COMMENT ON COLUMN ops.alerts.run_id IS 'the run that raised it';
COMMENT ON COLUMN ops.alerts.raised_at IS 'when it was raised';
COMMENT ON COLUMN ops.alerts.as_of IS 'the day it is about';
COMMENT ON COLUMN ops.alerts.kind IS 'what was noticed, such as input_drift';
COMMENT ON COLUMN ops.alerts.subject IS 'the thing it was noticed on';
COMMENT ON COLUMN ops.alerts.runbook IS 'the section of docs/runbook.md that says what to do';
