-- Rollups and features, the modelling ledgers, scores with publication by pointer.
CREATE TABLE features.rolled_up (
    delivery_id bigint PRIMARY KEY REFERENCES raw.deliveries,
    rolled_up_at timestamptz NOT NULL
);
COMMENT ON TABLE features.rolled_up IS 'one row per delivery whose rows are in the rollups';

CREATE TABLE features.builds (
    build_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    features_digest text NOT NULL,
    catalogue_sha256 text NOT NULL,
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
    matured_at timestamptz NOT NULL,
    PRIMARY KEY (as_of, definition_hash)
);
COMMENT ON TABLE models.label_windows IS 'one row per day and churn definition whose outcome window has closed and settled';

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
    status text NOT NULL CHECK (status IN ('building', 'built', 'published', 'refused')),
    epoch bigint NOT NULL,
    base_snapshot_id bigint REFERENCES scores.snapshots,
    definition_hash text NOT NULL,
    policy_sha256 text NOT NULL,
    features_digest text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    bundle_sha256 text NOT NULL,
    population_count bigint NOT NULL,
    scored_count bigint NOT NULL,
    excluded_count bigint NOT NULL,
    scores_digest text,
    reason text,
    run_id text,
    built_at timestamptz NOT NULL,
    published_at timestamptz,
    CHECK (population_count = scored_count + excluded_count)
);
COMMENT ON TABLE scores.snapshots IS 'one row per scoring run: its manifest';

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

CREATE TABLE scores.exclusions (
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    customer_id text NOT NULL,
    reason_code text NOT NULL,
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE scores.exclusions IS 'one row per active customer who was not scored, with the reason';

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

CREATE TABLE scores.published (
    as_of date PRIMARY KEY,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    epoch bigint NOT NULL,
    published_at timestamptz NOT NULL
);
COMMENT ON TABLE scores.published IS 'the pointer: one row per day, the snapshot that readers see';

CREATE TABLE scores.tier_transitions (
    as_of date NOT NULL,
    customer_id text NOT NULL,
    snapshot_id bigint NOT NULL REFERENCES scores.snapshots,
    from_tier text,
    to_tier text NOT NULL,
    churn_probability double precision NOT NULL,
    PRIMARY KEY (snapshot_id, customer_id)
);
COMMENT ON TABLE scores.tier_transitions IS 'one row per customer whose tier changed against the snapshot published before';
