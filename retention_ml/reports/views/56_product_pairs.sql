CREATE OR REPLACE VIEW reports.product_pairs AS
SELECT
    counted.as_of,
    pair.rank,
    pair.product_id,
    pair.name AS product_name,
    pair.with_product_id,
    pair.with_name AS with_product_name,
    pair.together_count,
    pair.customers_count,
    pair.expected_count,
    pair.together_count / counted.baskets_count::double precision AS support,
    pair.together_count / pair.baskets_count::double precision AS with_share,
    pair.together_count / pair.with_baskets_count::double precision AS product_share,
    pair.lift,
    pair.p_value,
    pair.q_value,
    pair.later_together_count,
    pair.later_expected_count,
    pair.later_lift,
    pair.is_confirmed,
    counted.rules_count,
    counted.measurable_count,
    counted.confirmed_count,
    counted.confirmed_count / nullif(counted.measurable_count, 0)::double precision AS confirmed_share
FROM (SELECT * FROM recommendations.pair_counts ORDER BY as_of DESC LIMIT 1) AS counted
JOIN recommendations.product_pairs AS pair USING (as_of);
COMMENT ON VIEW reports.product_pairs IS 'one row per two products that are bought together more often than chance makes them, as counted last';
COMMENT ON COLUMN reports.product_pairs.as_of IS 'the day of the count';
COMMENT ON COLUMN reports.product_pairs.rank IS 'place by evidence, the first is 1';
COMMENT ON COLUMN reports.product_pairs.product_id IS 'stock code';
COMMENT ON COLUMN reports.product_pairs.product_name IS 'name as known on the day; empty without a catalogue';
COMMENT ON COLUMN reports.product_pairs.with_product_id IS 'stock code of the other product';
COMMENT ON COLUMN reports.product_pairs.with_product_name IS 'its name';
COMMENT ON COLUMN reports.product_pairs.together_count IS 'baskets of the earlier weeks with both; a basket is what a known customer bought on one day';
COMMENT ON COLUMN reports.product_pairs.customers_count IS 'customers whose baskets these are';
COMMENT ON COLUMN reports.product_pairs.expected_count IS 'baskets with both, were products chosen independently in baskets of these sizes and weeks';
COMMENT ON COLUMN reports.product_pairs.support IS 'share of the baskets with both, 0 to 1';
COMMENT ON COLUMN reports.product_pairs.with_share IS 'of the baskets with the product, the share with the other too, 0 to 1';
COMMENT ON COLUMN reports.product_pairs.product_share IS 'of the baskets with the other, the share with the product too, 0 to 1';
COMMENT ON COLUMN reports.product_pairs.lift IS 'support to the product of both products'' shares: 1 where they have nothing to do with each other';
COMMENT ON COLUMN reports.product_pairs.p_value IS 'probability of so many or more by chance (hypergeometric)';
COMMENT ON COLUMN reports.product_pairs.q_value IS 'least share of false rules at which this is one (Benjamini-Hochberg)';
COMMENT ON COLUMN reports.product_pairs.later_together_count IS 'as together_count, of the later weeks, which had no part in finding the rule';
COMMENT ON COLUMN reports.product_pairs.later_expected_count IS 'as expected_count, of the later weeks';
COMMENT ON COLUMN reports.product_pairs.later_lift IS 'as lift, of the later weeks';
COMMENT ON COLUMN reports.product_pairs.is_confirmed IS 'whether the later weeks show it too; empty where they hold too little to show it';
COMMENT ON COLUMN reports.product_pairs.rules_count IS 'of the whole count: rules in the earlier weeks';
COMMENT ON COLUMN reports.product_pairs.measurable_count IS 'of the whole count: those that the later weeks could show';
COMMENT ON COLUMN reports.product_pairs.confirmed_count IS 'of the whole count: those that the later weeks show';
COMMENT ON COLUMN reports.product_pairs.confirmed_share IS 'of the whole count: confirmed_count / measurable_count, 0 to 1';
