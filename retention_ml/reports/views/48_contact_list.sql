-- Who may be contacted is what the assignment asks: permissions (newest statement wins, a bounce or
-- complaint silences the channel, a refusal to be contacted all of them) and contacts as known now, contacts and lots of days before. Each
-- customer is looked up by number, so that a few cost little.
CREATE OR REPLACE VIEW reports.contact_list AS
WITH pointer AS (
    SELECT
        published.as_of,
        published.snapshot_id,
        coalesce(published.timezone, 'UTC') AS timezone,
        published.as_of::timestamp AT TIME ZONE coalesce(published.timezone, 'UTC') AS begins_at,
        (published.as_of - 365)::timestamp AT TIME ZONE coalesce(published.timezone, 'UTC') AS year_begins_at,
        holdout.salt,
        holdout.share,
        rule.as_of IS NULL OR EXISTS (SELECT FROM actions.days WHERE days.as_of = published.as_of) AS is_decided,
        rule.fatigue_days,
        greatest(rule.fatigue_days, coalesce(rule.window_days, published.outcome_until - published.as_of)) AS drawn_days,
        rule.contacts_per_year_max,
        rule.quiet_after_order_days
    FROM (SELECT * FROM scores.published ORDER BY as_of DESC LIMIT 1) AS published
    LEFT JOIN actions.holdouts AS holdout ON daterange(holdout.began_on, holdout.ends_on) @> published.as_of
    LEFT JOIN (
        SELECT as_of, fatigue_days, window_days, contacts_per_year_max, quiet_after_order_days
        FROM actions.days ORDER BY as_of DESC LIMIT 1
    ) AS rule ON true
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
    permission.channels IS NOT NULL AS has_permission,
    permission.channels,
    contact.newest_on AS last_contact_on,
    next.as_of - contact.newest_on AS last_contact_days,
    contact.contacts_count AS contacts_count_365d,
    pointer.fatigue_days,
    verdict.is_rested,
    abnormal.customer_id IS NOT NULL AS is_abnormal,
    verdict.is_holdout,
    permission.channels IS NOT NULL AND verdict.is_rested AND abnormal.customer_id IS NULL
        AND NOT verdict.is_holdout AND NOT lot.is_open AND NOT verdict.is_at_limit AND NOT bought.is_recent
        AND pointer.is_decided AS may_contact,
    score.reason_1,
    lot.is_open AS has_open_lot,
    verdict.is_at_limit AS is_at_yearly_limit,
    bought.is_recent AS has_just_ordered,
    pointer.is_decided,
    next.status
FROM reports.next_action AS next
CROSS JOIN pointer
JOIN scores.customer_daily AS score ON score.snapshot_id = pointer.snapshot_id AND score.customer_id = next.customer_id
LEFT JOIN actions.assignments AS assignment ON assignment.as_of = pointer.as_of AND assignment.customer_id = next.customer_id
LEFT JOIN (SELECT customer_id FROM reports.abnormal_customers WHERE is_excluded) AS abnormal ON abnormal.customer_id = next.customer_id
LEFT JOIN LATERAL (
    SELECT string_agg(permitted.channel, ', ' ORDER BY permitted.channel) AS channels
    FROM (
        SELECT statement.channel
        FROM (
            SELECT
                channel,
                purpose,
                kind,
                event_at,
                lower(address) AS address,
                (array_agg(lower(address)) FILTER (WHERE kind = 'granted' AND address IS NOT NULL) OVER (
                    PARTITION BY channel ORDER BY event_at DESC, lower(address) DESC
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ))[1] AS address_in_use
            FROM curated.contact_permissions
            WHERE customer_id = next.customer_id AND superseded_at IS NULL
        ) AS statement
        CROSS JOIN LATERAL (
            SELECT CASE WHEN max(event_at) FILTER (WHERE NOT is_given)
                >= coalesce(max(event_at) FILTER (WHERE is_given), '-infinity')
                THEN max(event_at) FILTER (WHERE NOT is_given) END AS refused_at
            FROM privacy.consents
            WHERE customer_id = next.customer_id AND purpose = 'contact'
        ) AS consent
        GROUP BY statement.channel, consent.refused_at
        HAVING max(event_at) FILTER (WHERE kind = 'granted' AND purpose = 'marketing') > greatest(
            max(event_at) FILTER (WHERE kind = 'withdrawn' AND purpose = 'marketing'),
            max(event_at) FILTER (
                WHERE kind = 'complained' OR (kind = 'bounced' AND coalesce(address = address_in_use, true))
            ),
            consent.refused_at,
            '-infinity'
        )
    ) AS permitted
) AS permission ON true
LEFT JOIN LATERAL (
    SELECT max(reached.contacted_on) AS newest_on, count(*) AS contacts_count
    FROM (
        SELECT (event_at AT TIME ZONE pointer.timezone)::date AS contacted_on
        FROM curated.campaign_contacts
        WHERE customer_id = next.customer_id AND superseded_at IS NULL AND kind = 'sent' AND source <> 'actions'
            AND event_at >= pointer.year_begins_at AND event_at < pointer.begins_at
        UNION ALL
        SELECT as_of
        FROM actions.outbox
        WHERE customer_id = next.customer_id AND as_of >= pointer.as_of - 365 AND as_of < pointer.as_of
            AND state NOT IN ('failed', 'expired', 'suppressed')
    ) AS reached
) AS contact ON true
LEFT JOIN LATERAL (
    SELECT coalesce(assignment.is_explored AND assignment.action_id = 'none', false) OR EXISTS (
        SELECT FROM actions.assignments AS earlier
        JOIN actions.days AS day ON day.as_of = earlier.as_of AND day.status = 'released'
        LEFT JOIN actions.outbox AS message ON message.customer_id = earlier.customer_id AND message.as_of = earlier.as_of
        WHERE earlier.customer_id = next.customer_id
            AND earlier.as_of >= pointer.as_of - pointer.drawn_days AND earlier.as_of < pointer.as_of
            AND (
                earlier.experiment_id IS NOT NULL
                OR (
                    earlier.is_explored
                    AND (earlier.action_id = 'none' OR message.state NOT IN ('failed', 'expired', 'suppressed'))
                )
            )
    ) AS is_open
) AS lot ON true
LEFT JOIN LATERAL (
    SELECT coalesce(bool_or(ordered.orders_count > 0), false) AS is_recent
    FROM (
        SELECT sum(orders_count) AS orders_count
        FROM features.customer_day
        WHERE customer_id = next.customer_id
            AND event_day > pointer.as_of - DATE '1970-01-01' - pointer.quiet_after_order_days
            AND event_day < pointer.as_of - DATE '1970-01-01'
        GROUP BY event_day
    ) AS ordered
) AS bought ON true
CROSS JOIN LATERAL (
    SELECT
        coalesce(next.as_of - contact.newest_on > pointer.fatigue_days, contact.newest_on IS NULL) AS is_rested,
        coalesce(contact.contacts_count >= pointer.contacts_per_year_max, false) AS is_at_limit,
        -- The customer's place among those who could be drawn, as the assignment computes it.
        coalesce(
            assignment.is_holdout OR ('x' || left(encode(sha256(
                convert_to(pointer.salt, 'UTF8') || decode('00', 'hex') || convert_to(next.customer_id, 'UTF8')
            ), 'hex'), 13))::bit(52)::bigint / 4503599627370496::double precision < pointer.share,
            false
        ) AS is_holdout
) AS verdict;
COMMENT ON VIEW reports.contact_list IS 'one row per scored customer of the latest published day: the next action, and whether the customer may be contacted: permission, rest since the last contact, holdout, lots';
COMMENT ON COLUMN reports.contact_list.as_of IS 'the published day';
COMMENT ON COLUMN reports.contact_list.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.contact_list.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.contact_list.churn_probability IS 'probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN reports.contact_list.expected_value_at_risk IS 'in the shop''s currency';
COMMENT ON COLUMN reports.contact_list.action_id IS 'the action decided for the day, see reports.next_action; none: left alone';
COMMENT ON COLUMN reports.contact_list.why IS 'why this action or none, in words';
COMMENT ON COLUMN reports.contact_list.expected_margin IS 'expected margin of the action after cost, in the shop''s currency; empty without a decision';
COMMENT ON COLUMN reports.contact_list.has_permission IS 'whether marketing is permitted on any channel, as known now';
COMMENT ON COLUMN reports.contact_list.channels IS 'the channels on which it is; empty where on none';
COMMENT ON COLUMN reports.contact_list.last_contact_on IS 'newest day before as_of of a contact within 365 days, of any campaign or of the platform; empty without one';
COMMENT ON COLUMN reports.contact_list.last_contact_days IS 'days from it to as_of';
COMMENT ON COLUMN reports.contact_list.contacts_count_365d IS 'contacts within the 365 days before as_of';
COMMENT ON COLUMN reports.contact_list.fatigue_days IS 'days that a customer is left alone after a contact, as of the newest decision; empty where nothing was decided yet';
COMMENT ON COLUMN reports.contact_list.is_rested IS 'whether the last contact is longer ago than that; true without a contact';
COMMENT ON COLUMN reports.contact_list.is_abnormal IS 'excluded as abnormal since the scores were made';
COMMENT ON COLUMN reports.contact_list.is_holdout IS 'in the holdout of the day, which is drawn from the customer''s number whether or not an action was possible: never contacted by the platform';
COMMENT ON COLUMN reports.contact_list.may_contact IS 'permitted, rested, not abnormal, not in the holdout, without an open lot, below the yearly limit, without an order just now, and the day is decided';
COMMENT ON COLUMN reports.contact_list.reason_1 IS 'the first reason why the customer is at risk';
COMMENT ON COLUMN reports.contact_list.has_open_lot IS 'left alone by lot on the day, or drawn by lot on a released day whose outcome window is open: a contact would spoil the comparison';
COMMENT ON COLUMN reports.contact_list.is_at_yearly_limit IS 'as many contacts within 365 days as the newest decision allowed; false where nothing was decided yet';
COMMENT ON COLUMN reports.contact_list.has_just_ordered IS 'an order within the quiet days of the newest decision, as known now; false where nothing was decided yet';
COMMENT ON COLUMN reports.contact_list.is_decided IS 'whether the lots of the day are drawn; true also where the platform never decided a day';
COMMENT ON COLUMN reports.contact_list.status IS 'shadow: nothing leaves the house; waiting: for an approval; released: the platform itself contacts who has an action; empty: nothing was decided';
