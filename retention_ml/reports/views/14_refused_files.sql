CREATE OR REPLACE VIEW reports.refused_files AS
SELECT
    file.delivery_id,
    file.source,
    nullif(file.feed, '') AS feed,
    file.file_name,
    file.status,
    file.reason_code,
    file.reason,
    file.landed_at,
    file.size_bytes,
    file.delivered_count AS rows_count,
    missing.delivery_id IS NOT NULL AS is_missing,
    mended.loaded_at AS mended_at
FROM raw.deliveries AS file
LEFT JOIN raw.unusable_files AS missing
    ON missing.source = file.source AND missing.file_name = file.file_name
LEFT JOIN LATERAL (
    SELECT min(later.loaded_at) AS loaded_at
    FROM raw.deliveries AS later
    WHERE later.source = file.source AND later.status = 'accepted'
        AND ((later.file_name = file.file_name AND later.delivery_id > file.delivery_id) OR later.replay_of = file.delivery_id)
) AS mended ON missing.delivery_id IS NULL
WHERE file.status IN ('refused', 'held') AND file.replay_of IS NULL
    -- A path without a file delivered nothing; a file that was still being written comes again.
    AND file.reason_code IS DISTINCT FROM 'no_file' AND file.reason_code IS DISTINCT FROM 'file_changed';
COMMENT ON VIEW reports.refused_files IS 'one row per delivered file that was refused or held, also those whose rows came later; reports.unusable_files has what is missing now';
COMMENT ON COLUMN reports.refused_files.delivery_id IS 'number of the delivered file';
COMMENT ON COLUMN reports.refused_files.source IS 'the source it came from';
COMMENT ON COLUMN reports.refused_files.feed IS 'the feed that it was for; empty where no feed expects a file of that name';
COMMENT ON COLUMN reports.refused_files.file_name IS 'name of the file';
COMMENT ON COLUMN reports.refused_files.status IS 'refused (it cannot be read) or held (a critical check stopped it; its rows are in quarantine)';
COMMENT ON COLUMN reports.refused_files.reason_code IS 'why, as a code';
COMMENT ON COLUMN reports.refused_files.reason IS 'why, and what to do';
COMMENT ON COLUMN reports.refused_files.landed_at IS 'when it came';
COMMENT ON COLUMN reports.refused_files.size_bytes IS 'its size';
COMMENT ON COLUMN reports.refused_files.rows_count IS 'rows that were read from it; 0 where it could not be read';
COMMENT ON COLUMN reports.refused_files.is_missing IS 'whether its rows are still missing';
COMMENT ON COLUMN reports.refused_files.mended_at IS 'when a file of its name, or a replay of its rows, was accepted; empty while they are missing, and where nobody needs them any more';
