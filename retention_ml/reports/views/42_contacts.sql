CREATE OR REPLACE VIEW reports.contacts AS
SELECT
    message.as_of,
    message.customer_id,
    message.action_id,
    message.channel,
    message.state,
    message.state IN ('sent', 'unknown') AS is_contacted,
    message.attempts AS attempts_count,
    newest.started_at AS tried_at,
    newest.code AS answer_code,
    newest.text AS answer,
    message.not_before AS next_try_at,
    message.expires_at,
    message.provider_ref,
    message.settled_by,
    assignment.tier AS risk_tier,
    assignment.policy_id,
    assignment.experiment_id,
    assignment.propensity,
    message.message_id,
    message.run_id
FROM actions.outbox AS message
LEFT JOIN actions.attempts AS newest
    ON newest.message_id = message.message_id AND newest.attempt = message.attempts
LEFT JOIN actions.assignments AS assignment
    ON assignment.as_of = message.as_of AND assignment.customer_id = message.customer_id
WHERE message.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.contacts IS 'one row per message of the platform to a customer: what was to be sent, and what became of it';
COMMENT ON COLUMN reports.contacts.as_of IS 'the decision day';
COMMENT ON COLUMN reports.contacts.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.contacts.action_id IS 'the action it carries out';
COMMENT ON COLUMN reports.contacts.channel IS 'email, webhook or file';
COMMENT ON COLUMN reports.contacts.state IS 'pending, sending, sent, failed, unknown (perhaps delivered, never sent again), expired or suppressed (permission withdrawn, or customer excluded as abnormal)';
COMMENT ON COLUMN reports.contacts.is_contacted IS 'sent or unknown: counts as a contact everywhere';
COMMENT ON COLUMN reports.contacts.attempts_count IS 'how many tries were begun';
COMMENT ON COLUMN reports.contacts.tried_at IS 'when the newest try began; empty if none did';
COMMENT ON COLUMN reports.contacts.answer_code IS 'reply code of the receiver, or a word such as no_answer or worker_lost';
COMMENT ON COLUMN reports.contacts.answer IS 'the first words of the reply';
COMMENT ON COLUMN reports.contacts.next_try_at IS 'earliest moment of the next try of a pending message';
COMMENT ON COLUMN reports.contacts.expires_at IS 'no try begins from this moment on';
COMMENT ON COLUMN reports.contacts.provider_ref IS 'what the receiver called it, or the file it is in';
COMMENT ON COLUMN reports.contacts.settled_by IS 'who said what became of an unknown message';
COMMENT ON COLUMN reports.contacts.risk_tier IS 'risk tier of the customer on the day';
COMMENT ON COLUMN reports.contacts.policy_id IS 'the policy that decided';
COMMENT ON COLUMN reports.contacts.experiment_id IS 'the experiment that decided; empty if none did';
COMMENT ON COLUMN reports.contacts.propensity IS 'probability of the action before the lot was drawn';
COMMENT ON COLUMN reports.contacts.message_id IS 'number of the message: Message-ID of a mail, Idempotency-Key of a request';
COMMENT ON COLUMN reports.contacts.run_id IS 'the run that put it into the outbox';
