-- Filtered by snapshot, the key of every table.
CREATE OR REPLACE VIEW reports.customer_value AS
SELECT
    value.as_of,
    value.customer_id,
    profile.lifecycle_stage,
    score.risk_tier,
    value.value_tier,
    total.horizon_days,
    (value.value_cents / manifest.minor_units::numeric)::numeric(18, 2) AS value,
    (value.value_lower_cents / manifest.minor_units::numeric)::numeric(18, 2) AS value_lower,
    (value.value_upper_cents / manifest.minor_units::numeric)::numeric(18, 2) AS value_upper,
    value.expected_orders,
    (value.expected_day_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_day_amount,
    (profile.revenue_cents / manifest.minor_units::numeric)::numeric(18, 2) AS revenue,
    total.learned_share,
    total.caveat
FROM (SELECT as_of, snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN profiles.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN profiles.value_daily AS total ON total.snapshot_id = pointer.snapshot_id
JOIN profiles.customer_value AS value ON value.snapshot_id = pointer.snapshot_id
JOIN profiles.customer_daily AS profile ON profile.snapshot_id = pointer.snapshot_id AND profile.customer_id = value.customer_id
LEFT JOIN (SELECT as_of, snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1) AS scored ON true
LEFT JOIN scores.customer_daily AS score ON score.snapshot_id = scored.snapshot_id AND score.customer_id = value.customer_id
WHERE value.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_value IS 'one row per customer with an order of the latest published day: what they are expected to bring within the horizon; no row where the shop is too young';
COMMENT ON COLUMN reports.customer_value.as_of IS 'the day; the horizon begins with it';
COMMENT ON COLUMN reports.customer_value.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_value.lifecycle_stage IS 'stage by facts';
COMMENT ON COLUMN reports.customer_value.risk_tier IS 'low, medium, high or critical by the latest published scores; empty for customers who are not scored';
COMMENT ON COLUMN reports.customer_value.value_tier IS 'top, high, medium or low: by rank of the value';
COMMENT ON COLUMN reports.customer_value.horizon_days IS 'days ahead in which value counts';
COMMENT ON COLUMN reports.customer_value.value IS 'expected revenue within the horizon, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.customer_value.value_lower IS 'lower end of the 80 % interval of this one customer; do not add the ends up';
COMMENT ON COLUMN reports.customer_value.value_upper IS 'upper end; it lies below the expected value where more than 80 % of like customers bring nothing';
COMMENT ON COLUMN reports.customer_value.expected_orders IS 'days with an order expected within the horizon, by the buying process';
COMMENT ON COLUMN reports.customer_value.expected_day_amount IS 'what such a day is expected to bring, in the shop''s currency';
COMMENT ON COLUMN reports.customer_value.revenue IS 'what they brought so far, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.customer_value.learned_share IS 'weight of what past days taught beside the process of buying and spending, 0 to 1';
COMMENT ON COLUMN reports.customer_value.caveat IS 'what the values of the day lack and why, in words; empty where nothing';
