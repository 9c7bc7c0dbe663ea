CREATE OR REPLACE VIEW reports.fresh_warnings AS
SELECT
    warning.warned_at,
    warning.customer_id,
    warning.kind,
    warning.risk_tier,
    warning.previous_tier,
    warning.reason,
    warning.as_of,
    CASE WHEN warning.since_at IS NULL THEN fresh.customer_id IS NOT NULL ELSE warning.ended_at IS NULL END AS is_current,
    warning.since_at,
    warning.ended_at
FROM live.warnings AS warning
LEFT JOIN scores.fresh AS fresh ON fresh.customer_id = warning.customer_id AND fresh.as_of = warning.as_of AND fresh.risk_tier = warning.risk_tier
WHERE warning.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.fresh_warnings IS 'one row per warning between two daily runs';
COMMENT ON COLUMN reports.fresh_warnings.warned_at IS 'when it was written';
COMMENT ON COLUMN reports.fresh_warnings.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.fresh_warnings.kind IS 'tier_rose: the tier is higher than that published; complaint_at_risk: a complaint of a customer in tier high or critical; overdue: silent for longer than the customer''s own rhythm; cart_left: products in a cart and no order';
COMMENT ON COLUMN reports.fresh_warnings.risk_tier IS 'the tier when it was written';
COMMENT ON COLUMN reports.fresh_warnings.previous_tier IS 'the tier published before; empty: none';
COMMENT ON COLUMN reports.fresh_warnings.reason IS 'the first reason of the fresh score, or what was left and for how long, in words';
COMMENT ON COLUMN reports.fresh_warnings.as_of IS 'the next midnight when it was written';
COMMENT ON COLUMN reports.fresh_warnings.is_current IS 'of a tier or complaint: whether the customer still has that tier, false once another event changed it or the day was published; of silence and carts: whether it lasts';
COMMENT ON COLUMN reports.fresh_warnings.since_at IS 'of silence: the last order day; of a cart: when the first of the products was put in; empty otherwise';
COMMENT ON COLUMN reports.fresh_warnings.ended_at IS 'when silence or cart was seen to be over: by an order, because products were taken out, or after a week; empty while it lasts, and otherwise';
