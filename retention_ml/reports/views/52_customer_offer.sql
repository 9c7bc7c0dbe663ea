-- Filtered by snapshot, the key of both tables.
CREATE OR REPLACE VIEW reports.customer_offer AS
WITH scored AS (
    SELECT as_of, snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1
),
recommended AS (
    SELECT as_of, snapshot_id FROM recommendations.published ORDER BY as_of DESC LIMIT 1
),
best AS (
    SELECT
        listed.customer_id,
        listed.list,
        listed.product_id,
        product.name,
        listed.purchase_probability,
        listed.reason,
        listed.expected_margin_cents
    FROM recommended
    JOIN recommendations.customer_daily AS listed USING (snapshot_id)
    LEFT JOIN recommendations.product_daily AS product USING (snapshot_id, product_id)
    WHERE listed.rank = 1
)
SELECT
    scored.as_of,
    score.customer_id,
    score.risk_tier,
    score.churn_probability,
    (score.expected_value_at_risk_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    again.product_id AS again_product_id,
    again.name AS again_product_name,
    again.purchase_probability AS again_probability,
    again.reason AS again_reason,
    fresh.product_id AS new_product_id,
    fresh.name AS new_product_name,
    fresh.purchase_probability AS new_probability,
    fresh.reason AS new_reason,
    (SELECT as_of FROM recommended) AS recommended_as_of
FROM scored
JOIN scores.customer_daily AS score USING (snapshot_id)
JOIN scores.snapshots AS manifest USING (snapshot_id)
LEFT JOIN best AS again ON again.customer_id = score.customer_id AND again.list = 'again'
LEFT JOIN best AS fresh ON fresh.customer_id = score.customer_id AND fresh.list = 'new'
WHERE score.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_offer IS 'one row per scored customer of the latest published day: how much at risk, and the first product to buy again and to try';
COMMENT ON COLUMN reports.customer_offer.as_of IS 'the day of the scores';
COMMENT ON COLUMN reports.customer_offer.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_offer.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.customer_offer.churn_probability IS 'probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN reports.customer_offer.expected_value_at_risk IS 'in the shop''s currency';
COMMENT ON COLUMN reports.customer_offer.again_product_id IS 'the first product on the list again; empty without one';
COMMENT ON COLUMN reports.customer_offer.again_product_name IS 'its name';
COMMENT ON COLUMN reports.customer_offer.again_probability IS 'probability that it is bought within the horizon';
COMMENT ON COLUMN reports.customer_offer.again_reason IS 'why, in words';
COMMENT ON COLUMN reports.customer_offer.new_product_id IS 'the first product on the list new; empty without one';
COMMENT ON COLUMN reports.customer_offer.new_product_name IS 'its name';
COMMENT ON COLUMN reports.customer_offer.new_probability IS 'probability that it is bought within the horizon';
COMMENT ON COLUMN reports.customer_offer.new_reason IS 'why, in words';
COMMENT ON COLUMN reports.customer_offer.recommended_as_of IS 'the day of the lists: the latest published; empty without lists';
