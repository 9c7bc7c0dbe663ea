CREATE OR REPLACE VIEW reports.risk_tier_daily AS
WITH day AS (
    SELECT pointer.as_of, pointer.snapshot_id, manifest.scored_count, manifest.tiers_by, manifest.minor_units
    FROM scores.published AS pointer
    JOIN scores.snapshots AS manifest USING (snapshot_id)
),
tier (risk_tier, tier_rank) AS (
    VALUES ('critical', 1), ('high', 2), ('medium', 3), ('low', 4)
),
tier_totals AS (
    SELECT
        snapshot_id,
        risk_tier,
        count(*) AS customers_count,
        sum(expected_value_at_risk_cents) AS value_cents,
        avg(churn_probability) AS mean_churn_probability
    FROM scores.customer_daily
    WHERE snapshot_id IN (SELECT snapshot_id FROM day)
    GROUP BY snapshot_id, risk_tier
),
entries AS (
    SELECT snapshot_id, to_tier AS risk_tier, count(*) AS customers_count
    FROM scores.tier_transitions
    GROUP BY snapshot_id, to_tier
),
departures AS (
    SELECT snapshot_id, from_tier AS risk_tier, count(*) AS customers_count
    FROM scores.tier_transitions
    GROUP BY snapshot_id, from_tier
)
SELECT
    day.as_of,
    tier.risk_tier,
    tier.tier_rank,
    coalesce(tier_totals.customers_count, 0) AS customers_count,
    coalesce(tier_totals.customers_count, 0)::double precision / nullif(day.scored_count, 0) AS customers_share,
    (coalesce(tier_totals.value_cents, 0) / day.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    tier_totals.mean_churn_probability,
    coalesce(entries.customers_count, 0) AS entered_count,
    coalesce(departures.customers_count, 0) AS left_count,
    day.snapshot_id,
    (tier_totals.value_cents / nullif(sum(tier_totals.value_cents) OVER (PARTITION BY day.as_of), 0))::double precision AS value_share,
    day.tiers_by
FROM day
CROSS JOIN tier
LEFT JOIN tier_totals ON tier_totals.snapshot_id = day.snapshot_id AND tier_totals.risk_tier = tier.risk_tier
LEFT JOIN entries ON entries.snapshot_id = day.snapshot_id AND entries.risk_tier = tier.risk_tier
LEFT JOIN departures ON departures.snapshot_id = day.snapshot_id AND departures.risk_tier = tier.risk_tier;
COMMENT ON VIEW reports.risk_tier_daily IS 'one row per published day and risk tier: how many customers, how much value, who came and went';
COMMENT ON COLUMN reports.risk_tier_daily.as_of IS 'the published day';
COMMENT ON COLUMN reports.risk_tier_daily.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.risk_tier_daily.tier_rank IS '1 critical to 4 low, to sort by';
COMMENT ON COLUMN reports.risk_tier_daily.customers_count IS 'customers in the tier on that day';
COMMENT ON COLUMN reports.risk_tier_daily.customers_share IS 'of all customers scored on that day, 0 to 1';
COMMENT ON COLUMN reports.risk_tier_daily.expected_value_at_risk IS 'sum over the customers of the tier, in the shop''s currency';
COMMENT ON COLUMN reports.risk_tier_daily.mean_churn_probability IS 'mean calibrated probability in the tier; empty where nobody is in it; where tiers go by rank, this and not the number of customers shows a bad month';
COMMENT ON COLUMN reports.risk_tier_daily.entered_count IS 'customers who came into the tier since the day published before, new ones included';
COMMENT ON COLUMN reports.risk_tier_daily.left_count IS 'customers who left the tier since the day published before, inactive ones included';
COMMENT ON COLUMN reports.risk_tier_daily.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN reports.risk_tier_daily.value_share IS 'of the value at risk with all customers of that day, 0 to 1; empty where nobody is in the tier or nothing is at risk';
COMMENT ON COLUMN reports.risk_tier_daily.tiers_by IS 'what put customers in tiers that day: probability (a level, so a tier may be empty), share (the rank by probability) or value (the rank by value at risk)';
