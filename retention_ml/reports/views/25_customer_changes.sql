-- Filtered by snapshot, the key of both tables; `as_of` is the pointer's, so that one day is read alone.
CREATE OR REPLACE VIEW reports.customer_changes AS
WITH tier (risk_tier, place) AS (
    VALUES ('low', 1), ('medium', 2), ('high', 3), ('critical', 4)
)
SELECT
    pointer.as_of,
    change.customer_id,
    change.from_tier,
    change.to_tier,
    CASE
        WHEN change.from_tier IS NULL THEN 'joined'
        WHEN change.to_tier IS NULL THEN 'left'
        WHEN new_tier.place > old_tier.place THEN 'worse'
        ELSE 'better'
    END AS direction,
    new_tier.place - old_tier.place AS steps,
    base.as_of AS previous_as_of,
    before.tier_since AS previous_tier_since,
    pointer.as_of - before.tier_since AS previous_tier_days,
    before.churn_probability AS previous_probability,
    score.churn_probability,
    score.churn_probability - before.churn_probability AS probability_change,
    (coalesce(score.expected_value_at_risk_cents, before.expected_value_at_risk_cents) / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    CASE
        WHEN change.to_tier IS NULL AND gone.reason_code IS NULL THEN 'no longer active: no order in the active days before'
        WHEN change.to_tier IS NULL AND gone.reason_code = 'abnormal' THEN 'excluded as abnormal'
        WHEN change.to_tier IS NULL THEN 'not scored: ' || replace(gone.reason_code, '_', ' ')
        WHEN change.from_tier IS NULL THEN 'active again or new: ordered since, or not scored before'
        WHEN new_tier.place > old_tier.place THEN coalesce(fresh.reason, score.reason_1)
        ELSE 'no longer: ' || coalesce(over.reason, before.reason_1)
    END AS why,
    fresh.reason IS NOT NULL AS is_new_reason,
    score.model_version IS DISTINCT FROM before.model_version
        AND change.from_tier IS NOT NULL AND change.to_tier IS NOT NULL AS is_other_model,
    score.reason_1,
    score.reason_2,
    score.reason_3,
    before.reason_1 AS previous_reason_1
FROM scores.published AS pointer
JOIN scores.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id
JOIN scores.tier_transitions AS change ON change.snapshot_id = pointer.snapshot_id
LEFT JOIN scores.snapshots AS base ON base.snapshot_id = manifest.base_snapshot_id
LEFT JOIN scores.customer_daily AS score
    ON score.snapshot_id = pointer.snapshot_id AND score.customer_id = change.customer_id
LEFT JOIN scores.customer_daily AS before
    ON before.snapshot_id = manifest.base_snapshot_id AND before.customer_id = change.customer_id
LEFT JOIN scores.exclusions AS gone
    ON gone.snapshot_id = pointer.snapshot_id AND gone.customer_id = change.customer_id
LEFT JOIN tier AS new_tier ON new_tier.risk_tier = change.to_tier
LEFT JOIN tier AS old_tier ON old_tier.risk_tier = change.from_tier
LEFT JOIN LATERAL (
    SELECT listed.reason
    FROM (VALUES (1, score.reason_1_code, score.reason_1), (2, score.reason_2_code, score.reason_2), (3, score.reason_3_code, score.reason_3)) AS listed (place, code, reason)
    WHERE listed.code IS NOT NULL AND listed.code IS DISTINCT FROM before.reason_1_code
        AND listed.code IS DISTINCT FROM before.reason_2_code AND listed.code IS DISTINCT FROM before.reason_3_code
    ORDER BY listed.place LIMIT 1
) AS fresh ON change.from_tier IS NOT NULL
LEFT JOIN LATERAL (
    SELECT listed.reason
    FROM (VALUES (1, before.reason_1_code, before.reason_1), (2, before.reason_2_code, before.reason_2), (3, before.reason_3_code, before.reason_3)) AS listed (place, code, reason)
    WHERE listed.code IS NOT NULL AND listed.code IS DISTINCT FROM score.reason_1_code
        AND listed.code IS DISTINCT FROM score.reason_2_code AND listed.code IS DISTINCT FROM score.reason_3_code
    ORDER BY listed.place LIMIT 1
) AS over ON change.to_tier IS NOT NULL
WHERE change.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.customer_changes IS 'one row per published day and customer whose tier changed since the day published before: from where to where, how far, and why';
COMMENT ON COLUMN reports.customer_changes.as_of IS 'the published day from which the change counts';
COMMENT ON COLUMN reports.customer_changes.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.customer_changes.from_tier IS 'tier before; empty: was not scored';
COMMENT ON COLUMN reports.customer_changes.to_tier IS 'tier now; empty: is not scored any more';
COMMENT ON COLUMN reports.customer_changes.direction IS 'worse, better, joined (scored now, not before) or left';
COMMENT ON COLUMN reports.customer_changes.steps IS 'tiers climbed towards critical, negative towards low; empty for joined and left';
COMMENT ON COLUMN reports.customer_changes.previous_as_of IS 'the day published before, with which it is compared';
COMMENT ON COLUMN reports.customer_changes.previous_tier_since IS 'from when on the customer had been in from_tier';
COMMENT ON COLUMN reports.customer_changes.previous_tier_days IS 'days in from_tier';
COMMENT ON COLUMN reports.customer_changes.previous_probability IS 'churn probability then';
COMMENT ON COLUMN reports.customer_changes.churn_probability IS 'churn probability now';
COMMENT ON COLUMN reports.customer_changes.probability_change IS 'now minus then';
COMMENT ON COLUMN reports.customer_changes.expected_value_at_risk IS 'in the shop''s currency; of who left, as it was';
COMMENT ON COLUMN reports.customer_changes.why IS 'worse: the first reason that is new, else the first; better: the first reason that holds no longer; joined and left: what that means';
COMMENT ON COLUMN reports.customer_changes.is_new_reason IS 'whether a reason is given now that was none before';
COMMENT ON COLUMN reports.customer_changes.is_other_model IS 'whether another model version scored the customer before, so that the change may be the model''s';
COMMENT ON COLUMN reports.customer_changes.reason_1 IS 'the reasons now, in words';
COMMENT ON COLUMN reports.customer_changes.reason_2 IS 'the second';
COMMENT ON COLUMN reports.customer_changes.reason_3 IS 'the third';
COMMENT ON COLUMN reports.customer_changes.previous_reason_1 IS 'the first reason before';
