-- The pointer's day is shown, so that a filter on it reads the scores of these days alone; what
-- happened is looked up per customer, by the key of the rollups.
CREATE OR REPLACE VIEW reports.warning_outcomes AS
WITH definition AS (
    SELECT DISTINCT ON (definition_hash)
        definition_hash,
        (definition ->> 'lead_days')::integer AS lead_days,
        (definition ->> 'horizon_days')::integer AS horizon_days
    FROM models.label_windows
    ORDER BY definition_hash, as_of DESC
),
day AS (
    SELECT
        pointer.as_of,
        pointer.snapshot_id,
        manifest.definition_hash,
        manifest.minor_units,
        manifest.model_as_of,
        manifest.challenger_as_of,
        coalesce(pointer.outcome_from, pointer.as_of + definition.lead_days) AS outcome_from,
        coalesce(pointer.outcome_until, pointer.as_of + definition.lead_days + definition.horizon_days) AS outcome_until,
        matured.known_as_of,
        matured.churned_count::double precision / nullif(matured.customers_count, 0) AS churned_share_of_all
    FROM scores.published AS pointer
    JOIN scores.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
    LEFT JOIN definition ON definition.definition_hash = manifest.definition_hash
    LEFT JOIN models.label_windows AS matured
        ON matured.as_of = pointer.as_of AND matured.definition_hash = manifest.definition_hash
)
SELECT
    day.as_of,
    score.customer_id,
    score.risk_tier,
    score.churn_probability,
    (score.expected_value_at_risk_cents / day.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    score.reason_1,
    day.outcome_from,
    day.outcome_until,
    CASE
        WHEN label.is_churned THEN 'churned'
        WHEN label.is_churned IS NOT NULL OR ordered.first_day IS NOT NULL THEN 'ordered'
        ELSE 'open'
    END AS outcome,
    coalesce(label.is_churned, CASE WHEN ordered.first_day IS NOT NULL THEN false END) AS is_churned,
    DATE '1970-01-01' + ordered.first_day AS ordered_on,
    ordered.orders_count,
    (ordered.revenue_cents / day.minor_units::numeric)::numeric(18, 2) AS revenue,
    DATE '1970-01-01' + contacted.first_day AS contacted_on,
    CASE score.arm
        WHEN 'starter' THEN true
        WHEN 'challenger' THEN coalesce(day.challenger_as_of <= day.as_of, false)
        ELSE coalesce(day.model_as_of <= day.as_of, false)
    END AS is_forecast,
    day.known_as_of,
    day.churned_share_of_all,
    score.model_name,
    score.model_version,
    coalesce(label.is_abnormal, false) AS is_abnormal
FROM day
JOIN scores.customer_daily AS score ON score.snapshot_id = day.snapshot_id AND score.risk_tier IN ('high', 'critical')
LEFT JOIN models.labels AS label
    ON label.as_of = day.as_of AND label.definition_hash = day.definition_hash AND label.customer_id = score.customer_id
LEFT JOIN LATERAL (
    SELECT min(bought.event_day) AS first_day, sum(bought.orders_count)::bigint AS orders_count, sum(bought.revenue_cents) AS revenue_cents
    FROM (
        SELECT event_day, sum(orders_count) AS orders_count, sum(revenue_cents) AS revenue_cents
        FROM features.customer_day
        WHERE customer_id = score.customer_id
            AND event_day >= day.outcome_from - DATE '1970-01-01' AND event_day < day.outcome_until - DATE '1970-01-01'
        GROUP BY event_day
        HAVING sum(orders_count) > 0
    ) AS bought
) AS ordered ON true
LEFT JOIN LATERAL (
    SELECT min(reached.event_day) AS first_day
    FROM (
        SELECT event_day
        FROM features.customer_day
        WHERE customer_id = score.customer_id
            AND event_day >= day.as_of - DATE '1970-01-01' AND event_day < day.outcome_until - DATE '1970-01-01'
        GROUP BY event_day
        HAVING sum(contacts_count) > 0
    ) AS reached
) AS contacted ON true
WHERE score.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.warning_outcomes IS 'one row per published day and warned customer (tier high or critical): what happened afterwards, and whether the score was a forecast';
COMMENT ON COLUMN reports.warning_outcomes.as_of IS 'the published day of the warning';
COMMENT ON COLUMN reports.warning_outcomes.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.warning_outcomes.risk_tier IS 'high or critical';
COMMENT ON COLUMN reports.warning_outcomes.churn_probability IS 'what was said: probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN reports.warning_outcomes.expected_value_at_risk IS 'as published that day, in the shop''s currency';
COMMENT ON COLUMN reports.warning_outcomes.reason_1 IS 'the first reason, in words';
COMMENT ON COLUMN reports.warning_outcomes.outcome_from IS 'first day of the outcome window; empty where it is not known: the model predicts another churn definition than that of the settings';
COMMENT ON COLUMN reports.warning_outcomes.outcome_until IS 'the day after its last day';
COMMENT ON COLUMN reports.warning_outcomes.outcome IS 'churned: no order in the window; ordered: at least one; open: none yet, and the window is not closed and settled';
COMMENT ON COLUMN reports.warning_outcomes.is_churned IS 'whether the warning was right; empty while open';
COMMENT ON COLUMN reports.warning_outcomes.ordered_on IS 'first day with an order in the window, as known now';
COMMENT ON COLUMN reports.warning_outcomes.orders_count IS 'orders in the window; empty without one';
COMMENT ON COLUMN reports.warning_outcomes.revenue IS 'what they brought in it, in the shop''s currency; empty without one';
COMMENT ON COLUMN reports.warning_outcomes.contacted_on IS 'first day from the warning to the end of the window on which a campaign reached the customer: what happened may be its effect; empty where none did';
COMMENT ON COLUMN reports.warning_outcomes.is_forecast IS 'whether the model knew nothing from that day on; false for a past day that a later model scored: it proves nothing';
COMMENT ON COLUMN reports.warning_outcomes.known_as_of IS 'the labels are what was known at the start of this day; empty until the day has matured';
COMMENT ON COLUMN reports.warning_outcomes.churned_share_of_all IS 'share of all active customers of the day who churned, to compare with; empty until the day has matured';
COMMENT ON COLUMN reports.warning_outcomes.model_name IS 'the kind of model that scored';
COMMENT ON COLUMN reports.warning_outcomes.model_version IS 'its version in the model registry';
COMMENT ON COLUMN reports.warning_outcomes.is_abnormal IS 'excluded as a bot, for fake orders or the like on the day on which the outcome had settled: counts in no figure; false until then';
