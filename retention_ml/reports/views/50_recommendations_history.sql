CREATE OR REPLACE VIEW reports.recommendations_history AS
SELECT
    pointer.as_of,
    listed.customer_id,
    listed.list,
    listed.rank,
    listed.product_id,
    product.name AS product_name,
    product.category,
    listed.purchase_probability,
    (listed.expected_margin_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_margin,
    (product.price_cents / manifest.minor_units::numeric)::numeric(18, 2) AS price,
    listed.reason,
    listed.reason_code,
    listed.source,
    listed.propensity,
    manifest.method,
    manifest.caveat,
    manifest.horizon_days,
    listed.snapshot_id
FROM recommendations.published AS pointer
JOIN recommendations.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN recommendations.customer_daily AS listed ON listed.snapshot_id = pointer.snapshot_id
LEFT JOIN recommendations.product_daily AS product ON product.snapshot_id = listed.snapshot_id AND product.product_id = listed.product_id
WHERE listed.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.recommendations_history IS 'one row per published day, customer, list and rank: a product that the customer may want, and why';
COMMENT ON COLUMN reports.recommendations_history.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN reports.recommendations_history.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.recommendations_history.list IS 'again: bought before; new: never bought; mixed: of both, the most probable';
COMMENT ON COLUMN reports.recommendations_history.rank IS 'place on the list, the first is 1';
COMMENT ON COLUMN reports.recommendations_history.product_id IS 'stock code';
COMMENT ON COLUMN reports.recommendations_history.product_name IS 'name as known on the day; empty without a catalogue';
COMMENT ON COLUMN reports.recommendations_history.category IS 'shelf as known on the day; empty without a catalogue';
COMMENT ON COLUMN reports.recommendations_history.purchase_probability IS 'probability that the customer buys the product within horizon_days, 0 to 1; calibrated only where method is ranker';
COMMENT ON COLUMN reports.recommendations_history.expected_margin IS 'probability x price x margin share, in the shop''s currency; empty without a price';
COMMENT ON COLUMN reports.recommendations_history.price IS 'of one piece, in the shop''s currency: of the catalogue, else as paid lately';
COMMENT ON COLUMN reports.recommendations_history.reason IS 'the reason in words, as said to the customer';
COMMENT ON COLUMN reports.recommendations_history.reason_code IS 'kind of the reason';
COMMENT ON COLUMN reports.recommendations_history.source IS 'why it was a candidate: own, similar, best_seller or like_products';
COMMENT ON COLUMN reports.recommendations_history.propensity IS 'probability, before a lot was drawn, that the product stands there; 1 where nothing is drawn';
COMMENT ON COLUMN reports.recommendations_history.method IS 'ranker: a model fitted to this shop; frequency: what the customer bought how often, and best sellers; best_sellers: the same for all';
COMMENT ON COLUMN reports.recommendations_history.caveat IS 'what the lists lack and why, in words; empty where nothing';
COMMENT ON COLUMN reports.recommendations_history.horizon_days IS 'days from as_of within which a purchase is meant';
COMMENT ON COLUMN reports.recommendations_history.snapshot_id IS 'the run that made the lists';
