-- What persons agreed to, per purpose and time (decision 62). Which channels a shop may use stays in
-- curated.contact_permissions: a refusal to be contacted here silences all of them.
CREATE TABLE privacy.consents (
    customer_id text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('contact', 'profiling')),
    is_given boolean NOT NULL,
    event_at timestamptz NOT NULL CHECK (isfinite(event_at)),
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (customer_id, purpose, event_at, is_given),
    CHECK (event_at <= recorded_at)
);
COMMENT ON TABLE privacy.consents IS 'one row per statement of a person on what may be done with their data; the newest of a purpose counts, of one moment the forbidding one; only added to';
COMMENT ON COLUMN privacy.consents.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN privacy.consents.purpose IS 'contact: being written to, on whatever channel; profiling: being scored';
COMMENT ON COLUMN privacy.consents.is_given IS 'whether they agreed; false: refused or withdrew';
COMMENT ON COLUMN privacy.consents.event_at IS 'when they said so';
COMMENT ON COLUMN privacy.consents.recorded_at IS 'when the platform learnt of it';
COMMENT ON COLUMN privacy.consents.recorded_by IS 'who typed it in';
COMMENT ON COLUMN privacy.consents.run_id IS 'the run that did it';

ALTER TABLE scores.exclusions DROP CONSTRAINT exclusions_reason_code_check;
ALTER TABLE scores.exclusions ADD CONSTRAINT exclusions_reason_code_check CHECK (reason_code IN ('no_features', 'infinite_feature', 'no_probability', 'abnormal', 'no_consent'));
COMMENT ON COLUMN scores.exclusions.reason_code IS 'no_features: nothing that the model reads is known; infinite_feature: a feature has no finite value; no_probability: the model''s answer is no number between 0 and 1; abnormal: excluded as a bot, for fake orders or the like; no_consent: does not agree to profiling';

-- What is kept for a while only.
ALTER TABLE quarantine.rows ADD COLUMN expired_at timestamptz;
COMMENT ON COLUMN quarantine.rows.expired_at IS 'when its text was deleted because it was kept long enough; empty: it is there';
ALTER TABLE actions.outbox ADD COLUMN expired_content_at timestamptz;
COMMENT ON COLUMN actions.outbox.expired_content_at IS 'when address and content were deleted because they were kept long enough; empty: they are there';
ALTER TABLE raw.deliveries ADD COLUMN archive_expired_at timestamptz;
COMMENT ON COLUMN raw.deliveries.archive_expired_at IS 'when the archived copy of the file was deleted because it was kept long enough; empty: it is there';
