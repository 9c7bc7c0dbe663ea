-- Rollups and features, the modelling ledgers, scores with publication by pointer.
CREATE TABLE features.rolled_up (
    delivery_id bigint PRIMARY KEY REFERENCES raw.deliveries,
    rollup_id bigint NOT NULL,
    timezone text NOT NULL,
    rolled_up_at timestamptz NOT NULL
);
COMMENT ON TABLE features.rolled_up IS 'one row per delivery whose rows are in the rollups';
COMMENT ON COLUMN features.rolled_up.rollup_id IS 'the pass that added them: deliveries of one pass share it, later passes have higher numbers';
COMMENT ON COLUMN features.rolled_up.timezone IS 'the calendar by which the days were cut';
CREATE INDEX ON features.rolled_up (rollup_id);

CREATE TABLE features.calendar (
    utc_day bigint PRIMARY KEY,
    changes_at_second bigint NOT NULL,
    offset_before_seconds bigint NOT NULL,
    offset_after_seconds bigint NOT NULL
);
COMMENT ON TABLE features.calendar IS 'one row per day in UTC (days since 1970-01-01): what the shop''s clock adds to UTC before and after the second at which it changes; filled from calendar.timezone';

CREATE TABLE features.customer_day (
    customer_id text NOT NULL,
    event_day integer NOT NULL,
    known_from_day integer NOT NULL,
    rollup_id bigint NOT NULL,
    newest_event_at timestamptz NOT NULL,
    orders_count bigint NOT NULL,
    orders_night_count bigint NOT NULL,
    orders_morning_count bigint NOT NULL,
    orders_afternoon_count bigint NOT NULL,
    orders_evening_count bigint NOT NULL,
    returns_count bigint NOT NULL,
    cancellations_count bigint NOT NULL,
    lines_count bigint NOT NULL,
    pieces_count bigint NOT NULL,
    revenue_cents bigint NOT NULL,
    discount_cents bigint NOT NULL,
    discounted_lines_count bigint NOT NULL,
    returned_lines_count bigint NOT NULL,
    refund_cents bigint NOT NULL,
    events_count bigint NOT NULL,
    views_count bigint NOT NULL,
    carts_count bigint NOT NULL,
    cart_removals_count bigint NOT NULL,
    wishlists_count bigint NOT NULL,
    checkouts_count bigint NOT NULL,
    searches_count bigint NOT NULL,
    logins_count bigint NOT NULL,
    shares_count bigint NOT NULL,
    reviews_count bigint NOT NULL,
    sessions_count bigint NOT NULL,
    contacts_count bigint NOT NULL,
    contacts_opened_count bigint NOT NULL,
    contacts_clicked_count bigint NOT NULL,
    redemptions_count bigint NOT NULL,
    feedback_count bigint NOT NULL,
    complaints_count bigint NOT NULL,
    ratings_count bigint NOT NULL,
    rating_permille bigint NOT NULL,
    PRIMARY KEY (customer_id, event_day, known_from_day, rollup_id)
);
COMMENT ON TABLE features.customer_day IS 'one row per customer, day, day of availability and pass: additive counts and sums; a correction takes the old values away and adds the new';
COMMENT ON COLUMN features.customer_day.event_day IS 'the day on the shop''s calendar, in days since 1970-01-01';
COMMENT ON COLUMN features.customer_day.known_from_day IS 'from the start of which day it was known, in days since 1970-01-01';
COMMENT ON COLUMN features.customer_day.rollup_id IS 'the pass in features.rolled_up that added the row';
COMMENT ON COLUMN features.customer_day.newest_event_at IS 'the newest of the instants behind the row';
COMMENT ON COLUMN features.customer_day.orders_count IS 'purchases';
COMMENT ON COLUMN features.customer_day.orders_night_count IS 'purchases from 00:00 to 06:00 by the shop''s clock';
COMMENT ON COLUMN features.customer_day.orders_morning_count IS 'purchases from 06:00 to 12:00 by the shop''s clock';
COMMENT ON COLUMN features.customer_day.orders_afternoon_count IS 'purchases from 12:00 to 18:00 by the shop''s clock';
COMMENT ON COLUMN features.customer_day.orders_evening_count IS 'purchases from 18:00 to 24:00 by the shop''s clock';
COMMENT ON COLUMN features.customer_day.returns_count IS 'orders that are returns';
COMMENT ON COLUMN features.customer_day.cancellations_count IS 'orders that are cancellations';
COMMENT ON COLUMN features.customer_day.lines_count IS 'merchandise lines sold';
COMMENT ON COLUMN features.customer_day.pieces_count IS 'pieces sold';
COMMENT ON COLUMN features.customer_day.revenue_cents IS 'paid for merchandise lines sold';
COMMENT ON COLUMN features.customer_day.discount_cents IS 'taken off the list prices of lines sold';
COMMENT ON COLUMN features.customer_day.discounted_lines_count IS 'lines sold with a discount';
COMMENT ON COLUMN features.customer_day.returned_lines_count IS 'lines returned or cancelled';
COMMENT ON COLUMN features.customer_day.refund_cents IS 'given back for lines returned or cancelled';
COMMENT ON COLUMN features.customer_day.events_count IS 'things done on the site';
COMMENT ON COLUMN features.customer_day.views_count IS 'products looked at';
COMMENT ON COLUMN features.customer_day.carts_count IS 'products put into the cart';
COMMENT ON COLUMN features.customer_day.cart_removals_count IS 'products taken out of the cart';
COMMENT ON COLUMN features.customer_day.wishlists_count IS 'products put on the wish list';
COMMENT ON COLUMN features.customer_day.checkouts_count IS 'purchase events on the site';
COMMENT ON COLUMN features.customer_day.searches_count IS 'searches';
COMMENT ON COLUMN features.customer_day.logins_count IS 'logins';
COMMENT ON COLUMN features.customer_day.shares_count IS 'products shared';
COMMENT ON COLUMN features.customer_day.reviews_count IS 'reviews written';
COMMENT ON COLUMN features.customer_day.sessions_count IS 'visits begun: moments on the site with none in the 30 minutes before';
COMMENT ON COLUMN features.customer_day.contacts_count IS 'campaign contacts received';
COMMENT ON COLUMN features.customer_day.contacts_opened_count IS 'campaign contacts opened';
COMMENT ON COLUMN features.customer_day.contacts_clicked_count IS 'campaign contacts clicked';
COMMENT ON COLUMN features.customer_day.redemptions_count IS 'offers redeemed';
COMMENT ON COLUMN features.customer_day.feedback_count IS 'ratings, survey answers and complaints';
COMMENT ON COLUMN features.customer_day.complaints_count IS 'complaints';
COMMENT ON COLUMN features.customer_day.ratings_count IS 'feedback with a mark';
COMMENT ON COLUMN features.customer_day.rating_permille IS 'sum of the marks given, 0 the worst and 1000 the best of the scale';
CREATE INDEX ON features.customer_day (rollup_id);

