CREATE OR REPLACE VIEW reports.recommendation_filters AS
SELECT
    pointer.as_of,
    filtered.reason,
    filtered.pairs_count,
    filtered.products_count,
    filtered.customers_count
FROM recommendations.published AS pointer
JOIN recommendations.filtered AS filtered USING (snapshot_id)
UNION ALL
SELECT
    pointer.as_of,
    excluded.reason,
    NULL,
    NULL,
    excluded.customers_count
FROM recommendations.published AS pointer
JOIN recommendations.exclusions AS excluded USING (snapshot_id);
COMMENT ON VIEW reports.recommendation_filters IS 'one row per published day and reason: what was taken off the lists, and which customers have none';
COMMENT ON COLUMN reports.recommendation_filters.as_of IS 'the day';
COMMENT ON COLUMN reports.recommendation_filters.reason IS 'of candidates: excluded_product, excluded_category, not_available, out_of_stock, not_sold_lately, returned, durable or not_again; of customers without a list: no_candidate, all_filtered or abnormal';
COMMENT ON COLUMN reports.recommendation_filters.pairs_count IS 'pairs of customer and product that were taken off; empty for customers without a list';
COMMENT ON COLUMN reports.recommendation_filters.products_count IS 'different products among them';
COMMENT ON COLUMN reports.recommendation_filters.customers_count IS 'different customers among them, or customers without a list';
