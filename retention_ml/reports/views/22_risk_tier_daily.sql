-- From the sums that are stored with the publication; per day, so that a filter on the day reads that day alone.
CREATE OR REPLACE VIEW reports.risk_tier_daily AS
SELECT
    pointer.as_of,
    tier.risk_tier,
    tier.tier_rank,
    tier.customers_count,
    tier.customers_count::double precision / nullif(manifest.scored_count, 0) AS customers_share,
    (coalesce(tier.value_cents, 0) / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    tier.mean_churn_probability,
    coalesce(moved.entered_count, 0) AS entered_count,
    coalesce(moved.left_count, 0) AS left_count,
    pointer.snapshot_id,
    (tier.value_cents / nullif(tier.value_cents_of_all, 0))::double precision AS value_share,
    manifest.tiers_by
FROM scores.published AS pointer
JOIN scores.snapshots AS manifest USING (snapshot_id)
CROSS JOIN LATERAL (
    SELECT
        place.risk_tier,
        place.tier_rank,
        coalesce(sum(total.customers_count), 0)::bigint AS customers_count,
        sum(total.value_at_risk_cents) AS value_cents,
        sum(sum(total.value_at_risk_cents)) OVER () AS value_cents_of_all,
        sum(total.churn_probability_sum) / sum(total.customers_count)::double precision AS mean_churn_probability
    FROM (VALUES ('critical', 1), ('high', 2), ('medium', 3), ('low', 4)) AS place (risk_tier, tier_rank)
    LEFT JOIN scores.tier_totals AS total ON total.snapshot_id = pointer.snapshot_id AND total.risk_tier = place.risk_tier
    GROUP BY place.risk_tier, place.tier_rank
) AS tier
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE to_tier = tier.risk_tier) AS entered_count,
        count(*) FILTER (WHERE from_tier = tier.risk_tier) AS left_count
    FROM scores.tier_transitions
    WHERE snapshot_id = pointer.snapshot_id
) AS moved ON true;
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
