-- What customers will bring within a horizon, and what it was learnt from.
CREATE TABLE profiles.value_fits (
    value_fit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    horizon_days integer NOT NULL CHECK (horizon_days > 0),
    evaluated_on date NOT NULL,
    learned_share double precision NOT NULL CHECK (learned_share BETWEEN 0 AND 1),
    reason text NOT NULL,
    evidence jsonb NOT NULL,
    fit_sha256 text NOT NULL,
    files jsonb NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    fitted_at timestamptz NOT NULL,
    UNIQUE (as_of, horizon_days)
);
COMMENT ON TABLE profiles.value_fits IS 'append-only: one row per fit of customer value; it counts from its day until the next one of its horizon';
COMMENT ON COLUMN profiles.value_fits.value_fit_id IS 'number of the fit';
COMMENT ON COLUMN profiles.value_fits.as_of IS 'what was known at the start of this day is what it was learnt from';
COMMENT ON COLUMN profiles.value_fits.horizon_days IS 'days ahead in which value counts';
COMMENT ON COLUMN profiles.value_fits.evaluated_on IS 'newest past day whose horizon was over: trees proved themselves on it, and intervals come from it';
COMMENT ON COLUMN profiles.value_fits.learned_share IS 'weight of the trees beside the process of buying and spending; 0 where they did not prove themselves';
COMMENT ON COLUMN profiles.value_fits.reason IS 'why, in words';
COMMENT ON COLUMN profiles.value_fits.evidence IS 'mean absolute errors over the mean with and without trees, and how many rows were learnt from';
COMMENT ON COLUMN profiles.value_fits.fit_sha256 IS 'digest of the files';
COMMENT ON COLUMN profiles.value_fits.files IS 'trees as text, and all other numbers as JSON';
COMMENT ON COLUMN profiles.value_fits.library_version IS 'version of the library';
COMMENT ON COLUMN profiles.value_fits.run_id IS 'the run that wrote it';
COMMENT ON COLUMN profiles.value_fits.fitted_at IS 'when it was written';

CREATE TABLE profiles.customer_value (
    snapshot_id bigint NOT NULL REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    value_cents bigint NOT NULL CHECK (value_cents >= 0),
    value_lower_cents bigint NOT NULL,
    value_upper_cents bigint NOT NULL CHECK (value_upper_cents >= value_lower_cents),
    value_tier text NOT NULL CHECK (value_tier IN ('top', 'high', 'medium', 'low')),
    expected_orders double precision NOT NULL CHECK (expected_orders >= 0),
    expected_day_cents bigint NOT NULL CHECK (expected_day_cents >= 0),
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE profiles.customer_value IS 'one row per snapshot and customer with an order: what they are expected to bring within the horizon; none where the shop is too young';
COMMENT ON COLUMN profiles.customer_value.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.customer_value.as_of IS 'the day; the horizon begins with it';
COMMENT ON COLUMN profiles.customer_value.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN profiles.customer_value.value_cents IS 'expected revenue within the horizon, refunds taken off, in smallest units of money';
COMMENT ON COLUMN profiles.customer_value.value_lower_cents IS 'lower end of the 80 % interval of this one customer; 0 where a tenth or more of like customers bring nothing';
COMMENT ON COLUMN profiles.customer_value.value_upper_cents IS 'upper end; it lies below the expected value where more than 80 % bring nothing';
COMMENT ON COLUMN profiles.customer_value.value_tier IS 'top, high, medium or low: by rank among all customers with an order (profiles.value_tier_shares)';
COMMENT ON COLUMN profiles.customer_value.expected_orders IS 'days with an order expected within the horizon, by the buying process';
COMMENT ON COLUMN profiles.customer_value.expected_day_cents IS 'what such a day is expected to bring, by the customer''s and everybody''s days so far, in smallest units of money';

CREATE TABLE profiles.value_daily (
    snapshot_id bigint PRIMARY KEY REFERENCES profiles.snapshots,
    as_of date NOT NULL,
    horizon_days integer NOT NULL CHECK (horizon_days > 0),
    fit_sha256 text,
    learned_share double precision NOT NULL CHECK (learned_share BETWEEN 0 AND 1),
    level_factor double precision NOT NULL CHECK (level_factor > 0),
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    total_cents bigint,
    total_lower_cents bigint,
    total_upper_cents bigint,
    caveat text
);
COMMENT ON TABLE profiles.value_daily IS 'one row per snapshot: what all customers together are expected to bring within the horizon, and how it was computed';
COMMENT ON COLUMN profiles.value_daily.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN profiles.value_daily.as_of IS 'the day';
COMMENT ON COLUMN profiles.value_daily.horizon_days IS 'days ahead in which value counts';
COMMENT ON COLUMN profiles.value_daily.fit_sha256 IS 'the fit that counted on the day; empty where nothing could be learnt yet';
COMMENT ON COLUMN profiles.value_daily.learned_share IS 'weight of the trees beside the process of buying and spending';
COMMENT ON COLUMN profiles.value_daily.level_factor IS 'by what the process'' total was multiplied for the season ahead; 1 where last year does not say';
COMMENT ON COLUMN profiles.value_daily.customers_count IS 'rows of profiles.customer_value';
COMMENT ON COLUMN profiles.value_daily.total_cents IS 'sum of the values, in smallest units of money; empty where the shop is too young, as are the ends';
COMMENT ON COLUMN profiles.value_daily.total_lower_cents IS 'lower end of the 80 % interval of the total, by how far totals of past days were off; empty before a past day has matured';
COMMENT ON COLUMN profiles.value_daily.total_upper_cents IS 'upper end';
COMMENT ON COLUMN profiles.value_daily.caveat IS 'what the values lack and why, in words; empty where nothing';
