-- Coupon codes, each given once, and the catalogues that were used, whole.
CREATE TABLE actions.coupons (
    pool text NOT NULL,
    code text NOT NULL,
    place bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    given_to text,
    as_of date,
    message_id text UNIQUE,
    given_at timestamptz,
    run_id text NOT NULL,
    PRIMARY KEY (pool, code),
    CHECK (num_nulls(given_to, as_of, message_id, given_at) IN (0, 4))
);
COMMENT ON TABLE actions.coupons IS 'one row per coupon code; a code is given once and never taken back';
COMMENT ON COLUMN actions.coupons.pool IS 'name of the pool: the file of its codes, without .txt';
COMMENT ON COLUMN actions.coupons.code IS 'the code; worth money until it is redeemed';
COMMENT ON COLUMN actions.coupons.place IS 'order in which the codes of a pool are given';
COMMENT ON COLUMN actions.coupons.loaded_at IS 'when the code was read from its file';
COMMENT ON COLUMN actions.coupons.given_to IS 'the customer who got it; empty: nobody yet';
COMMENT ON COLUMN actions.coupons.as_of IS 'the decision day on which it was given';
COMMENT ON COLUMN actions.coupons.message_id IS 'the message that carries it';
COMMENT ON COLUMN actions.coupons.given_at IS 'when it was given';
COMMENT ON COLUMN actions.coupons.run_id IS 'the run that last wrote the row';
CREATE INDEX coupons_free ON actions.coupons (pool, place) WHERE message_id IS NULL;

CREATE TABLE actions.catalogues (
    catalogue_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    catalogue_sha256 text NOT NULL,
    document jsonb NOT NULL,
    first_as_of date NOT NULL,
    stored_at timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE actions.catalogues IS 'append-only: one row whenever the actions to be had were others than before, with their templates; the newest is used while the files have a mistake';
COMMENT ON COLUMN actions.catalogues.catalogue_number IS 'counts the changes';
COMMENT ON COLUMN actions.catalogues.catalogue_sha256 IS 'digest of all actions and templates';
COMMENT ON COLUMN actions.catalogues.document IS 'actions and templates as they were read';
COMMENT ON COLUMN actions.catalogues.first_as_of IS 'the first decision day with them';
COMMENT ON COLUMN actions.catalogues.stored_at IS 'when they were stored';
COMMENT ON COLUMN actions.catalogues.run_id IS 'the run that wrote the row';
