-- Who was forgotten (decision 60). What is left of a person is a tombstone, which only the keys can
-- compare with a number; the rows of theirs that a ledger counted are counted as left out.
CREATE TABLE privacy.tombstones (
    tombstone text PRIMARY KEY CHECK (length(tombstone) = 32),
    ring_id text NOT NULL,
    requested_at timestamptz NOT NULL,
    erased_at timestamptz,
    run_id text NOT NULL
);
COMMENT ON TABLE privacy.tombstones IS 'one row per person who was forgotten; every later row of theirs is left out';
COMMENT ON COLUMN privacy.tombstones.tombstone IS 'HMAC of the pseudonym that the person has or would have; equal to nothing else';
COMMENT ON COLUMN privacy.tombstones.ring_id IS 'which keys it is made with; no secret';
COMMENT ON COLUMN privacy.tombstones.requested_at IS 'when it was asked for; from then on nothing of the person is taken in';
COMMENT ON COLUMN privacy.tombstones.erased_at IS 'when the last phase had ended; empty: not finished';
COMMENT ON COLUMN privacy.tombstones.run_id IS 'the run that asked';

CREATE TABLE privacy.requests (
    request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('forget', 'export', 'prove')),
    tombstone text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'done before', 'no such customer')),
    requested_at timestamptz NOT NULL,
    run_id text NOT NULL
);
COMMENT ON TABLE privacy.requests IS 'one row per person and request about them';
COMMENT ON COLUMN privacy.requests.kind IS 'forget, export or prove';
COMMENT ON COLUMN privacy.requests.tombstone IS 'the HMAC by which the person would be known if they were forgotten';
COMMENT ON COLUMN privacy.requests.outcome IS 'accepted, done before, or no such customer';
COMMENT ON COLUMN privacy.requests.requested_at IS 'when';
COMMENT ON COLUMN privacy.requests.run_id IS 'the run that asked';

CREATE TABLE privacy.erased_files (
    file_sha256 text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('emptied', 'due', 'removed')),
    lines_count bigint NOT NULL CHECK (lines_count > 0),
    erased_at timestamptz NOT NULL
);
COMMENT ON TABLE privacy.erased_files IS 'one row per archived file out of which persons were taken';
COMMENT ON COLUMN privacy.erased_files.file_sha256 IS 'the file as it was delivered';
COMMENT ON COLUMN privacy.erased_files.state IS 'emptied: their lines are empty in the copy; due: the copy cannot be written anew and goes when its batch is closed; removed: it is gone';
COMMENT ON COLUMN privacy.erased_files.lines_count IS 'lines that are empty now, or rows of theirs in a copy that goes';
COMMENT ON COLUMN privacy.erased_files.erased_at IS 'when it was last written anew, found or removed';

ALTER TABLE raw.deliveries ADD COLUMN suppressed_count bigint NOT NULL DEFAULT 0
    CHECK (suppressed_count >= 0);
COMMENT ON COLUMN raw.deliveries.suppressed_count IS 'of the rows left out, those of persons who were forgotten, before or since';

CREATE TABLE privacy.erased_rows (
    table_name text PRIMARY KEY,
    rows_count bigint NOT NULL CHECK (rows_count > 0),
    erased_at timestamptz NOT NULL,
    rewritten_at timestamptz
);
COMMENT ON TABLE privacy.erased_rows IS 'one row per table out of which rows of persons were taken, or in which they were changed';
COMMENT ON COLUMN privacy.erased_rows.table_name IS 'the table, with its schema';
COMMENT ON COLUMN privacy.erased_rows.rows_count IS 'rows, of all persons so far';
COMMENT ON COLUMN privacy.erased_rows.erased_at IS 'when the last of them went';
COMMENT ON COLUMN privacy.erased_rows.rewritten_at IS 'when the storage of the table was written anew since; empty: old bytes are still on the disk';

-- Everybody may have been forgotten.
ALTER TABLE profiles.snapshots DROP CONSTRAINT snapshots_buyers_count_check;
ALTER TABLE profiles.snapshots ADD CHECK (buyers_count >= 0);
