-- Events as they happen: a log that is durable before anybody is told so, cut into batches that are delivered
-- like files; and scores computed between two daily runs, beside the snapshots and never in them.
CREATE SCHEMA live;

CREATE TABLE live.tokens (
    token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['events:write', 'scores:read'] AND cardinality(scopes) > 0),
    source text,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
    revoked_at timestamptz
);
COMMENT ON TABLE live.tokens IS 'one row per token of a program that sends events or reads scores';
COMMENT ON COLUMN live.tokens.token_id IS 'number of the token';
COMMENT ON COLUMN live.tokens.name IS 'whose it is, such as webshop';
COMMENT ON COLUMN live.tokens.token_sha256 IS 'SHA-256 of the token: 32 random bytes that are shown once and kept nowhere';
COMMENT ON COLUMN live.tokens.scopes IS 'what it is good for: events:write, scores:read';
COMMENT ON COLUMN live.tokens.source IS 'the one source whose events it may send; empty: any';
COMMENT ON COLUMN live.tokens.made_at IS 'when it was made';
COMMENT ON COLUMN live.tokens.expires_at IS 'from when it is good for nothing';
COMMENT ON COLUMN live.tokens.revoked_at IS 'when it was revoked; empty: never';

CREATE TABLE live.batches (
    live_batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    events_count bigint NOT NULL CHECK (events_count > 0),
    first_received_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'cut' CHECK (status IN ('cut', 'delivered', 'held')),
    file_sha256s text[],
    reason text,
    cut_at timestamptz NOT NULL,
    delivered_at timestamptz,
    refreshed_at timestamptz,
    customers_count bigint,
    CHECK ((status = 'cut') = (delivered_at IS NULL))
);
COMMENT ON TABLE live.batches IS 'one row per batch of events that became files of a delivery';
COMMENT ON COLUMN live.batches.live_batch_id IS 'number of the batch; in the name of its files';
COMMENT ON COLUMN live.batches.source IS 'source of the events';
COMMENT ON COLUMN live.batches.events_count IS 'events in it';
COMMENT ON COLUMN live.batches.first_received_at IS 'when the first of them was received';
COMMENT ON COLUMN live.batches.status IS 'cut: to be delivered; delivered: its files are in the ledger; held: a check held them back, all rows are in quarantine';
COMMENT ON COLUMN live.batches.file_sha256s IS 'SHA-256 of its files, as in raw.deliveries';
COMMENT ON COLUMN live.batches.reason IS 'why it is held';
COMMENT ON COLUMN live.batches.cut_at IS 'when its events were put together';
COMMENT ON COLUMN live.batches.delivered_at IS 'when it was delivered or held';
COMMENT ON COLUMN live.batches.refreshed_at IS 'when the scores of its customers were computed';
COMMENT ON COLUMN live.batches.customers_count IS 'customers whose scores were computed';
CREATE INDEX ON live.batches (live_batch_id) WHERE refreshed_at IS NULL;

CREATE TABLE live.events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    feed text NOT NULL,
    key_digest bytea NOT NULL CHECK (octet_length(key_digest) = 32),
    record_digest bytea NOT NULL CHECK (octet_length(record_digest) = 32),
    record_sealed bytea,
    received_at timestamptz NOT NULL,
    token_id bigint NOT NULL REFERENCES live.tokens,
    live_batch_id bigint REFERENCES live.batches,
    UNIQUE (source, feed, key_digest),
    CHECK (record_sealed IS NOT NULL OR live_batch_id IS NOT NULL)
);
COMMENT ON TABLE live.events IS 'one row per event that was received; an event sent again is recognised by its key';
COMMENT ON COLUMN live.events.event_id IS 'number of the event, in the order of receipt';
COMMENT ON COLUMN live.events.source IS 'source of the event';
COMMENT ON COLUMN live.events.feed IS 'feed that it is read as';
COMMENT ON COLUMN live.events.key_digest IS 'HMAC of the sender''s key: recognises an event that is sent again';
COMMENT ON COLUMN live.events.record_digest IS 'HMAC of the record: tells a repetition from another event under the same key';
COMMENT ON COLUMN live.events.record_sealed IS 'the record, encrypted; empty once the archive of deliveries holds it';
COMMENT ON COLUMN live.events.received_at IS 'when it was received';
COMMENT ON COLUMN live.events.token_id IS 'the token that it was sent with';
COMMENT ON COLUMN live.events.live_batch_id IS 'the batch that it is delivered in; empty: none yet';
CREATE INDEX ON live.events (event_id) WHERE live_batch_id IS NULL;
CREATE INDEX ON live.events (live_batch_id);
CREATE INDEX ON live.events (received_at);

