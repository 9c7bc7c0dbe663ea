-- Customers that are none: what was detected on a day, what people decided, and who is excluded.
CREATE SCHEMA abnormal;

CREATE TABLE abnormal.decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('bot', 'brusher', 'returner', 'reseller')),
    decision text NOT NULL CHECK (decision IN ('flagged', 'confirmed', 'cleared')),
    as_of date NOT NULL,
    strength double precision NOT NULL CHECK (strength >= 0),
    evidence text,
    is_excluded boolean NOT NULL,
    decided_by text NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    run_id text NOT NULL,
    CHECK (decision = 'confirmed' OR NOT is_excluded)
);
COMMENT ON TABLE abnormal.decisions IS 'append-only: one row per decision about a customer and a kind; of people''s decisions up to a day the newest counts';
COMMENT ON COLUMN abnormal.decisions.decision_id IS 'number of the decision';
COMMENT ON COLUMN abnormal.decisions.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN abnormal.decisions.kind IS 'bot, brusher (fake orders), returner or reseller';
COMMENT ON COLUMN abnormal.decisions.decision IS 'flagged: detected for the first time, or anew; confirmed, cleared: by a person, and outranks what is detected';
COMMENT ON COLUMN abnormal.decisions.as_of IS 'the day from which it holds: earlier days are replayed without it';
COMMENT ON COLUMN abnormal.decisions.strength IS 'how strongly the rule spoke then, 1 at the border; who was cleared is flagged again only where it speaks half as strongly again';
COMMENT ON COLUMN abnormal.decisions.evidence IS 'what was detected, with the customer''s own numbers; empty where nothing was';
COMMENT ON COLUMN abnormal.decisions.is_excluded IS 'confirmed, and the kind was set to be excluded';
COMMENT ON COLUMN abnormal.decisions.decided_by IS 'the person, or detect';
COMMENT ON COLUMN abnormal.decisions.reason IS 'why, in words';
COMMENT ON COLUMN abnormal.decisions.decided_at IS 'when';
COMMENT ON COLUMN abnormal.decisions.run_id IS 'the run that wrote the row';
CREATE INDEX ON abnormal.decisions (customer_id, kind);

CREATE TABLE abnormal.detections (
    detection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    window_days integer NOT NULL CHECK (window_days > 0),
    excluded_kinds text NOT NULL,
    customers_count bigint NOT NULL,
    buyers_count bigint NOT NULL,
    flagged_count bigint NOT NULL,
    confirmed_count bigint NOT NULL,
    cleared_count bigint NOT NULL,
    excluded_count bigint NOT NULL,
    alert text,
    caveat text,
    newest_decision_id bigint NOT NULL,
    rows_digest text NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    detected_at timestamptz NOT NULL,
    CHECK (excluded_count <= flagged_count + confirmed_count)
);
COMMENT ON TABLE abnormal.detections IS 'one row per detection whose result differed from the one before of its day: of a day the newest counts';
COMMENT ON COLUMN abnormal.detections.detection_id IS 'number of the detection';
COMMENT ON COLUMN abnormal.detections.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN abnormal.detections.window_days IS 'days before it that were looked at';
COMMENT ON COLUMN abnormal.detections.excluded_kinds IS 'the kinds set to be excluded, separated by commas';
COMMENT ON COLUMN abnormal.detections.customers_count IS 'customers with an order or an event in those days';
COMMENT ON COLUMN abnormal.detections.buyers_count IS 'those of them with an order';
COMMENT ON COLUMN abnormal.detections.flagged_count IS 'flagged, and nobody decided about them';
COMMENT ON COLUMN abnormal.detections.confirmed_count IS 'confirmed by a person';
COMMENT ON COLUMN abnormal.detections.cleared_count IS 'would be flagged, but a person cleared them for such evidence';
COMMENT ON COLUMN abnormal.detections.excluded_count IS 'excluded from metrics, best sellers, training and campaigns';
COMMENT ON COLUMN abnormal.detections.alert IS 'why those flagged are not excluded: there are too many; empty otherwise';
COMMENT ON COLUMN abnormal.detections.caveat IS 'which rules are off and why, in words; empty where none is';
COMMENT ON COLUMN abnormal.detections.newest_decision_id IS 'the newest decision that it knew; later ones come on top';
COMMENT ON COLUMN abnormal.detections.rows_digest IS 'digest of the rows: equal inputs, equal digest';
COMMENT ON COLUMN abnormal.detections.library_version IS 'version of the library';
COMMENT ON COLUMN abnormal.detections.run_id IS 'the run that wrote it';
COMMENT ON COLUMN abnormal.detections.detected_at IS 'when it was written';
CREATE INDEX ON abnormal.detections (as_of);