CREATE TABLE features.customer_product_day (
    customer_id text NOT NULL,
    product_id text NOT NULL,
    event_day integer NOT NULL,
    known_from_day integer NOT NULL,
    rollup_id bigint NOT NULL,
    lines_count bigint NOT NULL,
    pieces_count bigint NOT NULL
);
COMMENT ON TABLE features.customer_product_day IS 'one row per customer, product, day, day of availability and pass: merchandise lines sold, additive like features.customer_day';
COMMENT ON COLUMN features.customer_product_day.event_day IS 'the day on the shop''s calendar, in days since 1970-01-01';
COMMENT ON COLUMN features.customer_product_day.known_from_day IS 'from the start of which day it was known, in days since 1970-01-01';
COMMENT ON COLUMN features.customer_product_day.rollup_id IS 'the pass in features.rolled_up that added the row';
COMMENT ON COLUMN features.customer_product_day.lines_count IS 'merchandise lines sold';
COMMENT ON COLUMN features.customer_product_day.pieces_count IS 'pieces sold';
CREATE INDEX ON features.customer_product_day USING brin (event_day);

CREATE TABLE features.product_category (
    product_id text NOT NULL,
    category text NOT NULL,
    known_from_day integer NOT NULL,
    rollup_id bigint NOT NULL,
    versions_count bigint NOT NULL,
    PRIMARY KEY (product_id, category, known_from_day, rollup_id)
);
COMMENT ON TABLE features.product_category IS 'one row per product, category, day of availability and pass: +1 from when the product was known to be on that shelf, -1 from when no longer';
COMMENT ON COLUMN features.product_category.known_from_day IS 'from the start of which day it was known, in days since 1970-01-01';
COMMENT ON COLUMN features.product_category.rollup_id IS 'the pass in features.rolled_up that added the row';
COMMENT ON COLUMN features.product_category.versions_count IS 'versions of the description that begin (positive) or end (negative)';

