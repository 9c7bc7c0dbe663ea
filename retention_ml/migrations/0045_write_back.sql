-- A key that is looked up for each of a million rows costs more than writing them. A snapshot's rows
-- are written in the transaction that writes its manifest; `maintenance` asks for rows without one
-- (decision 53).
ALTER TABLE scores.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE scores.tier_transitions DROP CONSTRAINT tier_transitions_snapshot_id_fkey;
ALTER TABLE recommendations.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE profiles.customer_daily DROP CONSTRAINT customer_daily_snapshot_id_fkey;
ALTER TABLE profiles.customer_value DROP CONSTRAINT customer_value_snapshot_id_fkey;

-- A list of a million customers is sorted whole to show its first hundred, so these are stored.
CREATE TABLE scores.leading_customers (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    ordered_by text NOT NULL CHECK (ordered_by IN ('value', 'probability')),
    risk_tier text NOT NULL,
    place integer NOT NULL CHECK (place > 0),
    customer_id text NOT NULL,
    PRIMARY KEY (snapshot_id, ordered_by, risk_tier, place)
);
COMMENT ON TABLE scores.leading_customers IS 'one row per snapshot, order, risk tier and place of the first thousand: the customers that a list begins with, written with the scores; none for snapshots made before this was kept';
COMMENT ON COLUMN scores.leading_customers.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN scores.leading_customers.ordered_by IS 'value: by expected value at risk, then by probability; probability: the other way round';
COMMENT ON COLUMN scores.leading_customers.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN scores.leading_customers.place IS 'place among the customers of the tier; 1 is the first';
COMMENT ON COLUMN scores.leading_customers.customer_id IS 'the shop''s customer number';

-- What became of scored customers, stored with the performance of their day.
CREATE TABLE outcomes.tier_outcomes (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    definition_hash text NOT NULL,
    risk_tier text NOT NULL,
    place integer NOT NULL CHECK (place BETWEEN 0 AND 9),
    matured_at timestamptz NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    churned_count bigint NOT NULL CHECK (churned_count BETWEEN 0 AND customers_count),
    probability_sum double precision NOT NULL,
    PRIMARY KEY (snapshot_id, definition_hash, risk_tier, place)
);
COMMENT ON TABLE outcomes.tier_outcomes IS 'one row per published snapshot, churn definition, risk tier and tenth of the churn probability that has customers: what became of them';
COMMENT ON COLUMN outcomes.tier_outcomes.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN outcomes.tier_outcomes.definition_hash IS 'the churn definition by which outcomes were counted';
COMMENT ON COLUMN outcomes.tier_outcomes.risk_tier IS 'low, medium, high or critical, as published';
COMMENT ON COLUMN outcomes.tier_outcomes.place IS 'the tenth in which the churn probability lies: 0 is 0 to 0.1, 9 is 0.9 to 1 with both ends';
COMMENT ON COLUMN outcomes.tier_outcomes.matured_at IS 'when the outcomes behind it were counted, as in models.label_windows; others are counted anew by whoever asks';
COMMENT ON COLUMN outcomes.tier_outcomes.customers_count IS 'customers whose outcome is known, without those that were excluded as abnormal';
COMMENT ON COLUMN outcomes.tier_outcomes.churned_count IS 'those of them that did not order in the outcome window';
COMMENT ON COLUMN outcomes.tier_outcomes.probability_sum IS 'sum of their churn probabilities';
