-- Whether a customer may be contacted: permissions given, taken back, addresses that bounced, complaints.
CREATE UNLOGGED TABLE staging.contact_permissions (
    customer_id text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    kind text NOT NULL,
    event_at timestamptz NOT NULL,
    address text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    batch_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    is_derived boolean NOT NULL
);
CREATE INDEX ON staging.contact_permissions (batch_id);
COMMENT ON TABLE staging.contact_permissions IS 'contact permissions of batches between stage and curate: one row per statement about whether a customer may be contacted on a channel for a purpose, and version';
COMMENT ON COLUMN staging.contact_permissions.customer_id IS 'whom it is about';
COMMENT ON COLUMN staging.contact_permissions.channel IS 'the way of contact, such as email or push';
COMMENT ON COLUMN staging.contact_permissions.purpose IS 'what it may be used for, such as marketing';
COMMENT ON COLUMN staging.contact_permissions.kind IS 'granted, withdrawn, bounced (nothing arrives there) or complained';
COMMENT ON COLUMN staging.contact_permissions.event_at IS 'from when it holds';
COMMENT ON COLUMN staging.contact_permissions.address IS 'e-mail address or device token; the newest granted one counts';
COMMENT ON COLUMN staging.contact_permissions.source IS 'name of the source description';
COMMENT ON COLUMN staging.contact_permissions.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN staging.contact_permissions.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN staging.contact_permissions.batch_id IS 'the batch in raw.batches';
COMMENT ON COLUMN staging.contact_permissions.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN staging.contact_permissions.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN staging.contact_permissions.is_derived IS 'derived from another table''s row, not delivered itself';

CREATE TABLE curated.contact_permissions (
    customer_id text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    kind text NOT NULL,
    event_at timestamptz NOT NULL,
    address text,
    source text NOT NULL,
    row_key bytea NOT NULL,
    content_hash bytea NOT NULL,
    delivery_id bigint NOT NULL,
    line_number bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by bigint,
    CHECK (isfinite(event_at)),
    CHECK (kind IN ('granted', 'withdrawn', 'bounced', 'complained'))
);
COMMENT ON TABLE curated.contact_permissions IS 'one row per statement about whether a customer may be contacted on a channel for a purpose, and version';
COMMENT ON COLUMN curated.contact_permissions.customer_id IS 'whom it is about';
COMMENT ON COLUMN curated.contact_permissions.channel IS 'the way of contact, such as email or push';
COMMENT ON COLUMN curated.contact_permissions.purpose IS 'what it may be used for, such as marketing';
COMMENT ON COLUMN curated.contact_permissions.kind IS 'granted, withdrawn, bounced (nothing arrives there) or complained';
COMMENT ON COLUMN curated.contact_permissions.event_at IS 'from when it holds';
COMMENT ON COLUMN curated.contact_permissions.address IS 'e-mail address or device token; the newest granted one counts';
COMMENT ON COLUMN curated.contact_permissions.source IS 'name of the source description the row came through';
COMMENT ON COLUMN curated.contact_permissions.row_key IS 'MD5 of the business key, 16 bytes';
COMMENT ON COLUMN curated.contact_permissions.content_hash IS 'MD5 of all business columns, 16 bytes';
COMMENT ON COLUMN curated.contact_permissions.delivery_id IS 'the delivery in raw.deliveries';
COMMENT ON COLUMN curated.contact_permissions.line_number IS 'physical line (or row) in the file, the first is 1';
COMMENT ON COLUMN curated.contact_permissions.loaded_at IS 'when the row was really loaded';
COMMENT ON COLUMN curated.contact_permissions.available_at IS 'from when the platform may use the row';
COMMENT ON COLUMN curated.contact_permissions.superseded_at IS 'available_at of the version that replaced this one';
COMMENT ON COLUMN curated.contact_permissions.superseded_by IS 'the delivery that replaced this version';
CREATE UNIQUE INDEX contact_permissions_current ON curated.contact_permissions (row_key) WHERE superseded_at IS NULL;
CREATE INDEX contact_permissions_delivery ON curated.contact_permissions (delivery_id);
CREATE INDEX contact_permissions_superseded ON curated.contact_permissions (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX contact_permissions_customer ON curated.contact_permissions (customer_id);