CREATE TABLE features.builds (
    build_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    features_digest text NOT NULL,
    catalogue_sha256 text NOT NULL,
    newest_rollup_id bigint NOT NULL DEFAULT 0,
    customers_count bigint NOT NULL,
    newest_input_at timestamptz,
    engine text NOT NULL,
    run_id text,
    built_at timestamptz NOT NULL
);
COMMENT ON TABLE features.builds IS 'one row per feature build: the digest of what features.customer_daily then held for the day';
CREATE INDEX ON features.builds (as_of);

CREATE TABLE features.customer_daily (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    PRIMARY KEY (as_of, customer_id)
);
COMMENT ON TABLE features.customer_daily IS 'one row per active customer and day, as it stood at the start of the day; the feature columns are added from the catalogue';

CREATE TABLE models.label_windows (
    as_of date NOT NULL,
    definition_hash text NOT NULL,
    definition jsonb NOT NULL,
    window_starts_at timestamptz NOT NULL,
    window_ends_at timestamptz NOT NULL,
    settles_at timestamptz NOT NULL,
    customers_count bigint NOT NULL,
    churned_count bigint NOT NULL,
    known_as_of date NOT NULL,
    matured_at timestamptz NOT NULL,
    PRIMARY KEY (as_of, definition_hash)
);
COMMENT ON TABLE models.label_windows IS 'one row per day and churn definition whose outcome window has closed and settled';
COMMENT ON COLUMN models.label_windows.known_as_of IS 'the labels are what was known at the start of this day; later knowledge replaces earlier';

CREATE TABLE models.labels (
    as_of date NOT NULL,
    definition_hash text NOT NULL,
    customer_id text NOT NULL,
    is_churned boolean NOT NULL,
    PRIMARY KEY (as_of, definition_hash, customer_id)
);
COMMENT ON TABLE models.labels IS 'one row per active customer, day and churn definition: did the customer stay away';

CREATE TABLE models.trainings (
    training_id text PRIMARY KEY,
    as_of date NOT NULL,
    definition_hash text NOT NULL,
    cutoffs date[] NOT NULL,
    evaluation_days date[] NOT NULL,
    final_days date[] NOT NULL,
    data_digest text NOT NULL,
    status text NOT NULL CHECK (status IN ('prepared', 'selected', 'failed')),
    selected_model text,
    verdict text,
    reason text,
    model_version text,
    readiness jsonb NOT NULL,
    run_id text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);
COMMENT ON TABLE models.trainings IS 'one row per training: what it learnt from, which candidate it chose and why';

CREATE TABLE models.fits (
    training_id text NOT NULL REFERENCES models.trainings,
    model_name text NOT NULL,
    params jsonb NOT NULL,
    notes jsonb NOT NULL,
    bundle_sha256 text NOT NULL,
    mlflow_run_id text NOT NULL,
    seconds double precision NOT NULL,
    fitted_at timestamptz NOT NULL,
    PRIMARY KEY (training_id, model_name)
);
COMMENT ON TABLE models.fits IS 'one row per training and candidate: the settings it chose, and the digest of what it learnt before the days it is judged on';

CREATE TABLE models.evaluation_predictions (
    training_id text NOT NULL,
    model_name text NOT NULL,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    churn_probability double precision NOT NULL CHECK (churn_probability BETWEEN 0 AND 1),
    PRIMARY KEY (training_id, model_name, as_of, customer_id),
    FOREIGN KEY (training_id, model_name) REFERENCES models.fits
);
COMMENT ON TABLE models.evaluation_predictions IS 'one row per training, candidate, day judged on and active customer';

CREATE TABLE models.evaluations (
    training_id text NOT NULL REFERENCES models.trainings,
    model_name text NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    lower double precision,
    upper double precision,
    customers_count bigint NOT NULL,
    mlflow_run_id text,
    PRIMARY KEY (training_id, model_name, metric)
);
COMMENT ON TABLE models.evaluations IS 'one row per training, candidate and metric on days after those it learnt from, with a 95 % interval';

CREATE TABLE models.promotions (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alias text NOT NULL CHECK (alias IN ('champion', 'challenger')),
    model_name text NOT NULL,
    model_version text NOT NULL,
    bundle_sha256 text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('promote', 'keep', 'inconclusive', 'rollback', 'follow', 'refuse')),
    decided_by text NOT NULL,
    reason text NOT NULL,
    evidence jsonb NOT NULL,
    training_id text,
    decided_at timestamptz NOT NULL
);
COMMENT ON TABLE models.promotions IS 'append-only: one row per decision about an alias, with who, why and the evidence';