CREATE TABLE abnormal.customer_daily (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('bot', 'brusher', 'returner', 'reseller')),
    status text NOT NULL CHECK (status IN ('flagged', 'confirmed', 'cleared')),
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    strength double precision NOT NULL CHECK (strength >= 0),
    evidence text NOT NULL,
    is_excluded boolean NOT NULL,
    PRIMARY KEY (as_of, customer_id),
    CHECK (status <> 'cleared' OR NOT is_excluded)
);
COMMENT ON TABLE abnormal.customer_daily IS 'one row per day and customer who is flagged or confirmed on it, or would be flagged had nobody cleared them; replaced by day';
COMMENT ON COLUMN abnormal.customer_daily.as_of IS 'the day';
COMMENT ON COLUMN abnormal.customer_daily.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN abnormal.customer_daily.kind IS 'bot, brusher (fake orders), returner or reseller: the rule that speaks most, or what a person confirmed';
COMMENT ON COLUMN abnormal.customer_daily.status IS 'flagged, confirmed by a person, or cleared by one';
COMMENT ON COLUMN abnormal.customer_daily.score IS 'mean of the ranks by rules and by isolation forest, 1 for who is first by both';
COMMENT ON COLUMN abnormal.customer_daily.strength IS 'how strongly the rule of the kind speaks: flagged from 1 on';
COMMENT ON COLUMN abnormal.customer_daily.evidence IS 'what speaks for it, in a sentence with the customer''s own numbers';
COMMENT ON COLUMN abnormal.customer_daily.is_excluded IS 'whether the customer is left out of metrics, best sellers, training and campaigns of the day';

ALTER TABLE scores.exclusions DROP CONSTRAINT exclusions_reason_code_check;
ALTER TABLE scores.exclusions ADD CONSTRAINT exclusions_reason_code_check CHECK (reason_code IN ('no_features', 'infinite_feature', 'no_probability', 'abnormal'));
COMMENT ON COLUMN scores.exclusions.reason_code IS 'no_features: nothing that the model reads is known; infinite_feature: a feature has no finite value; no_probability: the model''s answer is no number between 0 and 1; abnormal: excluded as a bot, for fake orders or the like';
ALTER TABLE recommendations.exclusions DROP CONSTRAINT exclusions_reason_check;
ALTER TABLE recommendations.exclusions ADD CONSTRAINT exclusions_reason_check CHECK (reason IN ('no_candidate', 'all_filtered', 'abnormal'));
COMMENT ON COLUMN recommendations.exclusions.reason IS 'no_candidate: nothing was sold lately at all; all_filtered: nothing was left after the filters; abnormal: excluded as a bot, for fake orders or the like';
ALTER TABLE actions.exclusions DROP CONSTRAINT exclusions_reason_check;
ALTER TABLE actions.exclusions ADD CONSTRAINT exclusions_reason_check CHECK (reason IN ('abnormal', 'unscored', 'outside_rules', 'no_permission',
    'suppressed', 'no_address', 'fatigue', 'yearly_limit', 'recent_order', 'quota', 'no_gain',
    'budget'));
COMMENT ON COLUMN actions.exclusions.reason IS 'in this order: abnormal (a bot, fake orders or the like), unscored, outside_rules (tier or value of no action), no_permission, suppressed (bounced or complained), no_address, fatigue (contacted lately), yearly_limit, recent_order, quota (used up), no_gain (nothing pays), budget (it would pay, but others pay more)';

ALTER TABLE profiles.snapshots ADD COLUMN abnormal_count bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN profiles.snapshots.abnormal_count IS 'customers left out of everything else because they are excluded as abnormal';
