-- Filtered by snapshot and day, the keys of both tables.
CREATE OR REPLACE VIEW reports.next_action AS
WITH pointer AS (
    SELECT as_of, snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1
),
decision AS (
    SELECT day.as_of, day.status, day.policy_id, policy.kind AS policy_kind, policy.reason AS policy_reason
    FROM actions.days AS day
    JOIN actions.policies AS policy USING (policy_id)
    JOIN pointer USING (as_of)
)
SELECT
    score.as_of,
    score.customer_id,
    score.risk_tier,
    score.churn_probability,
    (score.expected_value_at_risk_cents / manifest.minor_units::numeric)::numeric(18, 2) AS expected_value_at_risk,
    coalesce(assignment.action_id, 'none') AS action_id,
    CASE
        WHEN decision.as_of IS NULL THEN 'nothing was decided for this day yet'
        WHEN assignment.customer_id IS NULL THEN 'no action is possible: reports.exclusions says why, by tier'
        WHEN assignment.is_holdout THEN 'in the holdout: never contacted by the platform'
        WHEN assignment.experiment_id IS NOT NULL THEN 'drawn by the experiment ' || assignment.experiment_id
        WHEN assignment.is_explored AND decision.policy_kind = 'bandit' THEN 'drawn by the bandit: as probable as it is to bring the most money'
        WHEN assignment.action_id = 'none' AND assignment.is_explored THEN 'left alone by lot, to measure what contacts do'
        WHEN assignment.action_id = 'none' THEN 'left alone: nothing chosen, and not drawn by lot'
        WHEN assignment.is_explored THEN 'drawn by lot, to measure what it does'
        ELSE 'chosen: the highest expected margin within the budget'
    END AS why,
    decision.status,
    decision.policy_id,
    decision.policy_reason,
    assignment.propensity,
    assignment.expected_effect,
    round(assignment.expected_margin_cents::numeric / manifest.minor_units, 2) AS expected_margin,
    round(assignment.cost_cents::numeric / manifest.minor_units, 2) AS expected_cost,
    score.snapshot_id
FROM pointer
JOIN scores.customer_daily AS score USING (snapshot_id)
JOIN scores.snapshots AS manifest USING (snapshot_id)
LEFT JOIN decision ON decision.as_of = pointer.as_of
LEFT JOIN actions.assignments AS assignment ON assignment.as_of = pointer.as_of AND assignment.customer_id = score.customer_id
WHERE score.customer_id NOT IN (SELECT customer_id FROM privacy.holds);
COMMENT ON VIEW reports.next_action IS 'one row per scored customer of the latest published day: the action, why, and what it is expected to bring, or why there is none';
COMMENT ON COLUMN reports.next_action.as_of IS 'the published day';
COMMENT ON COLUMN reports.next_action.customer_id IS 'the customer: a pseudonym, or the shop''s number where pseudonyms are off';
COMMENT ON COLUMN reports.next_action.risk_tier IS 'low, medium, high or critical';
COMMENT ON COLUMN reports.next_action.churn_probability IS 'calibrated probability of no order in the outcome window, 0 to 1';
COMMENT ON COLUMN reports.next_action.expected_value_at_risk IS 'in the shop''s currency';
COMMENT ON COLUMN reports.next_action.action_id IS 'the action; none: left alone';
COMMENT ON COLUMN reports.next_action.why IS 'why this action or none, in words';
COMMENT ON COLUMN reports.next_action.status IS 'shadow: nothing leaves the house; waiting: for an approval; released: messages are in the outbox; empty: nothing was decided';
COMMENT ON COLUMN reports.next_action.policy_id IS 'the policy that decided';
COMMENT ON COLUMN reports.next_action.policy_reason IS 'why this policy, in words';
COMMENT ON COLUMN reports.next_action.propensity IS 'probability of this action before the lot was drawn';
COMMENT ON COLUMN reports.next_action.expected_effect IS 'expected change of the probability of an order; an assumption until it is measured';
COMMENT ON COLUMN reports.next_action.expected_margin IS 'expected margin after cost, in the shop''s currency; as assumed or measured by the policy';
COMMENT ON COLUMN reports.next_action.expected_cost IS 'expected cost, discount included, in the shop''s currency';
COMMENT ON COLUMN reports.next_action.snapshot_id IS 'the scoring run';
