CREATE OR REPLACE VIEW reports.fresh_warnings AS
SELECT
    warning.warned_at,
    warning.customer_id,
    warning.kind,
    warning.risk_tier,
    warning.previous_tier,
    warning.reason,
    warning.as_of,
    fresh.customer_id IS NOT NULL AS is_current
FROM live.warnings AS warning
LEFT JOIN scores.fresh AS fresh ON fresh.customer_id = warning.customer_id AND fresh.as_of = warning.as_of AND fresh.risk_tier = warning.risk_tier
WHERE warning.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.fresh_warnings IS 'one row per warning that an event gave rise to, between two daily runs';
COMMENT ON COLUMN reports.fresh_warnings.warned_at IS 'when it was written';
COMMENT ON COLUMN reports.fresh_warnings.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.fresh_warnings.kind IS 'tier_rose: the tier is higher than that published; complaint_at_risk: a complaint of a customer in tier high or critical';
COMMENT ON COLUMN reports.fresh_warnings.risk_tier IS 'the tier that the event led to';
COMMENT ON COLUMN reports.fresh_warnings.previous_tier IS 'the tier published before; empty: none';
COMMENT ON COLUMN reports.fresh_warnings.reason IS 'the first reason of the fresh score, in words';
COMMENT ON COLUMN reports.fresh_warnings.as_of IS 'the day that the fresh score stands for';
COMMENT ON COLUMN reports.fresh_warnings.is_current IS 'whether the customer still has that tier; false once another event changed it, or the day was published';
