CREATE OR REPLACE VIEW reports.exclusions AS
WITH reason (reason, place, meaning) AS (
    VALUES
        ('abnormal', 0, 'excluded as a bot, for fake orders or the like'),
        ('unscored', 1, 'no score: the model could say nothing'),
        ('outside_rules', 2, 'no action is meant for their risk tier, lifecycle stage and value'),
        ('no_permission', 3, 'no permission for any channel'),
        ('suppressed', 4, 'the address bounced, or the customer complained'),
        ('no_address', 5, 'no address for any channel'),
        ('fatigue', 6, 'contacted lately, by whatever campaign, or in an experiment whose outcome is still open'),
        ('yearly_limit', 7, 'contacted often enough this year'),
        ('recent_order', 8, 'has just ordered'),
        ('quota', 9, 'every possible action is used up for the day'),
        ('no_gain', 10, 'no action brings more than it costs'),
        ('budget', 11, 'an action would pay, but others pay more'),
        ('holdout', 12, 'could have got an action, but is in the holdout')
),
counted AS (
    SELECT as_of, reason, tier, customers_count FROM actions.exclusions
    UNION ALL
    SELECT as_of, 'holdout', tier, count(*)
    FROM actions.assignments
    WHERE is_holdout
    GROUP BY as_of, tier
)
SELECT
    counted.as_of,
    counted.reason,
    reason.place AS reason_rank,
    reason.meaning,
    counted.tier AS risk_tier,
    counted.customers_count,
    counted.customers_count::double precision / nullif(day.population_count, 0) AS customers_share,
    day.population_count,
    day.contacts_count,
    day.status
FROM counted
JOIN reason USING (reason)
JOIN actions.days AS day USING (as_of);
COMMENT ON VIEW reports.exclusions IS 'one row per decision day, reason and tier: how many active customers got no action, and why';
COMMENT ON COLUMN reports.exclusions.as_of IS 'the decision day';
COMMENT ON COLUMN reports.exclusions.reason IS 'the first reason that left no action, in the order of reason_rank';
COMMENT ON COLUMN reports.exclusions.reason_rank IS '1 to 12: the order in which reasons are asked';
COMMENT ON COLUMN reports.exclusions.meaning IS 'the reason in words';
COMMENT ON COLUMN reports.exclusions.risk_tier IS 'risk tier; empty text where unscored';
COMMENT ON COLUMN reports.exclusions.customers_count IS 'how many customers; each is counted once';
COMMENT ON COLUMN reports.exclusions.customers_share IS 'of all active customers of the day, 0 to 1';
COMMENT ON COLUMN reports.exclusions.population_count IS 'active customers of the day';
COMMENT ON COLUMN reports.exclusions.contacts_count IS 'customers of the day with an action';
COMMENT ON COLUMN reports.exclusions.status IS 'shadow, waiting or released';
