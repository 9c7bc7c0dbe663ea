CREATE OR REPLACE VIEW reports.unusable_files AS
SELECT source, nullif(feed, '') AS feed, file_name, status, reason_code, reason, unusable_since, landed_at
FROM raw.unusable_files AS file
WHERE
    feed <> ''
    -- No feed lacks its rows, so nothing will ever mend it.
    OR landed_at > (
        SELECT max(newest.landed_at) - interval '7 days' FROM raw.deliveries AS newest
        WHERE newest.source = file.source
    );
COMMENT ON VIEW reports.unusable_files IS 'one row per delivered file whose rows are missing: refused or held, until a file of its name is accepted or its rows are replayed; one that no feed expects until the source delivers a week later';
COMMENT ON COLUMN reports.unusable_files.source IS 'the source it came from';
COMMENT ON COLUMN reports.unusable_files.feed IS 'the feed that lacks its rows; empty where no feed expects a file of that name';
COMMENT ON COLUMN reports.unusable_files.file_name IS 'name of the file';
COMMENT ON COLUMN reports.unusable_files.status IS 'refused (it cannot be read) or held (a critical check stopped it; its rows are in quarantine)';
COMMENT ON COLUMN reports.unusable_files.reason_code IS 'why, as a code';
COMMENT ON COLUMN reports.unusable_files.reason IS 'why, and what to do';
COMMENT ON COLUMN reports.unusable_files.unusable_since IS 'when a file of that name first came that could not be used';
COMMENT ON COLUMN reports.unusable_files.landed_at IS 'when the newest of them came';
