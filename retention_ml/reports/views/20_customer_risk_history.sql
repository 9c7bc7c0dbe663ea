-- The pointer's day is shown, so that a filter on it reads the scores of these days alone.
CREATE OR REPLACE VIEW reports.customer_risk_history AS
SELECT
    score.customer_id,
    pointer.as_of,
    score.churn_probability,
    score.risk_percentile,
    score.risk_tier,
    score.tier_since,
    (score.expected_value_at_risk_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    score.reason_1_code,
    score.reason_1,
    score.reason_2_code,
    score.reason_2,
    score.reason_3_code,
    score.reason_3,
    score.model_name,
    score.model_version,
    score.arm,
    score.run_id,
    score.snapshot_id,
    score.scored_at,
    score.no_order_probability_7d,
    score.no_order_probability_14d,
    score.no_order_probability_30d,
    score.no_order_probability_60d,
    score.no_order_probability_90d,
    score.next_order_expected_on,
    score.arm <> 'starter' AS is_calibrated,
    CASE score.arm
        WHEN 'starter' THEN true
        WHEN 'challenger' THEN coalesce(manifest.challenger_as_of <= manifest.as_of, false)
        ELSE coalesce(manifest.model_as_of <= manifest.as_of, false)
    END AS is_forecast
FROM scores.published AS pointer
JOIN scores.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN scores.customer_daily AS score ON score.snapshot_id = pointer.snapshot_id
WHERE score.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_risk_history IS 'one row per scored customer and published day';
COMMENT ON COLUMN reports.customer_risk_history.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_risk_history.as_of IS 'the day the score stands for: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN reports.customer_risk_history.churn_probability IS 'probability that the customer places no order in the outcome window, 0 to 1, by the model of the customer''s arm; see is_calibrated';
COMMENT ON COLUMN reports.customer_risk_history.risk_percentile IS 'rank by churn_probability as a share of the day''s customers, above 0 to 1: 1 is the most at risk, 0.97 is at no less risk than 97 % of them; equal probabilities share the mean of their ranks';
COMMENT ON COLUMN reports.customer_risk_history.risk_tier IS 'low, medium, high or critical, with hysteresis: by a level of churn_probability, or by the rank among the day''s customers by it or by expected_value_at_risk, as tiers_by of risk_tier_daily says';
COMMENT ON COLUMN reports.customer_risk_history.tier_since IS 'the published day from which the customer has had the tier without a break';
COMMENT ON COLUMN reports.customer_risk_history.expected_value_at_risk IS 'margin expected to be lost, in the shop''s currency: churn probability x margin share x revenue expected in the value horizon if the customer is retained; that is expected purchase days (buying process) x expected payment on one (Gamma-Gamma), or revenue as lately where the model''s bundle or the customer''s history does not tell them';
COMMENT ON COLUMN reports.customer_risk_history.reason_1_code IS 'family and feature of the first reason: of what a person would call a risk the strongest push towards churn; fallback/ and a column where nothing is both a push and a risk; empty only in tier low';
COMMENT ON COLUMN reports.customer_risk_history.reason_1 IS 'the first reason in words: what is unusual against the customer''s own past or against half of the active customers; where the code is fallback/, a weak sign, the value at stake or the last order';
COMMENT ON COLUMN reports.customer_risk_history.reason_2_code IS 'family and feature of the second reason';
COMMENT ON COLUMN reports.customer_risk_history.reason_2 IS 'the second reason in words';
COMMENT ON COLUMN reports.customer_risk_history.reason_3_code IS 'family and feature of the third reason';
COMMENT ON COLUMN reports.customer_risk_history.reason_3 IS 'the third reason in words';
COMMENT ON COLUMN reports.customer_risk_history.model_name IS 'the kind of model that serves the customer';
COMMENT ON COLUMN reports.customer_risk_history.model_version IS 'its version in the model registry';
COMMENT ON COLUMN reports.customer_risk_history.arm IS 'champion or challenger: whose probability, tier, reasons and timing the customer gets; starter while the shop has no model of its own';
COMMENT ON COLUMN reports.customer_risk_history.run_id IS 'the run that wrote the score';
COMMENT ON COLUMN reports.customer_risk_history.snapshot_id IS 'the scoring run; its manifest is in scores.snapshots';
COMMENT ON COLUMN reports.customer_risk_history.scored_at IS 'when the score was computed';
COMMENT ON COLUMN reports.customer_risk_history.no_order_probability_7d IS 'probability that the customer places no order within 7 days from the first moment of as_of, 0 to 1; agrees with churn_probability at the end of the outcome window, and is calibrated on outcomes only there; empty for models that tell no timing';
COMMENT ON COLUMN reports.customer_risk_history.no_order_probability_14d IS 'the same within 14 days; never more than within 7';
COMMENT ON COLUMN reports.customer_risk_history.no_order_probability_30d IS 'the same within 30 days; never more than within 14';
COMMENT ON COLUMN reports.customer_risk_history.no_order_probability_60d IS 'the same within 60 days; never more than within 30';
COMMENT ON COLUMN reports.customer_risk_history.no_order_probability_90d IS 'the same within 90 days; never more than within 60';
COMMENT ON COLUMN reports.customer_risk_history.next_order_expected_on IS 'the day on which the next order is expected of a customer who still buys, at most three outcome windows after as_of; empty where that is less than 5 % probable';
COMMENT ON COLUMN reports.customer_risk_history.is_calibrated IS 'whether the probability was ever compared with what customers of this shop did; false for the starter model, whose order of customers counts and not its level';
COMMENT ON COLUMN reports.customer_risk_history.is_forecast IS 'whether the model knew nothing from that day on; false for a past day that a later model scored, which proves nothing about the model';
