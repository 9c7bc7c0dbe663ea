-- The themes of reasons of a million customers took seconds to count on every look at the page Model.
CREATE TABLE scores.reason_totals (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    risk_tier text NOT NULL,
    family text NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    first_count bigint NOT NULL CHECK (first_count BETWEEN 0 AND customers_count),
    value_at_risk_cents bigint NOT NULL,
    example text NOT NULL,
    PRIMARY KEY (snapshot_id, risk_tier, family)
);
COMMENT ON TABLE scores.reason_totals IS 'one row per snapshot, risk tier and family of reasons that somebody has: counts of scores.customer_daily, written with the scores; none for snapshots made before this was kept, whose reasons are counted by whoever asks';
COMMENT ON COLUMN scores.reason_totals.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN scores.reason_totals.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN scores.reason_totals.family IS 'family of features behind the reasons, as before the stroke in reason_1_code';
COMMENT ON COLUMN scores.reason_totals.customers_count IS 'customers with a reason of the family among their three';
COMMENT ON COLUMN scores.reason_totals.first_count IS 'those of them for whom it is the first reason';
COMMENT ON COLUMN scores.reason_totals.value_at_risk_cents IS 'sum of their expected value at risk, in minor units';
COMMENT ON COLUMN scores.reason_totals.example IS 'the most frequent of its sentences; of equally frequent ones the first by its letters';
