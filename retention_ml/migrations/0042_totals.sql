-- What a published day adds up to, stored with its publication: a page shows thirty of them.
CREATE TABLE scores.tier_totals (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    arm text NOT NULL,
    risk_tier text NOT NULL,
    probability_place integer NOT NULL CHECK (probability_place BETWEEN 0 AND 19),
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    value_at_risk_cents bigint NOT NULL,
    churn_probability_sum double precision NOT NULL,
    PRIMARY KEY (snapshot_id, arm, risk_tier, probability_place)
);
COMMENT ON TABLE scores.tier_totals IS 'one row per published snapshot, arm, risk tier and twentieth of the churn probability that has customers: sums of scores.customer_daily, written with the publication';
COMMENT ON COLUMN scores.tier_totals.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN scores.tier_totals.arm IS 'whose scores they are: champion, challenger or starter';
COMMENT ON COLUMN scores.tier_totals.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN scores.tier_totals.probability_place IS 'the twentieth in which the churn probability lies: 0 is 0 to 0.05, 19 is 0.95 to 1 with both ends';
COMMENT ON COLUMN scores.tier_totals.customers_count IS 'customers';
COMMENT ON COLUMN scores.tier_totals.value_at_risk_cents IS 'sum of their expected value at risk, in minor units';
COMMENT ON COLUMN scores.tier_totals.churn_probability_sum IS 'sum of their churn probabilities';

INSERT INTO scores.tier_totals
SELECT
    score.snapshot_id,
    score.arm,
    score.risk_tier,
    least(floor(20 * score.churn_probability), 19)::integer,
    count(*),
    sum(score.expected_value_at_risk_cents),
    sum(score.churn_probability)
FROM scores.published AS pointer
JOIN scores.customer_daily AS score USING (snapshot_id)
GROUP BY 1, 2, 3, 4;

-- How features are distributed, stored with their drift: each takes a sort of a whole day.
CREATE TABLE outcomes.distributions (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    name text NOT NULL,
    place integer NOT NULL CHECK (place > 0),
    reference_as_of date NOT NULL,
    edges double precision[] NOT NULL,
    reference_counts bigint[] NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (snapshot_id, name),
    CHECK (cardinality(reference_counts) = cardinality(edges) + 1),
    CHECK (cardinality(counts) = cardinality(edges) + 1)
);
COMMENT ON TABLE outcomes.distributions IS 'one row per published day and feature, of those that changed most: how many customers have which values, then and now';
COMMENT ON COLUMN outcomes.distributions.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN outcomes.distributions.name IS 'the feature';
COMMENT ON COLUMN outcomes.distributions.place IS '1 for the one that changed most';
COMMENT ON COLUMN outcomes.distributions.reference_as_of IS 'then: the day with whose features drift was measured';
COMMENT ON COLUMN outcomes.distributions.edges IS 'the tenths of then, rising, equal ones once: an edge belongs to the bucket below it';
COMMENT ON COLUMN outcomes.distributions.reference_counts IS 'customers then per bucket: up to each edge, and above the last; missing values are not counted';
COMMENT ON COLUMN outcomes.distributions.counts IS 'customers now, likewise';

-- The contacts of everybody are counted from the index alone.
DROP INDEX curated.campaign_contacts_customer;
CREATE INDEX campaign_contacts_sent ON curated.campaign_contacts (customer_id, event_at)
WHERE superseded_at IS NULL AND kind = 'sent' AND source <> 'actions';
