CREATE OR REPLACE VIEW reports.recommended_products AS
SELECT
    product.as_of,
    product.product_id,
    product.name AS product_name,
    product.category,
    coalesce(listed.customers_count, 0) AS customers_count,
    product.best_seller_rank,
    product.buyers_count_28d,
    product.buyers_count_90d,
    product.again_share,
    product.repeat_interval_days,
    product.first_sold_on,
    product.last_sold_on,
    (product.price_cents / manifest.minor_units::numeric)::numeric(18, 2) AS price,
    product.is_sellable,
    product.not_sellable_because
FROM (SELECT as_of, snapshot_id FROM recommendations.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN recommendations.snapshots AS manifest USING (snapshot_id)
JOIN recommendations.product_daily AS product USING (snapshot_id)
LEFT JOIN (
    SELECT snapshot_id, product_id, count(DISTINCT customer_id) AS customers_count
    FROM recommendations.customer_daily
    WHERE snapshot_id = (SELECT snapshot_id FROM recommendations.published ORDER BY as_of DESC LIMIT 1)
    GROUP BY 1, 2
) AS listed USING (snapshot_id, product_id);
COMMENT ON VIEW reports.recommended_products IS 'one row per product that was a candidate on the latest published day: how many customers it is offered to, how it sells, and why it is not offered';
COMMENT ON COLUMN reports.recommended_products.as_of IS 'the day';
COMMENT ON COLUMN reports.recommended_products.product_id IS 'stock code';
COMMENT ON COLUMN reports.recommended_products.product_name IS 'name as known on the day; empty without a catalogue';
COMMENT ON COLUMN reports.recommended_products.category IS 'shelf as known on the day; empty without a catalogue';
COMMENT ON COLUMN reports.recommended_products.customers_count IS 'customers with the product on one of their lists';
COMMENT ON COLUMN reports.recommended_products.best_seller_rank IS 'place by buyers of the last 28 days among what can be sold, the first is 1: what a guest is shown';
COMMENT ON COLUMN reports.recommended_products.buyers_count_28d IS 'known customers who bought it in the 28 days before';
COMMENT ON COLUMN reports.recommended_products.buyers_count_90d IS 'known customers who bought it in the 90 days before';
COMMENT ON COLUMN reports.recommended_products.again_share IS 'share of its buyers who bought it on two or more days, 0 to 1; empty below min_buyers';
COMMENT ON COLUMN reports.recommended_products.repeat_interval_days IS 'median days between two purchases by the same customer; empty where too few';
COMMENT ON COLUMN reports.recommended_products.first_sold_on IS 'first day with a sale to a known customer';
COMMENT ON COLUMN reports.recommended_products.last_sold_on IS 'newest day with a sale to a known customer';
COMMENT ON COLUMN reports.recommended_products.price IS 'of one piece, in the shop''s currency: of the catalogue, else as paid lately';
COMMENT ON COLUMN reports.recommended_products.is_sellable IS 'whether it may stand on a list';
COMMENT ON COLUMN reports.recommended_products.not_sellable_because IS 'excluded_product, excluded_category, not_available, out_of_stock or not_sold_lately';
