-- What is to leave the house, what became of every try, and what is stopped.
CREATE TABLE actions.outbox (
    message_id text PRIMARY KEY CHECK (message_id ~ '^[0-9a-f]{64}$'),
    as_of date NOT NULL,
    customer_id text NOT NULL,
    action_id text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'file')),
    permission_channel text,
    purpose text,
    address text,
    payload jsonb NOT NULL,
    payload_sha256 text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'failed',
        'unknown', 'expired', 'suppressed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    lease_until timestamptz,
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    not_before timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    provider_ref text,
    settled_by text,
    changed_at timestamptz NOT NULL,
    run_id text NOT NULL,
    UNIQUE (as_of, customer_id),
    CHECK ((purpose IS NULL) = (permission_channel IS NULL)),
    CHECK (state <> 'sending' OR (attempts > 0 AND lease_until IS NOT NULL))
);
COMMENT ON TABLE actions.outbox IS 'one row per message to a customer, at most one per customer and day; rows are never removed, only their state moves';
COMMENT ON COLUMN actions.outbox.message_id IS 'SHA-256 of day, customer and action in hex: the Message-ID of a mail, the Idempotency-Key of a request';
COMMENT ON COLUMN actions.outbox.as_of IS 'the decision day';
COMMENT ON COLUMN actions.outbox.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN actions.outbox.action_id IS 'the action it carries out';
COMMENT ON COLUMN actions.outbox.channel IS 'email, webhook or file';
COMMENT ON COLUMN actions.outbox.permission_channel IS 'the channel that a permission must be for when it is sent, such as email or push; empty: it needs none';
COMMENT ON COLUMN actions.outbox.purpose IS 'the purpose that it must be for; empty: it needs none';
COMMENT ON COLUMN actions.outbox.address IS 'e-mail address or device token; empty where the receiver knows the customer by number';
COMMENT ON COLUMN actions.outbox.payload IS 'what is said: subject, text and html of a mail, or the fields of a request or row';
COMMENT ON COLUMN actions.outbox.payload_sha256 IS 'digest of the payload';
COMMENT ON COLUMN actions.outbox.state IS 'pending; sending: a worker has begun; sent; failed: refused for good; unknown: it may have been delivered and is not sent again; expired: too late; suppressed: the permission was withdrawn';
COMMENT ON COLUMN actions.outbox.attempts IS 'how many tries were begun';
COMMENT ON COLUMN actions.outbox.lease_until IS 'until when the worker that claimed it is waited for; empty if none did';
COMMENT ON COLUMN actions.outbox.epoch IS 'fencing token: rises with each claim, and an earlier claimant can no longer begin';
COMMENT ON COLUMN actions.outbox.not_before IS 'the earliest moment of the next try';
COMMENT ON COLUMN actions.outbox.expires_at IS 'no try begins from this moment on';
COMMENT ON COLUMN actions.outbox.provider_ref IS 'what the receiver called it, or the file it is in; empty if nothing did';
COMMENT ON COLUMN actions.outbox.settled_by IS 'who said what became of an unknown message; empty if nobody had to';
COMMENT ON COLUMN actions.outbox.changed_at IS 'when the state last moved';
COMMENT ON COLUMN actions.outbox.run_id IS 'the run that put it there';
CREATE INDEX outbox_open ON actions.outbox (channel, not_before, message_id) WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_customer ON actions.outbox (customer_id, as_of);
CREATE INDEX outbox_file ON actions.outbox (provider_ref) WHERE channel = 'file';

CREATE TABLE actions.attempts (
    message_id text NOT NULL REFERENCES actions.outbox,
    attempt integer NOT NULL CHECK (attempt > 0),
    epoch bigint NOT NULL,
    channel text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    result text CHECK (result IN ('sent', 'refused', 'unknown')),
    code text,
    text text,
    run_id text NOT NULL,
    PRIMARY KEY (message_id, attempt),
    CHECK ((ended_at IS NULL) = (result IS NULL))
);
COMMENT ON TABLE actions.attempts IS 'one row per try to send a message, begun before anything leaves';
COMMENT ON COLUMN actions.attempts.message_id IS 'the message in actions.outbox';
COMMENT ON COLUMN actions.attempts.attempt IS 'number of the try, from 1';
COMMENT ON COLUMN actions.attempts.epoch IS 'fencing token of the worker that tried';
COMMENT ON COLUMN actions.attempts.channel IS 'channel of the message, for quotas';
COMMENT ON COLUMN actions.attempts.started_at IS 'when it began';
COMMENT ON COLUMN actions.attempts.ended_at IS 'when it ended; empty while it runs';
COMMENT ON COLUMN actions.attempts.result IS 'sent; refused: certainly not delivered; unknown: perhaps delivered';
COMMENT ON COLUMN actions.attempts.code IS 'reply code of the receiver, or a word for what happened here, such as worker_lost';
COMMENT ON COLUMN actions.attempts.text IS 'the first words of the reply, without addresses';
COMMENT ON COLUMN actions.attempts.run_id IS 'the run that tried';
CREATE INDEX attempts_started ON actions.attempts (channel, started_at);

CREATE TABLE actions.deltas (
    file_name text PRIMARY KEY,
    as_of date NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    messages_count bigint NOT NULL CHECK (messages_count > 0),
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL,
    written_at timestamptz,
    run_id text NOT NULL,
    UNIQUE (as_of, sequence)
);
COMMENT ON TABLE actions.deltas IS 'one row per file for a CRM: which messages are in it was fixed before it was written, so that it can be written again byte for byte';
COMMENT ON COLUMN actions.deltas.file_name IS 'name of the file; provider_ref of its messages';
COMMENT ON COLUMN actions.deltas.as_of IS 'the decision day of its messages';
COMMENT ON COLUMN actions.deltas.sequence IS 'number of the file among those of the day, from 1';
COMMENT ON COLUMN actions.deltas.messages_count IS 'rows in the file';
COMMENT ON COLUMN actions.deltas.sha256 IS 'digest of its bytes';
COMMENT ON COLUMN actions.deltas.created_at IS 'when its messages were fixed';
COMMENT ON COLUMN actions.deltas.written_at IS 'when file and manifest were there; empty before';
COMMENT ON COLUMN actions.deltas.run_id IS 'the run that fixed it';

CREATE TABLE actions.switches (
    switch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL CHECK (channel IN ('all', 'email', 'webhook', 'file')),
    is_stopped boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    who text NOT NULL CHECK (who <> ''),
    why text NOT NULL CHECK (why <> ''),
    run_id text NOT NULL
);
COMMENT ON TABLE actions.switches IS 'append-only: one row per decision to stop or resume a channel; the newest of a channel and the newest of all are read before every message';
COMMENT ON COLUMN actions.switches.switch_id IS 'number of the decision';
COMMENT ON COLUMN actions.switches.channel IS 'email, webhook, file, or all';
COMMENT ON COLUMN actions.switches.is_stopped IS 'whether nothing may leave from now on';
COMMENT ON COLUMN actions.switches.changed_at IS 'when it was decided';
COMMENT ON COLUMN actions.switches.who IS 'the person who decided';
COMMENT ON COLUMN actions.switches.why IS 'their reason';
COMMENT ON COLUMN actions.switches.run_id IS 'the run that wrote the row';
CREATE INDEX switches_newest ON actions.switches (channel, switch_id);