CREATE TABLE scores.snapshots (
    snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    status text NOT NULL CHECK (status IN ('built', 'published', 'refused')),
    epoch bigint NOT NULL,
    base_snapshot_id bigint REFERENCES scores.snapshots,
    definition_hash text NOT NULL,
    policy_sha256 text NOT NULL,
    features_digest text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    bundle_sha256 text NOT NULL,
    promotion_id bigint,
    challenger_version text,
    challenger_bundle_sha256 text,
    library_version text NOT NULL,
    population_count bigint NOT NULL,
    scored_count bigint NOT NULL,
    excluded_count bigint NOT NULL,
    scores_digest text NOT NULL,
    reason text,
    run_id text NOT NULL,
    built_at timestamptz NOT NULL,
    published_at timestamptz,
    CHECK (population_count = scored_count + excluded_count)
);
COMMENT ON TABLE scores.snapshots IS 'one row per scoring run: its manifest';
COMMENT ON COLUMN scores.snapshots.snapshot_id IS 'number of the scoring run';
COMMENT ON COLUMN scores.snapshots.as_of IS 'the day the scores stand for: its first moment in the shop''s time zone';
COMMENT ON COLUMN scores.snapshots.status IS 'built: written, not yet visible; published: readers saw or see it; refused: an audit, a fence or a newer base stopped it';
COMMENT ON COLUMN scores.snapshots.epoch IS 'the fence of the day when scoring began; only the newest may publish';
COMMENT ON COLUMN scores.snapshots.base_snapshot_id IS 'the snapshot published for the day before, from which tiers went on';
COMMENT ON COLUMN scores.snapshots.definition_hash IS 'the churn definition that the model predicts';
COMMENT ON COLUMN scores.snapshots.policy_sha256 IS 'digest of the tier policy';
COMMENT ON COLUMN scores.snapshots.features_digest IS 'the features that were scored, as in features.builds';
COMMENT ON COLUMN scores.snapshots.model_name IS 'registered name of the champion';
COMMENT ON COLUMN scores.snapshots.model_version IS 'registered version of the champion';
COMMENT ON COLUMN scores.snapshots.bundle_sha256 IS 'digest of the champion''s files';
COMMENT ON COLUMN scores.snapshots.promotion_id IS 'the newest decision about the champion in models.promotions when scoring began';
COMMENT ON COLUMN scores.snapshots.challenger_version IS 'the model that scored in shadow; empty if there was none';
COMMENT ON COLUMN scores.snapshots.challenger_bundle_sha256 IS 'digest of the challenger''s files';
COMMENT ON COLUMN scores.snapshots.library_version IS 'version of this library';
COMMENT ON COLUMN scores.snapshots.population_count IS 'active customers of the day = scored + excluded';
COMMENT ON COLUMN scores.snapshots.scored_count IS 'customers with a score';
COMMENT ON COLUMN scores.snapshots.excluded_count IS 'active customers without one, each with a reason in scores.exclusions';
COMMENT ON COLUMN scores.snapshots.scores_digest IS 'digest of all that a reader sees except stamps: equal input, equal digest';
COMMENT ON COLUMN scores.snapshots.reason IS 'why it was refused';
COMMENT ON COLUMN scores.snapshots.run_id IS 'the run that wrote it';
COMMENT ON COLUMN scores.snapshots.built_at IS 'when it was written';
COMMENT ON COLUMN scores.snapshots.published_at IS 'when it was published';
CREATE INDEX ON scores.snapshots (as_of);

