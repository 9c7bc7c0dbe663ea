-- Schemas, the load ledger, quarantine, check results, receipts and fences.
CREATE SCHEMA raw;
CREATE SCHEMA staging;
CREATE SCHEMA quarantine;
CREATE SCHEMA curated;
CREATE SCHEMA quality;
CREATE SCHEMA features;
CREATE SCHEMA models;
CREATE SCHEMA scores;

CREATE TABLE raw.batches (
    batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    is_history boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('landed', 'staged', 'checked', 'curated', 'held')),
    reason text,
    run_id text,
    created_at timestamptz NOT NULL,
    closed_at timestamptz
);
COMMENT ON TABLE raw.batches IS 'one row per ingest call: the files that are checked and curated together';

CREATE TABLE raw.deliveries (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id bigint NOT NULL REFERENCES raw.batches,
    source text NOT NULL,
    feed text NOT NULL,
    file_name text NOT NULL,
    file_sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    mapping_sha256 text NOT NULL,
    columns_found text,
    is_history boolean NOT NULL,
    replay_of bigint REFERENCES raw.deliveries,
    status text NOT NULL CHECK (status IN ('landed', 'staged', 'accepted', 'held', 'refused', 'repeated')),
    reason_code text,
    reason text,
    delivered_count bigint NOT NULL DEFAULT 0,
    accepted_count bigint NOT NULL DEFAULT 0,
    quarantined_count bigint NOT NULL DEFAULT 0,
    duplicate_count bigint NOT NULL DEFAULT 0,
    corrected_count bigint NOT NULL DEFAULT 0,
    landed_at timestamptz NOT NULL,
    loaded_at timestamptz,
    CHECK (status NOT IN ('accepted', 'held') OR delivered_count = accepted_count + quarantined_count + duplicate_count)
);
COMMENT ON TABLE raw.deliveries IS 'one row per delivered file (or replay of quarantined rows): what became of it';
COMMENT ON COLUMN raw.deliveries.columns_found IS 'the column names of the file in file order, as a JSON list';
COMMENT ON COLUMN raw.deliveries.status IS 'repeated: the same bytes were accepted before, nothing was read; refused: the file could not be read as its source describes it; held: a critical check stopped the batch';
COMMENT ON COLUMN raw.deliveries.corrected_count IS 'of the accepted rows, how many replaced an earlier version';
CREATE UNIQUE INDEX deliveries_once ON raw.deliveries (source, feed, file_sha256)
    WHERE status IN ('accepted', 'held') AND replay_of IS NULL;
CREATE INDEX ON raw.deliveries (batch_id);

CREATE UNLOGGED TABLE staging.rejects (
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    raw_text text NOT NULL,
    raw_bytes bytea,
    reason_code text NOT NULL
);
CREATE INDEX ON staging.rejects (batch_id);

CREATE TABLE quarantine.rows (
    delivery_id bigint NOT NULL REFERENCES raw.deliveries,
    line_number bigint NOT NULL,
    source text NOT NULL,
    feed text NOT NULL,
    file_sha256 text NOT NULL,
    raw_text text NOT NULL,
    raw_bytes bytea,
    reason_code text NOT NULL,
    quarantined_at timestamptz NOT NULL,
    replayed_in bigint REFERENCES raw.deliveries,
    PRIMARY KEY (delivery_id, line_number)
);
COMMENT ON TABLE quarantine.rows IS 'one row per delivered row that could not be used, as it was delivered, with the reason';
COMMENT ON COLUMN quarantine.rows.raw_bytes IS 'the bytes as delivered, only where raw_text cannot hold them exactly';
COMMENT ON COLUMN quarantine.rows.replayed_in IS 'the delivery in which the row was tried again';

CREATE TABLE quality.results (
    batch_id bigint,
    as_of date,
    run_id text,
    suite text NOT NULL,
    expectation text NOT NULL,
    expected text NOT NULL,
    column_name text,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    is_success boolean NOT NULL,
    element_count bigint,
    unexpected_count bigint,
    observed text,
    reason text NOT NULL,
    checked_at timestamptz NOT NULL
);
COMMENT ON TABLE quality.results IS 'one row per expectation and validation';
CREATE INDEX ON quality.results (batch_id);

CREATE SCHEMA ops;
CREATE TABLE ops.receipts (
    receipt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    door text NOT NULL,
    as_of date,
    read_count bigint NOT NULL,
    written_count bigint NOT NULL,
    quarantined_count bigint NOT NULL,
    duplicate_count bigint NOT NULL,
    seconds double precision NOT NULL,
    run_id text,
    details jsonb NOT NULL,
    finished_at timestamptz NOT NULL,
    CHECK (read_count = written_count + quarantined_count + duplicate_count)
);
COMMENT ON TABLE ops.receipts IS 'one row per finished door: what it read and what became of it';

CREATE TABLE ops.fences (
    name text PRIMARY KEY,
    epoch bigint NOT NULL
);
COMMENT ON TABLE ops.fences IS 'one row per thing that only the newest holder may write: its epoch';
