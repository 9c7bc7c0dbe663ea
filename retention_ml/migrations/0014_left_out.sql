-- Rows that a source leaves out on purpose are counted, and a quarantined row says what was wrong (decision 30).
ALTER TABLE raw.deliveries ADD COLUMN left_out_count bigint NOT NULL DEFAULT 0;
ALTER TABLE raw.deliveries DROP CONSTRAINT deliveries_check;
ALTER TABLE raw.deliveries ADD CONSTRAINT deliveries_check CHECK (status NOT IN ('accepted', 'held')
    OR delivered_count = accepted_count + quarantined_count + left_out_count + duplicate_count);
COMMENT ON COLUMN raw.deliveries.left_out_count IS 'rows that the source leaves out on purpose: they are not this feed''s, or a rule says so';
COMMENT ON COLUMN raw.deliveries.delivered_count IS 'rows in the file = accepted + quarantined + left out + duplicates';

ALTER TABLE ops.receipts ADD COLUMN left_out_count bigint NOT NULL DEFAULT 0;
ALTER TABLE ops.receipts DROP CONSTRAINT receipts_check;
ALTER TABLE ops.receipts ADD CONSTRAINT receipts_check
    CHECK (read_count = written_count + quarantined_count + left_out_count + duplicate_count);
COMMENT ON COLUMN ops.receipts.read_count IS 'rows read = written + quarantined + left out + duplicates';
COMMENT ON COLUMN ops.receipts.left_out_count IS 'rows left out on purpose';

ALTER TABLE staging.rejects ADD COLUMN detail text;
ALTER TABLE quarantine.rows ADD COLUMN detail text;
COMMENT ON COLUMN staging.rejects.detail IS 'the column and the value that caused the reason, and what was expected';
COMMENT ON COLUMN quarantine.rows.detail IS 'the column and the value that caused the reason, and what was expected; empty where the reason says all';

-- A file may be read by several feeds: one of them may lack its rows while another has them.
CREATE OR REPLACE VIEW raw.unusable_files AS
SELECT DISTINCT ON (file.source, file.feed, file.file_name)
    file.source,
    file.feed,
    file.file_name,
    file.status,
    file.reason_code,
    file.reason,
    min(file.landed_at) OVER (PARTITION BY file.source, file.feed, file.file_name) AS unusable_since,
    file.landed_at,
    file.delivery_id,
    file.batch_id
FROM raw.deliveries AS file
WHERE
    file.replay_of IS NULL
    AND (
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
            AND (mended.feed = file.feed OR file.feed = '')
            AND mended.replay_of IS NULL AND mended.status IN ('accepted', 'repeated')
            AND (
                mended.delivery_id > file.delivery_id
                OR (mended.batch_id <> file.batch_id AND mended.loaded_at > file.landed_at)
            )
    )
ORDER BY file.source, file.feed, file.file_name, file.delivery_id DESC;
COMMENT ON VIEW raw.unusable_files IS 'one row per delivered file and feed that was refused or held, until a file of its name is accepted or its rows are replayed';
COMMENT ON COLUMN raw.unusable_files.unusable_since IS 'when a file of that name first came that the feed could not use';
