CREATE OR REPLACE VIEW reports.outbox_health AS
WITH switch AS (
    SELECT DISTINCT ON (channel) channel, is_stopped, changed_at, who, why
    FROM actions.switches
    ORDER BY channel, switch_id DESC
),
trouble AS (
    SELECT DISTINCT ON (message.as_of, message.channel)
        message.as_of, message.channel, attempt.ended_at, attempt.code, attempt.text
    FROM actions.attempts AS attempt
    JOIN actions.outbox AS message USING (message_id)
    WHERE attempt.result <> 'sent'
    ORDER BY message.as_of, message.channel, attempt.ended_at DESC
),
counted AS (
    SELECT
        as_of,
        channel,
        count(*) AS messages_count,
        count(*) FILTER (WHERE state = 'pending') AS pending_count,
        count(*) FILTER (WHERE state = 'sending') AS sending_count,
        count(*) FILTER (WHERE state = 'sent') AS sent_count,
        count(*) FILTER (WHERE state = 'failed') AS failed_count,
        count(*) FILTER (WHERE state = 'unknown') AS unknown_count,
        count(*) FILTER (WHERE state = 'expired') AS expired_count,
        count(*) FILTER (WHERE state = 'suppressed') AS suppressed_count,
        sum(attempts) AS attempts_count,
        max(changed_at) AS changed_at,
        min(not_before) FILTER (WHERE state = 'pending') AS next_try_at,
        min(expires_at) FILTER (WHERE state = 'pending') AS next_expiry_at
    FROM actions.outbox
    GROUP BY as_of, channel
)
SELECT
    counted.*,
    trouble.ended_at AS trouble_at,
    trouble.code AS trouble_code,
    trouble.text AS trouble,
    coalesce(one.is_stopped, false) OR coalesce(every.is_stopped, false) AS is_stopped,
    CASE WHEN every.is_stopped THEN every.who WHEN one.is_stopped THEN one.who END AS stopped_by,
    CASE WHEN every.is_stopped THEN every.why WHEN one.is_stopped THEN one.why END AS stopped_why
FROM counted
LEFT JOIN trouble USING (as_of, channel)
LEFT JOIN switch AS one ON one.channel = counted.channel
LEFT JOIN switch AS every ON every.channel = 'all';
COMMENT ON VIEW reports.outbox_health IS 'one row per decision day and channel: what became of its messages, the newest trouble, and whether the channel is stopped now';
COMMENT ON COLUMN reports.outbox_health.as_of IS 'the decision day';
COMMENT ON COLUMN reports.outbox_health.channel IS 'email, webhook or file';
COMMENT ON COLUMN reports.outbox_health.messages_count IS 'messages put into the outbox: the sum of the seven counts that follow';
COMMENT ON COLUMN reports.outbox_health.pending_count IS 'not begun, or to be tried again';
COMMENT ON COLUMN reports.outbox_health.sending_count IS 'begun and not ended; of a worker that is gone until the next dispatch names them';
COMMENT ON COLUMN reports.outbox_health.sent_count IS 'taken by the receiver';
COMMENT ON COLUMN reports.outbox_health.failed_count IS 'refused for good';
COMMENT ON COLUMN reports.outbox_health.unknown_count IS 'perhaps delivered, never sent again: docs/runbook.md, Unknown messages';
COMMENT ON COLUMN reports.outbox_health.expired_count IS 'too late to be sent';
COMMENT ON COLUMN reports.outbox_health.suppressed_count IS 'not sent because the permission was withdrawn or the customer is excluded as abnormal';
COMMENT ON COLUMN reports.outbox_health.attempts_count IS 'tries that were begun';
COMMENT ON COLUMN reports.outbox_health.changed_at IS 'when the state of any message last moved';
COMMENT ON COLUMN reports.outbox_health.next_try_at IS 'earliest moment of the next try; empty if nothing waits';
COMMENT ON COLUMN reports.outbox_health.next_expiry_at IS 'when the first of those that wait expires; empty if nothing waits';
COMMENT ON COLUMN reports.outbox_health.trouble_at IS 'when the newest try that was not taken ended; empty if there was none';
COMMENT ON COLUMN reports.outbox_health.trouble_code IS 'its reply code, or a word such as no_answer or worker_lost';
COMMENT ON COLUMN reports.outbox_health.trouble IS 'the first words of the reply';
COMMENT ON COLUMN reports.outbox_health.is_stopped IS 'whether the channel, or everything, is stopped at the moment of reading';
COMMENT ON COLUMN reports.outbox_health.stopped_by IS 'who stopped it; empty if it runs';
COMMENT ON COLUMN reports.outbox_health.stopped_why IS 'their reason';
