-- Who may be contacted is what the assignment asks of permissions (newest statement wins, a bounce or
-- complaint silences the channel), as known now: before a message leaves, permissions are read again.
CREATE OR REPLACE VIEW reports.contact_list AS
WITH pointer AS (
    SELECT as_of, snapshot_id, coalesce(timezone, 'UTC') AS timezone FROM scores.published ORDER BY as_of DESC LIMIT 1
),
statement AS (
    SELECT customer_id, channel, purpose, kind, event_at, lower(address) AS address
    FROM curated.contact_permissions
    WHERE superseded_at IS NULL
),
in_use AS (
    SELECT DISTINCT ON (customer_id, channel) customer_id, channel, address
    FROM statement
    WHERE kind = 'granted' AND address IS NOT NULL
    ORDER BY customer_id, channel, event_at DESC, address DESC
),
fault AS (
    SELECT statement.customer_id, statement.channel, max(statement.event_at) AS failed_at
    FROM statement
    LEFT JOIN in_use USING (customer_id, channel)
    WHERE statement.kind = 'complained'
        OR (statement.kind = 'bounced' AND coalesce(statement.address = in_use.address, true))
    GROUP BY statement.customer_id, statement.channel
),
permission AS (
    SELECT stated.customer_id, stated.channel
    FROM (
        SELECT
            customer_id, channel, purpose,
            max(event_at) FILTER (WHERE kind = 'granted') AS granted_at,
            max(event_at) FILTER (WHERE kind = 'withdrawn') AS withdrawn_at
        FROM statement
        GROUP BY customer_id, channel, purpose
    ) AS stated
    LEFT JOIN fault USING (customer_id, channel)
    WHERE stated.purpose = 'marketing' AND stated.granted_at > coalesce(greatest(stated.withdrawn_at, fault.failed_at), '-infinity')
),
channels AS (
    SELECT customer_id, string_agg(channel, ', ' ORDER BY channel) AS channels FROM permission GROUP BY customer_id
),
reached AS (
    SELECT contact.customer_id, (contact.event_at AT TIME ZONE pointer.timezone)::date AS contacted_on
    FROM curated.campaign_contacts AS contact, pointer
    WHERE contact.superseded_at IS NULL AND contact.kind = 'sent' AND contact.source <> 'actions'
        AND contact.event_at >= (pointer.as_of - 365)::timestamp AT TIME ZONE pointer.timezone
    UNION ALL
    SELECT message.customer_id, message.as_of
    FROM actions.outbox AS message, pointer
    WHERE message.as_of >= pointer.as_of - 365 AND message.state NOT IN ('failed', 'expired', 'suppressed')
),
contact AS (
    SELECT customer_id, max(contacted_on) AS newest_on, count(*) AS contacts_count FROM reached GROUP BY customer_id
),
rest AS (
    SELECT fatigue_days FROM actions.days WHERE fatigue_days > 0 ORDER BY as_of DESC LIMIT 1
)
SELECT
    next.as_of,
    next.customer_id,
    next.risk_tier,
    next.churn_probability,
    next.expected_value_at_risk,
    next.action_id,
    next.why,
    next.expected_margin,
    channels.channels IS NOT NULL AS has_permission,
    channels.channels,
    contact.newest_on AS last_contact_on,
    next.as_of - contact.newest_on AS last_contact_days,
    coalesce(contact.contacts_count, 0) AS contacts_count_365d,
    rest.fatigue_days,
    coalesce(next.as_of - contact.newest_on > rest.fatigue_days, contact.newest_on IS NULL) AS is_rested,
    abnormal.customer_id IS NOT NULL AS is_abnormal,
    assignment.is_holdout IS TRUE AS is_holdout,
    channels.channels IS NOT NULL
        AND coalesce(next.as_of - contact.newest_on > rest.fatigue_days, contact.newest_on IS NULL)
        AND abnormal.customer_id IS NULL AND assignment.is_holdout IS NOT TRUE AS may_contact,
    score.reason_1
FROM reports.next_action AS next
CROSS JOIN pointer
JOIN scores.customer_daily AS score ON score.snapshot_id = pointer.snapshot_id AND score.customer_id = next.customer_id
LEFT JOIN actions.assignments AS assignment ON assignment.as_of = pointer.as_of AND assignment.customer_id = next.customer_id
LEFT JOIN channels ON channels.customer_id = next.customer_id
LEFT JOIN contact ON contact.customer_id = next.customer_id
LEFT JOIN rest ON true
LEFT JOIN (SELECT customer_id FROM reports.abnormal_customers WHERE is_excluded) AS abnormal ON abnormal.customer_id = next.customer_id;
COMMENT ON VIEW reports.contact_list IS 'one row per scored customer of the latest published day: the next action, and whether the customer may be contacted: permission, rest since the last contact, holdout';
COMMENT ON COLUMN reports.contact_list.as_of IS 'the published day';
COMMENT ON COLUMN reports.contact_list.customer_id IS 'the shop''s customer number';
COMMENT ON COLUMN reports.contact_list.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.contact_list.churn_probability IS 'probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN reports.contact_list.expected_value_at_risk IS 'in the shop''s currency';
COMMENT ON COLUMN reports.contact_list.action_id IS 'the action decided for the day, see reports.next_action; none: left alone';
COMMENT ON COLUMN reports.contact_list.why IS 'why this action or none, in words';
COMMENT ON COLUMN reports.contact_list.expected_margin IS 'expected margin of the action after cost, in the shop''s currency; empty without a decision';
COMMENT ON COLUMN reports.contact_list.has_permission IS 'whether marketing is permitted on any channel, as known now';
COMMENT ON COLUMN reports.contact_list.channels IS 'the channels on which it is; empty where on none';
COMMENT ON COLUMN reports.contact_list.last_contact_on IS 'newest day of a contact within 365 days, of any campaign or of the platform; empty without one';
COMMENT ON COLUMN reports.contact_list.last_contact_days IS 'days from it to as_of';
COMMENT ON COLUMN reports.contact_list.contacts_count_365d IS 'contacts within 365 days';
COMMENT ON COLUMN reports.contact_list.fatigue_days IS 'days that a customer is left alone after a contact, as of the newest decision; empty where nothing was decided yet';
COMMENT ON COLUMN reports.contact_list.is_rested IS 'whether the last contact is longer ago than that; true without a contact';
COMMENT ON COLUMN reports.contact_list.is_abnormal IS 'excluded as abnormal since the scores were made';
COMMENT ON COLUMN reports.contact_list.is_holdout IS 'in the holdout: the platform never contacts them';
COMMENT ON COLUMN reports.contact_list.may_contact IS 'permitted, rested, not abnormal and not in the holdout';
COMMENT ON COLUMN reports.contact_list.reason_1 IS 'the first reason why the customer is at risk';
