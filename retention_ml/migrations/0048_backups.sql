-- What could be restored: the folder of backups is the truth, this is what pages and metrics read.
CREATE TABLE ops.backups (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('dump', 'base')),
    taken_at timestamptz NOT NULL,
    migration text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    files_count bigint NOT NULL CHECK (files_count > 0),
    tables_count bigint NOT NULL CHECK (tables_count >= 0),
    rows_count bigint NOT NULL CHECK (rows_count >= 0),
    verified_at timestamptz,
    drilled_at timestamptz,
    removed_at timestamptz
);
COMMENT ON TABLE ops.backups IS 'one row per backup that was taken or found in the folder of backups';
COMMENT ON COLUMN ops.backups.name IS 'its folder: when it was begun, in UTC, and its kind';
COMMENT ON COLUMN ops.backups.kind IS 'dump: all databases as pg_dump writes them; base: the data of the server, from which archived WAL is replayed';
COMMENT ON COLUMN ops.backups.taken_at IS 'when it was begun';
COMMENT ON COLUMN ops.backups.migration IS 'the last one that the warehouse had';
COMMENT ON COLUMN ops.backups.size_bytes IS 'bytes of its files, those it shares with earlier backups included';
COMMENT ON COLUMN ops.backups.files_count IS 'files';
COMMENT ON COLUMN ops.backups.tables_count IS 'tables with a digest; none for a base';
COMMENT ON COLUMN ops.backups.rows_count IS 'rows of these tables';
COMMENT ON COLUMN ops.backups.verified_at IS 'when it was last read whole and was what it was';
COMMENT ON COLUMN ops.backups.drilled_at IS 'when it was last restored for a trial, every table equal';
COMMENT ON COLUMN ops.backups.removed_at IS 'when it was seen to be gone';
