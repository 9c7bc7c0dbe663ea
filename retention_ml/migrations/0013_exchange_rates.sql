-- Rates by which amounts in another currency than the source's are converted.
CREATE UNLOGGED TABLE staging.exchange_rates (
    currency text NOT NULL,
    valid_from timestamptz NOT NULL,
    rate double precision NOT NULL,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.exchange_rates (batch_id);
COMMENT ON TABLE staging.exchange_rates IS 'exchange rates of batches between stage and curate: one row per currency and the day from which its rate holds, and version';
COMMENT ON COLUMN staging.exchange_rates.currency IS 'ISO 4217 code of the other currency';
COMMENT ON COLUMN staging.exchange_rates.valid_from IS 'the start of the day from which the rate holds';
COMMENT ON COLUMN staging.exchange_rates.rate IS 'what one unit of that currency is worth in the currency of the source';
COMMENT ON COLUMN staging.exchange_rates.source IS 'name of the source description';
COMMENT ON COLUMN staging.exchange_rates.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN staging.exchange_rates.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN staging.exchange_rates.batch_id IS 'the batch in raw.batches';
COMMENT ON COLUMN staging.exchange_rates.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN staging.exchange_rates.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN staging.exchange_rates.is_derived IS 'derived from another table''s row, not delivered itself';

CREATE TABLE curated.exchange_rates (
    currency text NOT NULL,
    valid_from timestamptz NOT NULL,
    rate double precision NOT NULL,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(valid_from)),
    CHECK (rate > 0)
);
COMMENT ON TABLE curated.exchange_rates IS 'one row per currency and the day from which its rate holds, and version';
COMMENT ON COLUMN curated.exchange_rates.currency IS 'ISO 4217 code of the other currency';
COMMENT ON COLUMN curated.exchange_rates.valid_from IS 'the start of the day from which the rate holds';
COMMENT ON COLUMN curated.exchange_rates.rate IS 'what one unit of that currency is worth in the currency of the source';
COMMENT ON COLUMN curated.exchange_rates.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.exchange_rates.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.exchange_rates.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.exchange_rates.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.exchange_rates.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.exchange_rates.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.exchange_rates.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.exchange_rates.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.exchange_rates.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX exchange_rates_current ON curated.exchange_rates (row_key) WHERE superseded_at IS NULL;
CREATE INDEX exchange_rates_delivery ON curated.exchange_rates (delivery_id);
CREATE INDEX exchange_rates_superseded ON curated.exchange_rates (superseded_by) WHERE superseded_by IS NOT NULL;
