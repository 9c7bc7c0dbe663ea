-- What is recommended to whom: snapshots of a day, the pointer that readers follow, lists and products.
CREATE SCHEMA recommendations;

CREATE TABLE recommendations.bundles (
    bundle_sha256 text PRIMARY KEY,
    files jsonb NOT NULL,
    card text NOT NULL,
    stored_at timestamptz NOT NULL,
    registered_at timestamptz,
    run_id text NOT NULL
);
COMMENT ON TABLE recommendations.bundles IS 'append-only: one row per ranker that was fitted and evaluated';
COMMENT ON COLUMN recommendations.bundles.bundle_sha256 IS 'digest of the files';
COMMENT ON COLUMN recommendations.bundles.files IS 'the ranker as text files by name: trees and a manifest';
COMMENT ON COLUMN recommendations.bundles.card IS 'what it is and how good, in words (Markdown)';
COMMENT ON COLUMN recommendations.bundles.stored_at IS 'when it was stored';
COMMENT ON COLUMN recommendations.bundles.registered_at IS 'when MLflow was shown it; empty: not yet, the next fit tries again';
COMMENT ON COLUMN recommendations.bundles.run_id IS 'the run that wrote the row';

CREATE TABLE recommendations.fits (
    fit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    evaluated_on date NOT NULL,
    bundle_sha256 text NOT NULL REFERENCES recommendations.bundles,
    is_in_force boolean NOT NULL,
    reason text NOT NULL,
    evidence jsonb NOT NULL,
    run_id text NOT NULL,
    fitted_at timestamptz NOT NULL
);
COMMENT ON TABLE recommendations.fits IS 'append-only: one row per fit of the ranker and the decision whether it makes the lists; of a day the newest one up to it counts';
COMMENT ON COLUMN recommendations.fits.fit_id IS 'number of the fit';
COMMENT ON COLUMN recommendations.fits.as_of IS 'the day up to whose start the ranker knows anything';
COMMENT ON COLUMN recommendations.fits.evaluated_on IS 'the past day on which a ranker of the same making was compared with what was bought';
COMMENT ON COLUMN recommendations.fits.bundle_sha256 IS 'digest of the ranker';
COMMENT ON COLUMN recommendations.fits.is_in_force IS 'whether lists from as_of on are made with it; if not, by personal frequency';
COMMENT ON COLUMN recommendations.fits.reason IS 'why, in words';
COMMENT ON COLUMN recommendations.fits.evidence IS 'NDCG@10, recall and hit by list and method, and the paired difference with its interval';
COMMENT ON COLUMN recommendations.fits.run_id IS 'the run that wrote the row';
COMMENT ON COLUMN recommendations.fits.fitted_at IS 'when';

CREATE TABLE recommendations.snapshots (
    snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    status text NOT NULL CHECK (status IN ('built', 'published', 'refused')),
    reason text,
    epoch bigint NOT NULL,
    method text NOT NULL CHECK (method IN ('ranker', 'frequency', 'best_sellers')),
    bundle_sha256 text,
    caveat text,
    list_size integer NOT NULL CHECK (list_size > 0),
    horizon_days integer NOT NULL CHECK (horizon_days > 0),
    explore_share double precision NOT NULL CHECK (explore_share BETWEEN 0 AND 1),
    minor_units integer NOT NULL,
    features_digest text NOT NULL,
    population_count bigint NOT NULL,
    listed_count bigint NOT NULL,
    excluded_count bigint NOT NULL,
    rows_count bigint NOT NULL,
    lists_digest text NOT NULL,
    library_version text NOT NULL,
    run_id text NOT NULL,
    built_at timestamptz NOT NULL,
    published_at timestamptz,
    CHECK (population_count = listed_count + excluded_count),
    CHECK ((method = 'ranker') = (bundle_sha256 IS NOT NULL)),
    CHECK ((method = 'ranker') = (caveat IS NULL))
);
CREATE INDEX ON recommendations.snapshots (as_of);
COMMENT ON TABLE recommendations.snapshots IS 'one row per run that made the lists of a day: by which method, and what came out';
COMMENT ON COLUMN recommendations.snapshots.snapshot_id IS 'number of the run';
COMMENT ON COLUMN recommendations.snapshots.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN recommendations.snapshots.status IS 'built: nobody sees it yet; published: readers saw it; refused: an audit failed, or a newer run came first';
COMMENT ON COLUMN recommendations.snapshots.reason IS 'why it was refused; empty otherwise';
COMMENT ON COLUMN recommendations.snapshots.epoch IS 'fencing token: only the newest run of a day may publish';
COMMENT ON COLUMN recommendations.snapshots.method IS 'ranker: a model fitted to this shop; frequency: what each customer bought how often, and best sellers; best_sellers: the same for all, as too little is known';
COMMENT ON COLUMN recommendations.snapshots.bundle_sha256 IS 'digest of the ranker''s files; empty without one';
COMMENT ON COLUMN recommendations.snapshots.caveat IS 'what the lists lack and why, in words; empty where nothing';
COMMENT ON COLUMN recommendations.snapshots.list_size IS 'most products on a list';
COMMENT ON COLUMN recommendations.snapshots.horizon_days IS 'days from as_of within which a purchase is meant';
COMMENT ON COLUMN recommendations.snapshots.explore_share IS 'probability with which the last slot of a list of new products is drawn by lot';
COMMENT ON COLUMN recommendations.snapshots.minor_units IS 'smallest units in one of the currency';
COMMENT ON COLUMN recommendations.snapshots.features_digest IS 'digest of the day''s features, whose customers are the population';
COMMENT ON COLUMN recommendations.snapshots.population_count IS 'active customers of the day = listed + excluded';
COMMENT ON COLUMN recommendations.snapshots.listed_count IS 'customers with at least one product';
COMMENT ON COLUMN recommendations.snapshots.excluded_count IS 'customers without, by reason in recommendations.exclusions';
COMMENT ON COLUMN recommendations.snapshots.rows_count IS 'rows of recommendations.customer_daily';
COMMENT ON COLUMN recommendations.snapshots.lists_digest IS 'digest of all lists, products and counts: equal inputs, equal digest';
COMMENT ON COLUMN recommendations.snapshots.library_version IS 'version of the library';
COMMENT ON COLUMN recommendations.snapshots.run_id IS 'the run that wrote it';
COMMENT ON COLUMN recommendations.snapshots.built_at IS 'when it was written';
COMMENT ON COLUMN recommendations.snapshots.published_at IS 'when readers could first see it';

