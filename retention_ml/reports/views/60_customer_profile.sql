-- Filtered by snapshot, the key of both tables. Stage and risk are two columns: facts, and a prediction.
CREATE OR REPLACE VIEW reports.customer_profile AS
SELECT
    profile.as_of,
    profile.customer_id,
    profile.lifecycle_stage,
    profile.stage_since,
    profile.as_of - profile.stage_since + 1 AS stage_days,
    profile.previous_stage,
    score.risk_tier,
    score.churn_probability,
    scored.as_of AS scored_as_of,
    profile.acquired_on,
    profile.first_order_on,
    profile.last_order_on,
    profile.as_of - profile.last_order_on AS silent_days,
    profile.purchase_days_count,
    profile.orders_count,
    (profile.revenue_cents / manifest.minor_units::numeric)::numeric(18, 2) AS revenue,
    profile.rfm_recency,
    profile.rfm_frequency,
    profile.rfm_value,
    profile.rfm_group,
    profile.purchase_interval_days,
    profile.is_overdue,
    profile.still_customer_probability,
    profile.next_order_expected_on,
    profile.persona_id,
    persona.persona_name,
    (
        SELECT min(person.country) FROM curated.customers AS person
        WHERE person.customer_id = profile.customer_id AND person.superseded_at IS NULL
    ) AS country
FROM (SELECT as_of, snapshot_id FROM profiles.published ORDER BY as_of DESC LIMIT 1) AS pointer
JOIN profiles.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN profiles.customer_daily AS profile ON profile.snapshot_id = pointer.snapshot_id
LEFT JOIN profiles.personas AS persona ON persona.snapshot_id = profile.snapshot_id AND persona.persona_id = profile.persona_id
LEFT JOIN (SELECT as_of, snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1) AS scored ON true
LEFT JOIN scores.customer_daily AS score ON score.snapshot_id = scored.snapshot_id AND score.customer_id = profile.customer_id
WHERE profile.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_profile IS 'one row per customer or visitor of the latest published day: stage by facts, risk by the model, RFM and rhythm';
COMMENT ON COLUMN reports.customer_profile.as_of IS 'the day: what was known at its first moment in the shop''s time zone';
COMMENT ON COLUMN reports.customer_profile.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_profile.lifecycle_stage IS 'visitor, new, one_time, repeat, loyal, slipping, lapsed or reactivated: from order counts and silence';
COMMENT ON COLUMN reports.customer_profile.stage_since IS 'first day of the stage, by what is known on the day';
COMMENT ON COLUMN reports.customer_profile.stage_days IS 'days in the stage, the day itself included';
COMMENT ON COLUMN reports.customer_profile.previous_stage IS 'the stage before; empty if there was none';
COMMENT ON COLUMN reports.customer_profile.risk_tier IS 'low, medium, high or critical by the model of the latest published scores; empty for customers who are not scored, such as lapsed ones';
COMMENT ON COLUMN reports.customer_profile.churn_probability IS 'probability of no order in the outcome window, 0 to 1; empty where there is no tier';
COMMENT ON COLUMN reports.customer_profile.scored_as_of IS 'the day of the scores; empty without any';
COMMENT ON COLUMN reports.customer_profile.acquired_on IS 'first day with an order, an event or an account';
COMMENT ON COLUMN reports.customer_profile.first_order_on IS 'first purchase day; empty for visitors, as are all that follow';
COMMENT ON COLUMN reports.customer_profile.last_order_on IS 'last purchase day';
COMMENT ON COLUMN reports.customer_profile.silent_days IS 'days since the last purchase day';
COMMENT ON COLUMN reports.customer_profile.purchase_days_count IS 'days with an order';
COMMENT ON COLUMN reports.customer_profile.orders_count IS 'orders';
COMMENT ON COLUMN reports.customer_profile.revenue IS 'what they brought, refunds taken off, in the shop''s currency';
COMMENT ON COLUMN reports.customer_profile.rfm_recency IS '1 to 5; 5: ordered more recently than four fifths of the customers';
COMMENT ON COLUMN reports.customer_profile.rfm_frequency IS '1 to 5; 5: on more days than four fifths';
COMMENT ON COLUMN reports.customer_profile.rfm_value IS '1 to 5; 5: brought more than four fifths';
COMMENT ON COLUMN reports.customer_profile.rfm_group IS 'champions, loyal, recent, needs_attention, at_risk or inactive';
COMMENT ON COLUMN reports.customer_profile.purchase_interval_days IS 'wait after an order within which half of such customers order again, if they have not left';
COMMENT ON COLUMN reports.customer_profile.is_overdue IS 'silent for longer than nine in ten of such waits';
COMMENT ON COLUMN reports.customer_profile.still_customer_probability IS 'probability that the customer has not left for good, by the buying process; not the churn probability';
COMMENT ON COLUMN reports.customer_profile.next_order_expected_on IS 'day by which the next order is as probable to have come as not; empty where the customer has probably left';
COMMENT ON COLUMN reports.customer_profile.persona_id IS 'number of the persona; empty for visitors, and where there are none';
COMMENT ON COLUMN reports.customer_profile.persona_name IS 'its name, see reports.personas';
COMMENT ON COLUMN reports.customer_profile.country IS 'country as the shop writes it, as known now; empty where the shop says none';
