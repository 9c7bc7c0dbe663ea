-- Every part is read by customer: write the filter on customer_id, or the whole past is read.
CREATE OR REPLACE VIEW reports.customer_story AS
WITH money AS (
    SELECT minor_units::numeric AS units FROM scores.snapshots ORDER BY snapshot_id DESC LIMIT 1
),
day AS (
    SELECT
        customer_id,
        DATE '1970-01-01' + event_day AS happened_on,
        sum(orders_count) AS orders_count,
        sum(revenue_cents) AS revenue_cents,
        sum(returns_count) + sum(cancellations_count) AS returns_count,
        sum(refund_cents) AS refund_cents,
        sum(contacts_count) AS contacts_count,
        sum(redemptions_count) AS redemptions_count,
        sum(complaints_count) AS complaints_count
    FROM features.customer_day
    GROUP BY customer_id, event_day
)
SELECT
    day.customer_id,
    day.happened_on,
    event.kind,
    event.sentence,
    event.amount
FROM day
LEFT JOIN money ON true
CROSS JOIN LATERAL (
    VALUES
        ('order', day.orders_count,
            CASE day.orders_count WHEN 1 THEN 'ordered' ELSE 'ordered ' || day.orders_count || ' times' END,
            (day.revenue_cents / coalesce(money.units, 100))::numeric(18, 2)),
        ('return', day.returns_count,
            CASE day.returns_count WHEN 1 THEN 'returned or cancelled an order' ELSE 'returned or cancelled ' || day.returns_count || ' orders' END,
            (-day.refund_cents / coalesce(money.units, 100))::numeric(18, 2)),
        ('contact', day.contacts_count, 'was reached by a campaign', NULL),
        ('redemption', day.redemptions_count, 'redeemed an offer', NULL),
        ('complaint', day.complaints_count, 'complained', NULL)
) AS event (kind, count, sentence, amount)
WHERE event.count > 0 AND day.customer_id NOT IN (SELECT customer_id FROM privacy.holds)
UNION ALL
SELECT
    change.customer_id,
    change.as_of,
    'tier',
    CASE change.direction
        WHEN 'joined' THEN 'scored: tier ' || change.to_tier || ', churn probability ' || to_char(change.churn_probability, 'FM0.00')
        WHEN 'left' THEN 'no longer scored'
        ELSE 'tier ' || change.from_tier || ' to ' || change.to_tier || ', churn probability ' || to_char(change.previous_probability, 'FM0.00')
            || ' to ' || to_char(change.churn_probability, 'FM0.00')
    END || coalesce(': ' || CASE WHEN change.direction = 'joined' THEN change.reason_1 ELSE change.why END, ''),
    change.expected_value_at_risk
FROM reports.customer_changes AS change
UNION ALL
SELECT
    assignment.customer_id,
    assignment.as_of,
    'action',
    'action ' || assignment.action_id || CASE decision.status WHEN 'released' THEN ' decided' WHEN 'waiting' THEN ' waits for approval' ELSE ' decided in shadow: nothing was sent' END
        || coalesce(', message ' || message.state, ''),
    round(assignment.expected_margin_cents::numeric / coalesce((SELECT units FROM money), 100), 2)
FROM actions.assignments AS assignment
JOIN actions.days AS decision USING (as_of)
LEFT JOIN actions.outbox AS message ON message.as_of = assignment.as_of AND message.customer_id = assignment.customer_id
WHERE assignment.action_id <> 'none' AND assignment.customer_id NOT IN (SELECT customer_id FROM privacy.holds)
UNION ALL
SELECT
    profile.customer_id,
    profile.stage_since,
    'stage',
    'became ' || replace(profile.lifecycle_stage, '_', ' ') || coalesce(', was ' || replace(profile.previous_stage, '_', ' '), ''),
    NULL
FROM (SELECT snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN profiles.customer_daily AS profile USING (snapshot_id)
WHERE profile.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_story IS 'one row per customer, day and thing that happened: orders, returns, contacts, complaints, changes of tier, actions, the newest stage; read it with a filter on customer_id';
COMMENT ON COLUMN reports.customer_story.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_story.happened_on IS 'the day on the shop''s calendar; of tiers the published day';
COMMENT ON COLUMN reports.customer_story.kind IS 'order, return, contact, redemption, complaint, tier, action or stage';
COMMENT ON COLUMN reports.customer_story.sentence IS 'what happened, in words';
COMMENT ON COLUMN reports.customer_story.amount IS 'in the shop''s currency: order paid, return refunded (negative), tier value at risk, action expected margin; empty otherwise';
