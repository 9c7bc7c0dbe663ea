-- Persons who are to be forgotten, but only after a legal hold (decision 66): kept and hidden until then.
CREATE TABLE privacy.holds (
    customer_id text PRIMARY KEY,
    hold_until date NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    requested_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE privacy.holds IS 'one row per person who asked to be forgotten and whose data must be kept until a date: kept, hidden, used for nothing';
COMMENT ON COLUMN privacy.holds.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN privacy.holds.hold_until IS 'the last day of the hold on the shop''s calendar; the night after it the person is forgotten';
COMMENT ON COLUMN privacy.holds.reason IS 'why the data must be kept, in words';
COMMENT ON COLUMN privacy.holds.requested_at IS 'when forgetting was first asked for';
COMMENT ON COLUMN privacy.holds.recorded_at IS 'when date and reason were last written down';
COMMENT ON COLUMN privacy.holds.recorded_by IS 'who typed it in';
COMMENT ON COLUMN privacy.holds.run_id IS 'the run that did it';

ALTER TABLE privacy.requests DROP CONSTRAINT requests_kind_check;
ALTER TABLE privacy.requests ADD CONSTRAINT requests_kind_check
    CHECK (kind IN ('forget', 'export', 'prove', 'hold'));
COMMENT ON COLUMN privacy.requests.kind IS 'forget, export, prove, or hold';
ALTER TABLE privacy.requests DROP CONSTRAINT requests_outcome_check;
ALTER TABLE privacy.requests ADD CONSTRAINT requests_outcome_check
    CHECK (outcome IN ('accepted', 'done before', 'no such customer', 'on hold'));
COMMENT ON COLUMN privacy.requests.outcome IS 'accepted, done before, no such customer, or on hold: kept until a date and then forgotten';

ALTER TABLE scores.exclusions DROP CONSTRAINT exclusions_reason_code_check;
ALTER TABLE scores.exclusions ADD CONSTRAINT exclusions_reason_code_check CHECK (reason_code IN ('no_features', 'infinite_feature', 'no_probability', 'abnormal', 'no_consent', 'legal_hold'));
COMMENT ON COLUMN scores.exclusions.reason_code IS 'no_features: nothing that the model reads is known; infinite_feature: a feature has no finite value; no_probability: the model''s answer is no number between 0 and 1; abnormal: excluded as a bot, for fake orders or the like; no_consent: does not agree to profiling; legal_hold: to be forgotten, kept until a date';

-- Who is forgotten leaves a trial or an experiment without a trace; how many it were stays.
CREATE TABLE outcomes.forgotten (
    comparison text NOT NULL CHECK (comparison IN ('trial', 'experiment')),
    comparison_id text NOT NULL,
    arm text NOT NULL,
    persons_count bigint NOT NULL CHECK (persons_count > 0),
    PRIMARY KEY (comparison, comparison_id, arm)
);
COMMENT ON TABLE outcomes.forgotten IS 'one row per trial or experiment and arm: how many persons were forgotten while it was open';
COMMENT ON COLUMN outcomes.forgotten.comparison IS 'trial: of two models, see outcomes.trials; experiment: of actions, see experiments.experiments';
COMMENT ON COLUMN outcomes.forgotten.comparison_id IS 'which one';
COMMENT ON COLUMN outcomes.forgotten.arm IS 'champion or challenger; of an experiment the action';
COMMENT ON COLUMN outcomes.forgotten.persons_count IS 'persons that the arm had and that are no longer counted; nothing says who';
