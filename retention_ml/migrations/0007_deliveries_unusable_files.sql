-- Delivered files that could not be used and were not mended since: what the day lacks.
ALTER TABLE raw.batches ADD COLUMN split_from bigint REFERENCES raw.batches ON DELETE SET NULL;
COMMENT ON COLUMN raw.batches.split_from IS 'the batch that these files came in, where a critical check held them apart from it';

CREATE INDEX ON raw.deliveries (source, file_name);
CREATE VIEW raw.unusable_files AS
SELECT DISTINCT ON (file.source, file.file_name)
    file.source,
    file.feed,
    file.file_name,
    file.status,
    file.reason_code,
    file.reason,
    min(file.landed_at) OVER (PARTITION BY file.source, file.file_name) AS unusable_since,
    file.landed_at,
    file.delivery_id,
    file.batch_id
FROM raw.deliveries AS file
WHERE
    file.replay_of IS NULL
    AND (
        -- A path without a file delivered nothing; a file that was still being written comes again.
        (file.status = 'refused' AND file.reason_code NOT IN ('no_file', 'file_changed'))
        OR (
            file.status = 'held'
            AND file.delivered_count > 0
            AND (
                EXISTS (
                    SELECT FROM quarantine.rows AS waiting
                    WHERE waiting.delivery_id = file.delivery_id
                        AND waiting.reason_code = 'batch_held' AND waiting.replayed_in IS NULL
                )
                OR NOT EXISTS (
                    SELECT FROM raw.deliveries AS replay
                    WHERE replay.replay_of = file.delivery_id AND replay.status = 'accepted'
                )
            )
        )
    )
    AND NOT EXISTS (
        SELECT FROM raw.deliveries AS mended
        WHERE mended.source = file.source AND mended.file_name = file.file_name
            AND mended.replay_of IS NULL AND mended.status IN ('accepted', 'repeated')
            -- A held file that comes again keeps its number: it mends those that came before it did.
            AND (
                mended.delivery_id > file.delivery_id
                OR (mended.batch_id <> file.batch_id AND mended.loaded_at > file.landed_at)
            )
    )
ORDER BY file.source, file.file_name, file.delivery_id DESC;
COMMENT ON VIEW raw.unusable_files IS 'one row per delivered file that was refused or held, until a file of its name is accepted or its rows are replayed';
COMMENT ON COLUMN raw.unusable_files.source IS 'the source description';
COMMENT ON COLUMN raw.unusable_files.feed IS 'the feed of the source; empty where no feed expects a file of that name';
COMMENT ON COLUMN raw.unusable_files.file_name IS 'name of the file';
COMMENT ON COLUMN raw.unusable_files.status IS 'refused: it cannot be read as its source describes it; held: a critical check stopped it, its rows are in quarantine';
COMMENT ON COLUMN raw.unusable_files.reason_code IS 'why';
COMMENT ON COLUMN raw.unusable_files.reason IS 'the same in words, and what to do';
COMMENT ON COLUMN raw.unusable_files.unusable_since IS 'when a file of that name first came that could not be used';
COMMENT ON COLUMN raw.unusable_files.landed_at IS 'when the newest of them came';
COMMENT ON COLUMN raw.unusable_files.delivery_id IS 'the newest of them in raw.deliveries';
COMMENT ON COLUMN raw.unusable_files.batch_id IS 'the batch it came in';