CREATE TABLE live.warnings (
    warning_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    as_of date NOT NULL,
    customer_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tier_rose', 'complaint_at_risk')),
    risk_tier text NOT NULL,
    previous_tier text,
    reason text,
    live_batch_id bigint NOT NULL REFERENCES live.batches,
    warned_at timestamptz NOT NULL,
    UNIQUE (as_of, customer_id, kind, risk_tier)
);
COMMENT ON TABLE live.warnings IS 'one row per warning about a customer, written with the fresh score that gave rise to it';
COMMENT ON COLUMN live.warnings.warning_id IS 'number of the warning';
COMMENT ON COLUMN live.warnings.as_of IS 'the day that the fresh score stands for';
COMMENT ON COLUMN live.warnings.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN live.warnings.kind IS 'tier_rose: the tier is higher than that published; complaint_at_risk: a complaint of a customer in tier high or critical';
COMMENT ON COLUMN live.warnings.risk_tier IS 'the tier now';
COMMENT ON COLUMN live.warnings.previous_tier IS 'the tier published; empty: none';
COMMENT ON COLUMN live.warnings.reason IS 'the first reason of the fresh score, in words';
COMMENT ON COLUMN live.warnings.live_batch_id IS 'the batch of events behind it';
COMMENT ON COLUMN live.warnings.warned_at IS 'when it was written';
CREATE INDEX ON live.warnings (warned_at);

CREATE TABLE scores.fresh (
    customer_id text PRIMARY KEY,
    as_of date NOT NULL,
    churn_probability double precision NOT NULL CHECK (churn_probability BETWEEN 0 AND 1),
    risk_percentile double precision NOT NULL CHECK (risk_percentile BETWEEN 0 AND 1),
    risk_tier text NOT NULL,
    previous_tier text,
    tier_since date NOT NULL,
    expected_value_at_risk_cents bigint NOT NULL,
    reason_1_code text,
    reason_1 text,
    reason_2_code text,
    reason_2 text,
    reason_3_code text,
    reason_3 text,
    arm text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    base_snapshot_id bigint REFERENCES scores.snapshots,
    newest_rollup_id bigint NOT NULL,
    run_id text NOT NULL,
    computed_at timestamptz NOT NULL
);
COMMENT ON TABLE scores.fresh IS 'one row per customer of whom something came since the newest published day: the score that the next daily run would give if nothing more came; gone when that run is published';
COMMENT ON COLUMN scores.fresh.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN scores.fresh.as_of IS 'the day it stands for: the next midnight';
COMMENT ON COLUMN scores.fresh.churn_probability IS 'calibrated probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN scores.fresh.risk_percentile IS 'share of the customers of the newest published day at no greater risk, 0 to 1';
COMMENT ON COLUMN scores.fresh.risk_tier IS 'low, medium, high or critical, with the hysteresis of the daily run';
COMMENT ON COLUMN scores.fresh.previous_tier IS 'the tier published; empty: none';
COMMENT ON COLUMN scores.fresh.tier_since IS 'the day from which the customer has had the tier without a break';
COMMENT ON COLUMN scores.fresh.expected_value_at_risk_cents IS 'margin expected to be lost, in minor units';
COMMENT ON COLUMN scores.fresh.reason_1_code IS 'family and feature of the first reason';
COMMENT ON COLUMN scores.fresh.reason_1 IS 'the first reason in words';
COMMENT ON COLUMN scores.fresh.reason_2_code IS 'family and feature of the second reason';
COMMENT ON COLUMN scores.fresh.reason_2 IS 'the second reason in words';
COMMENT ON COLUMN scores.fresh.reason_3_code IS 'family and feature of the third reason';
COMMENT ON COLUMN scores.fresh.reason_3 IS 'the third reason in words';
COMMENT ON COLUMN scores.fresh.arm IS 'the model whose probability counts for this customer: champion, challenger or starter';
COMMENT ON COLUMN scores.fresh.model_name IS 'registered name of that model';
COMMENT ON COLUMN scores.fresh.model_version IS 'registered version of that model';
COMMENT ON COLUMN scores.fresh.base_snapshot_id IS 'the published snapshot whose tiers it continues; empty: none';
COMMENT ON COLUMN scores.fresh.newest_rollup_id IS 'the pass of the rollups that it knows';
COMMENT ON COLUMN scores.fresh.run_id IS 'the run that wrote it';
COMMENT ON COLUMN scores.fresh.computed_at IS 'when it was computed';
CREATE INDEX ON scores.fresh (as_of);
