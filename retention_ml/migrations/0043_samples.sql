-- Trainings of large shops read the features of a sample of the customers (decision 50).
CREATE TABLE features.sample_builds (
    as_of date PRIMARY KEY,
    sample_share double precision NOT NULL CHECK (sample_share > 0 AND sample_share <= 1),
    features_digest text NOT NULL,
    catalogue_sha256 text NOT NULL,
    newest_rollup_id bigint NOT NULL,
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    population_count bigint NOT NULL CHECK (population_count >= customers_count),
    newest_input_at timestamptz NOT NULL,
    engine text NOT NULL,
    run_id text,
    built_at timestamptz NOT NULL
);
COMMENT ON TABLE features.sample_builds IS 'one row per day of which features.customer_sampled holds a sample of the customers, written in one transaction with its rows';
COMMENT ON COLUMN features.sample_builds.as_of IS 'the day';
COMMENT ON COLUMN features.sample_builds.sample_share IS 'share of the customers, chosen by a digest of their ids: the sample of a smaller share is part of it';
COMMENT ON COLUMN features.sample_builds.features_digest IS 'digest of all values of the sample; whoever reads it compares it';
COMMENT ON COLUMN features.sample_builds.catalogue_sha256 IS 'digest of what decides the meaning of the features, as in features.builds';
COMMENT ON COLUMN features.sample_builds.newest_rollup_id IS 'the newest pass of the rollups that the features know';
COMMENT ON COLUMN features.sample_builds.customers_count IS 'active customers in the sample';
COMMENT ON COLUMN features.sample_builds.population_count IS 'active customers of the day, whether sampled or not';
COMMENT ON COLUMN features.sample_builds.newest_input_at IS 'the newest event among the days with an order that the features know';
COMMENT ON COLUMN features.sample_builds.engine IS 'where the features were computed';
COMMENT ON COLUMN features.sample_builds.run_id IS 'the run that built them';
COMMENT ON COLUMN features.sample_builds.built_at IS 'when they were built';

CREATE TABLE features.customer_sampled (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    PRIMARY KEY (as_of, customer_id)
);
COMMENT ON TABLE features.customer_sampled IS 'one row per sampled active customer and day that a training learns from: the columns and values of features.customer_daily';
COMMENT ON COLUMN features.customer_sampled.as_of IS 'the day: what was known at its first moment';
COMMENT ON COLUMN features.customer_sampled.customer_id IS 'the shop''s customer number';