CREATE TABLE recommendations.published (
    as_of date PRIMARY KEY,
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    epoch bigint NOT NULL,
    published_at timestamptz NOT NULL
);
COMMENT ON TABLE recommendations.published IS 'one row per published day: the snapshot that readers see';
COMMENT ON COLUMN recommendations.published.as_of IS 'the day';
COMMENT ON COLUMN recommendations.published.snapshot_id IS 'what readers see of it';
COMMENT ON COLUMN recommendations.published.epoch IS 'fencing token of the run that published';
COMMENT ON COLUMN recommendations.published.published_at IS 'when the pointer was set';

CREATE TABLE recommendations.customer_daily (
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    list text NOT NULL CHECK (list IN ('mixed', 'again', 'new')),
    rank integer NOT NULL CHECK (rank > 0),
    product_id text NOT NULL,
    purchase_probability double precision NOT NULL,
    expected_margin_cents bigint,
    source text NOT NULL CHECK (source IN ('own', 'similar', 'best_seller', 'like_products')),
    reason_code text NOT NULL,
    reason text NOT NULL,
    propensity double precision NOT NULL CHECK (propensity > 0 AND propensity <= 1),
    PRIMARY KEY (snapshot_id, customer_id, list, rank)
);
COMMENT ON TABLE recommendations.customer_daily IS 'one row per snapshot, customer, list and rank: a product that the customer may want within horizon_days';
COMMENT ON COLUMN recommendations.customer_daily.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN recommendations.customer_daily.as_of IS 'the day';
COMMENT ON COLUMN recommendations.customer_daily.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN recommendations.customer_daily.list IS 'again: bought before; new: never bought; mixed: of both, the most probable';
COMMENT ON COLUMN recommendations.customer_daily.rank IS 'place on the list, the first is 1';
COMMENT ON COLUMN recommendations.customer_daily.product_id IS 'stock code';
COMMENT ON COLUMN recommendations.customer_daily.purchase_probability IS 'probability that the customer buys the product within horizon_days, 0 to 1; calibrated only where method is ranker';
COMMENT ON COLUMN recommendations.customer_daily.expected_margin_cents IS 'probability x price x margin share, in smallest units of money; empty without a price';
COMMENT ON COLUMN recommendations.customer_daily.source IS 'why it was a candidate: own (bought before), similar (bought by customers who bought the same), best_seller, like_products (young, and like what the customer bought)';
COMMENT ON COLUMN recommendations.customer_daily.reason_code IS 'kind of the reason';
COMMENT ON COLUMN recommendations.customer_daily.reason IS 'the reason in words, as said to the customer';
COMMENT ON COLUMN recommendations.customer_daily.propensity IS 'probability, before a lot was drawn, that the product stands there; 1 where nothing is drawn';

