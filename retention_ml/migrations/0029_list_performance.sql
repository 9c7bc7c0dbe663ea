-- What became of published lists of recommended products, beside two simple lists for the same customers.
CREATE TABLE outcomes.list_performance (
    as_of date NOT NULL,
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    method text NOT NULL CHECK (method IN ('published', 'personal_frequency', 'best_sellers')),
    list text NOT NULL CHECK (list IN ('mixed', 'again', 'new')),
    metric text NOT NULL CHECK (metric IN ('ndcg', 'recall', 'hit', 'coverage')),
    value double precision NOT NULL,
    lower double precision,
    upper double precision,
    difference double precision,
    difference_lower double precision,
    difference_upper double precision,
    customers_count bigint NOT NULL CHECK (customers_count >= 0),
    known_as_of date NOT NULL,
    measured_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, method, list, metric)
);
CREATE INDEX ON outcomes.list_performance (as_of);
COMMENT ON TABLE outcomes.list_performance IS 'one row per published day, method, list and metric: what the lists were worth once it was known what was bought';
COMMENT ON COLUMN outcomes.list_performance.as_of IS 'the day of the lists';
COMMENT ON COLUMN outcomes.list_performance.snapshot_id IS 'the run that made the published lists';
COMMENT ON COLUMN outcomes.list_performance.method IS 'published: what customers were shown; personal_frequency, best_sellers: what the simple methods would have listed for the same customers, from what was known on the day';
COMMENT ON COLUMN outcomes.list_performance.list IS 'again: bought before the day; new: never bought; mixed: of both';
COMMENT ON COLUMN outcomes.list_performance.metric IS 'ndcg, recall, hit (anything bought) of the first ten ranks, means over customers; coverage: share of the products known on the day that are on any list';
COMMENT ON COLUMN outcomes.list_performance.value IS 'the metric, 0 to 1';
COMMENT ON COLUMN outcomes.list_performance.lower IS 'lower end of the 95 % interval over customers; empty for coverage, and without customers';
COMMENT ON COLUMN outcomes.list_performance.upper IS 'upper end of the 95 % interval';
COMMENT ON COLUMN outcomes.list_performance.difference IS 'published minus this method, customer by customer; empty for published and for coverage';
COMMENT ON COLUMN outcomes.list_performance.difference_lower IS 'lower end of its 95 % interval';
COMMENT ON COLUMN outcomes.list_performance.difference_upper IS 'upper end of its 95 % interval';
COMMENT ON COLUMN outcomes.list_performance.customers_count IS 'customers with a list who bought something of its kind within horizon_days';
COMMENT ON COLUMN outcomes.list_performance.known_as_of IS 'purchases are what was known at the start of this day';
COMMENT ON COLUMN outcomes.list_performance.measured_at IS 'when it was measured';
