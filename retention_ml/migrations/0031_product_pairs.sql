-- Products that are bought together: one count of a day over the year before, and its rules.
CREATE TABLE recommendations.pair_counts (
    as_of date PRIMARY KEY,
    begins_on date NOT NULL,
    splits_on date NOT NULL,
    baskets_count bigint NOT NULL,
    later_baskets_count bigint NOT NULL,
    left_out_count bigint NOT NULL,
    together_min integer NOT NULL,
    customers_min integer NOT NULL,
    error_rate double precision NOT NULL CHECK (error_rate > 0 AND error_rate < 1),
    products_count bigint NOT NULL,
    tested_count bigint NOT NULL,
    counted_count bigint NOT NULL,
    rules_count bigint NOT NULL,
    measurable_count bigint NOT NULL,
    confirmed_count bigint NOT NULL,
    rows_count bigint NOT NULL,
    pairs_digest text NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    counted_at timestamptz NOT NULL,
    CHECK (begins_on < splits_on AND splits_on < as_of),
    CHECK (confirmed_count <= measurable_count AND measurable_count <= rules_count),
    CHECK (rules_count <= counted_count AND counted_count <= tested_count AND rows_count <= rules_count)
);
COMMENT ON TABLE recommendations.pair_counts IS 'one row per day on which products that are bought together were counted';
COMMENT ON COLUMN recommendations.pair_counts.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN recommendations.pair_counts.begins_on IS 'first of the earlier weeks, in which rules are looked for';
COMMENT ON COLUMN recommendations.pair_counts.splits_on IS 'first of the later weeks, which confirm them; they end before as_of';
COMMENT ON COLUMN recommendations.pair_counts.baskets_count IS 'baskets of the earlier weeks: what a known customer bought on one day';
COMMENT ON COLUMN recommendations.pair_counts.later_baskets_count IS 'baskets of the later weeks';
COMMENT ON COLUMN recommendations.pair_counts.left_out_count IS 'baskets of more than 500 products, which are not counted';
COMMENT ON COLUMN recommendations.pair_counts.together_min IS 'baskets with both products, so that a pair was looked at';
COMMENT ON COLUMN recommendations.pair_counts.customers_min IS 'customers with such a basket, so that it can be a rule';
COMMENT ON COLUMN recommendations.pair_counts.error_rate IS 'share of the rules that may be chance';
COMMENT ON COLUMN recommendations.pair_counts.products_count IS 'products in at least together_min baskets';
COMMENT ON COLUMN recommendations.pair_counts.tested_count IS 'pairs these products make: each counts as a test';
COMMENT ON COLUMN recommendations.pair_counts.counted_count IS 'pairs in at least together_min baskets; the others showed nothing';
COMMENT ON COLUMN recommendations.pair_counts.rules_count IS 'pairs that are bought together more often than chance makes them';
COMMENT ON COLUMN recommendations.pair_counts.measurable_count IS 'rules of which the later weeks would show five baskets or more, were they as the earlier ones';
COMMENT ON COLUMN recommendations.pair_counts.confirmed_count IS 'rules that are no chance in the later weeks either';
COMMENT ON COLUMN recommendations.pair_counts.rows_count IS 'rules that are stored: at most 10,000, those with most evidence';
COMMENT ON COLUMN recommendations.pair_counts.pairs_digest IS 'digest of the rules that are stored: equal inputs, equal digest';
COMMENT ON COLUMN recommendations.pair_counts.library_version IS 'version of the library';
COMMENT ON COLUMN recommendations.pair_counts.run_id IS 'the run that wrote it';
COMMENT ON COLUMN recommendations.pair_counts.counted_at IS 'when';

CREATE TABLE recommendations.product_pairs (
    as_of date NOT NULL REFERENCES recommendations.pair_counts,
    rank integer NOT NULL CHECK (rank > 0),
    product_id text NOT NULL,
    with_product_id text NOT NULL,
    name text,
    with_name text,
    baskets_count bigint NOT NULL,
    with_baskets_count bigint NOT NULL,
    together_count bigint NOT NULL,
    customers_count bigint NOT NULL,
    expected_count double precision NOT NULL,
    lift double precision NOT NULL,
    p_value double precision NOT NULL CHECK (p_value BETWEEN 0 AND 1),
    q_value double precision NOT NULL CHECK (q_value BETWEEN 0 AND 1),
    later_baskets_count bigint NOT NULL,
    later_with_baskets_count bigint NOT NULL,
    later_together_count bigint NOT NULL,
    later_expected_count double precision NOT NULL,
    later_lift double precision NOT NULL,
    later_p_value double precision NOT NULL CHECK (later_p_value BETWEEN 0 AND 1),
    is_confirmed boolean,
    PRIMARY KEY (as_of, product_id, with_product_id),
    CHECK (product_id COLLATE "C" < with_product_id COLLATE "C")
);
COMMENT ON TABLE recommendations.product_pairs IS 'one row per count and rule: two products that are bought together more often than chance makes them';
COMMENT ON COLUMN recommendations.product_pairs.as_of IS 'the day of the count';
COMMENT ON COLUMN recommendations.product_pairs.rank IS 'place by evidence, together_count x log(together_count / expected_count); the first is 1';
COMMENT ON COLUMN recommendations.product_pairs.product_id IS 'stock code, the first of the two in the order of the alphabet';
COMMENT ON COLUMN recommendations.product_pairs.with_product_id IS 'stock code of the other';
COMMENT ON COLUMN recommendations.product_pairs.name IS 'name as known on the day; empty without a catalogue';
COMMENT ON COLUMN recommendations.product_pairs.with_name IS 'name of the other';
COMMENT ON COLUMN recommendations.product_pairs.baskets_count IS 'baskets of the earlier weeks with the product';
COMMENT ON COLUMN recommendations.product_pairs.with_baskets_count IS 'with the other';
COMMENT ON COLUMN recommendations.product_pairs.together_count IS 'with both';
COMMENT ON COLUMN recommendations.product_pairs.customers_count IS 'customers whose baskets these are';
COMMENT ON COLUMN recommendations.product_pairs.expected_count IS 'baskets with both, were products chosen independently in baskets of these sizes and weeks';
COMMENT ON COLUMN recommendations.product_pairs.lift IS 'share of baskets with both, to the product of the shares with each';
COMMENT ON COLUMN recommendations.product_pairs.p_value IS 'probability of so many or more by chance: hypergeometric, in baskets_count x with_baskets_count / expected_count baskets, at most as many as there are';
COMMENT ON COLUMN recommendations.product_pairs.q_value IS 'least share of false rules at which this is one (Benjamini-Hochberg over tested_count tests)';
COMMENT ON COLUMN recommendations.product_pairs.later_baskets_count IS 'as baskets_count, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.later_with_baskets_count IS 'as with_baskets_count, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.later_together_count IS 'as together_count, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.later_expected_count IS 'as expected_count, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.later_lift IS 'as lift, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.later_p_value IS 'as p_value, of the later weeks';
COMMENT ON COLUMN recommendations.product_pairs.is_confirmed IS 'whether the later weeks show it too (q <= error_rate over the rules); empty where these could not show five baskets';