CREATE TABLE scores.customer_daily (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    churn_probability double precision NOT NULL CHECK (churn_probability BETWEEN 0 AND 1),
    risk_percentile double precision NOT NULL CHECK (risk_percentile BETWEEN 0 AND 1),
    risk_tier text NOT NULL,
    tier_since date NOT NULL,
    expected_value_at_risk_cents bigint NOT NULL,
    reason_1_code text,
    reason_1 text,
    reason_2_code text,
    reason_2 text,
    reason_3_code text,
    reason_3 text,
    challenger_probability double precision CHECK (challenger_probability BETWEEN 0 AND 1),
    arm text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    run_id text NOT NULL,
    scored_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE scores.customer_daily IS 'one row per scored customer and snapshot; append-only history';
COMMENT ON COLUMN scores.customer_daily.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN scores.customer_daily.as_of IS 'the day the score stands for';
COMMENT ON COLUMN scores.customer_daily.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN scores.customer_daily.churn_probability IS 'calibrated probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN scores.customer_daily.risk_percentile IS 'share of customers at no greater risk, 0 to 1; 1 is the most at risk';
COMMENT ON COLUMN scores.customer_daily.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN scores.customer_daily.tier_since IS 'the published day from which the customer has had the tier without a break';
COMMENT ON COLUMN scores.customer_daily.expected_value_at_risk_cents IS 'probability x margin share x revenue of the value horizon, in minor units';
COMMENT ON COLUMN scores.customer_daily.reason_1_code IS 'family and feature of the strongest push towards churn; empty if nothing pushes there';
COMMENT ON COLUMN scores.customer_daily.reason_1 IS 'the strongest reason in words';
COMMENT ON COLUMN scores.customer_daily.reason_2_code IS 'family and feature of the second reason';
COMMENT ON COLUMN scores.customer_daily.reason_2 IS 'the second reason in words';
COMMENT ON COLUMN scores.customer_daily.reason_3_code IS 'family and feature of the third reason';
COMMENT ON COLUMN scores.customer_daily.reason_3 IS 'the third reason in words';
COMMENT ON COLUMN scores.customer_daily.challenger_probability IS 'what the challenger said in shadow; acted on by nobody';
COMMENT ON COLUMN scores.customer_daily.arm IS 'the model whose probability counts for this customer: champion or challenger';
COMMENT ON COLUMN scores.customer_daily.model_name IS 'registered name of that model';
COMMENT ON COLUMN scores.customer_daily.model_version IS 'registered version of that model';
COMMENT ON COLUMN scores.customer_daily.run_id IS 'the run that wrote the score';
COMMENT ON COLUMN scores.customer_daily.scored_at IS 'when the score was computed';

CREATE TABLE scores.exclusions (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    customer_id text NOT NULL,
    reason_code text NOT NULL CHECK (reason_code IN ('no_features', 'infinite_feature', 'no_probability')),
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE scores.exclusions IS 'one row per active customer who was not scored, with the reason';
COMMENT ON COLUMN scores.exclusions.snapshot_id IS 'the scoring run';
COMMENT ON COLUMN scores.exclusions.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN scores.exclusions.reason_code IS 'no_features: nothing that the model reads is known; infinite_feature: a feature has no finite value; no_probability: the model''s answer is no number between 0 and 1';

CREATE TABLE scores.audits (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    audit text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'critical')),
    is_success boolean NOT NULL,
    observed text NOT NULL,
    audited_at timestamptz NOT NULL,
    PRIMARY KEY (snapshot_id, audit)
);
COMMENT ON TABLE scores.audits IS 'one row per audit that ran inside the publishing transaction';
COMMENT ON COLUMN scores.audits.snapshot_id IS 'the scoring run that was audited';
COMMENT ON COLUMN scores.audits.audit IS 'what was asked';
COMMENT ON COLUMN scores.audits.severity IS 'critical: a failure refuses the snapshot; warning: it is noted';
COMMENT ON COLUMN scores.audits.is_success IS 'whether all was well';
COMMENT ON COLUMN scores.audits.observed IS 'what was seen, in words';
COMMENT ON COLUMN scores.audits.audited_at IS 'when it ran';

CREATE TABLE scores.published (
    as_of date PRIMARY KEY,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    epoch bigint NOT NULL,
    published_at timestamptz NOT NULL
);
COMMENT ON TABLE scores.published IS 'the pointer: one row per day, the snapshot that readers see';
COMMENT ON COLUMN scores.published.as_of IS 'the day';
COMMENT ON COLUMN scores.published.snapshot_id IS 'the scoring run that readers of the day see';
COMMENT ON COLUMN scores.published.epoch IS 'the fence under which it was published';
COMMENT ON COLUMN scores.published.published_at IS 'when the pointer was last moved';

CREATE TABLE scores.tier_transitions (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    from_tier text,
    to_tier text,
    churn_probability double precision,
    PRIMARY KEY (snapshot_id, customer_id),
    CHECK (from_tier IS DISTINCT FROM to_tier)
);
COMMENT ON TABLE scores.tier_transitions IS 'one row per customer whose tier changed against the snapshot published before';
COMMENT ON COLUMN scores.tier_transitions.as_of IS 'the day from which the change counts';
COMMENT ON COLUMN scores.tier_transitions.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN scores.tier_transitions.snapshot_id IS 'the scoring run that made the change';
COMMENT ON COLUMN scores.tier_transitions.from_tier IS 'the tier before; empty for customers who were not scored';
COMMENT ON COLUMN scores.tier_transitions.to_tier IS 'the tier from now on; empty for customers who are no longer active';
COMMENT ON COLUMN scores.tier_transitions.churn_probability IS 'the new probability; empty for customers who are no longer active';