CREATE TABLE recommendations.product_daily (
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    as_of date NOT NULL,
    product_id text NOT NULL,
    name text,
    category text,
    buyers_count_28d bigint NOT NULL,
    buyers_count_90d bigint NOT NULL,
    best_seller_rank integer,
    again_share double precision CHECK (again_share BETWEEN 0 AND 1),
    repeat_interval_days double precision CHECK (repeat_interval_days > 0),
    first_sold_on date,
    last_sold_on date,
    price_cents bigint,
    is_sellable boolean NOT NULL,
    not_sellable_because text,
    PRIMARY KEY (snapshot_id, product_id),
    CHECK (is_sellable = (not_sellable_because IS NULL))
);
COMMENT ON TABLE recommendations.product_daily IS 'one row per snapshot and product that was a candidate for a customer';
COMMENT ON COLUMN recommendations.product_daily.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN recommendations.product_daily.as_of IS 'the day';
COMMENT ON COLUMN recommendations.product_daily.product_id IS 'stock code';
COMMENT ON COLUMN recommendations.product_daily.name IS 'name as known on the day; empty without a catalogue';
COMMENT ON COLUMN recommendations.product_daily.category IS 'shelf as known on the day; empty without a catalogue';
COMMENT ON COLUMN recommendations.product_daily.buyers_count_28d IS 'known customers who bought it in the 28 days before';
COMMENT ON COLUMN recommendations.product_daily.buyers_count_90d IS 'known customers who bought it in the 90 days before';
COMMENT ON COLUMN recommendations.product_daily.best_seller_rank IS 'place by buyers_count_28d among what can be sold, the first is 1: what a guest is shown; empty for others';
COMMENT ON COLUMN recommendations.product_daily.again_share IS 'share of its buyers who bought it on two or more days, 0 to 1; empty below min_buyers';
COMMENT ON COLUMN recommendations.product_daily.repeat_interval_days IS 'median days between two purchases by the same customer; empty below min_buyers such pauses';
COMMENT ON COLUMN recommendations.product_daily.first_sold_on IS 'first day with a sale to a known customer; empty if there was none';
COMMENT ON COLUMN recommendations.product_daily.last_sold_on IS 'newest day with a sale to a known customer; empty if there was none';
COMMENT ON COLUMN recommendations.product_daily.price_cents IS 'price of one piece: of the catalogue, else as paid in the 90 days before; empty if neither is known';
COMMENT ON COLUMN recommendations.product_daily.is_sellable IS 'whether it may stand on a list';
COMMENT ON COLUMN recommendations.product_daily.not_sellable_because IS 'excluded_product, excluded_category, not_available, out_of_stock or not_sold_lately; empty where it may be sold';

CREATE TABLE recommendations.filtered (
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    reason text NOT NULL,
    pairs_count bigint NOT NULL CHECK (pairs_count > 0),
    products_count bigint NOT NULL CHECK (products_count > 0),
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    PRIMARY KEY (snapshot_id, reason)
);
COMMENT ON TABLE recommendations.filtered IS 'one row per snapshot and reason: candidates that were taken off, each under the first reason';
COMMENT ON COLUMN recommendations.filtered.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN recommendations.filtered.reason IS 'as not_sellable_because of recommendations.product_daily, or returned (sent back by this customer and not bought since), durable (has it), not_again (bought within not_again_days)';
COMMENT ON COLUMN recommendations.filtered.pairs_count IS 'pairs of customer and product';
COMMENT ON COLUMN recommendations.filtered.products_count IS 'different products among them';
COMMENT ON COLUMN recommendations.filtered.customers_count IS 'different customers among them';

CREATE TABLE recommendations.exclusions (
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    reason text NOT NULL CHECK (reason IN ('no_candidate', 'all_filtered')),
    customers_count bigint NOT NULL CHECK (customers_count > 0),
    PRIMARY KEY (snapshot_id, reason)
);
COMMENT ON TABLE recommendations.exclusions IS 'one row per snapshot and reason: active customers who have no list';
COMMENT ON COLUMN recommendations.exclusions.snapshot_id IS 'the run that made it';
COMMENT ON COLUMN recommendations.exclusions.reason IS 'no_candidate: nothing was sold lately at all; all_filtered: nothing was left after the filters';
COMMENT ON COLUMN recommendations.exclusions.customers_count IS 'how many customers';

CREATE TABLE recommendations.audits (
    snapshot_id bigint NOT NULL REFERENCES recommendations.snapshots,
    audit text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    is_success boolean NOT NULL,
    observed text NOT NULL,
    audited_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, audit)
);
COMMENT ON TABLE recommendations.audits IS 'one row per snapshot and audit that ran before it was published, or refused';
COMMENT ON COLUMN recommendations.audits.snapshot_id IS 'the run';
COMMENT ON COLUMN recommendations.audits.audit IS 'what must hold';
COMMENT ON COLUMN recommendations.audits.severity IS 'critical: refuses the snapshot; warning: only said';
COMMENT ON COLUMN recommendations.audits.is_success IS 'whether it held';
COMMENT ON COLUMN recommendations.audits.observed IS 'what was observed, in words';
COMMENT ON COLUMN recommendations.audits.audited_at IS 'when';
