"""What must hold of decisions and contacts (P8), as sentences and queries that must return no row."""

from retention_ml.actions.holdout.membership import in_holdout_sql

_OF_DAY = "(CAST(:as_of AS date) IS NULL OR day.as_of = CAST(:as_of AS date))"
_NOT_SENT = "('failed', 'expired', 'suppressed')"
_MEMBER = in_holdout_sql("holdout.salt", "holdout.share", "assignment.customer_id")

CONTACTS: tuple[tuple[str, str], ...] = (
    (
        "a decision day whose customers are not all assigned or excluded",
        "SELECT day.as_of FROM actions.days AS day "
        f"WHERE {_OF_DAY} AND (day.assigned_count <> (SELECT count(*) FROM actions.assignments "
        "AS assignment WHERE assignment.as_of = day.as_of) OR day.excluded_count <> (SELECT "
        "coalesce(sum(customers_count), 0) FROM actions.exclusions AS exclusion "
        "WHERE exclusion.as_of = day.as_of))",
    ),
    (
        "a customer of the holdout with an action",
        "SELECT assignment.as_of, assignment.customer_id FROM actions.assignments AS assignment "
        "JOIN actions.days AS day USING (as_of) JOIN actions.holdouts AS holdout "
        "ON assignment.as_of >= holdout.began_on "
        "AND (holdout.ends_on IS NULL OR assignment.as_of < holdout.ends_on) "
        f"WHERE {_OF_DAY} AND assignment.action_id <> 'none' AND {_MEMBER}",
    ),
    (
        "a customer contacted again within the days of fatigue",
        "SELECT later.as_of, later.customer_id FROM actions.assignments AS later "
        "JOIN actions.days AS day ON day.as_of = later.as_of AND day.status = 'released' "
        "JOIN actions.assignments AS earlier ON earlier.customer_id = later.customer_id "
        "AND earlier.as_of < later.as_of AND earlier.as_of >= later.as_of - day.fatigue_days "
        "JOIN actions.days AS before ON before.as_of = earlier.as_of "
        "AND before.status = 'released' JOIN actions.outbox AS message "
        "ON message.as_of = earlier.as_of AND message.customer_id = earlier.customer_id "
        f"WHERE {_OF_DAY} AND later.action_id <> 'none' AND earlier.action_id <> 'none' "
        f"AND message.state NOT IN {_NOT_SENT}",
    ),
    (
        "a decision day that costs more than its budget",
        "SELECT day.as_of FROM actions.days AS day JOIN actions.assignments AS assignment "
        f"USING (as_of) WHERE {_OF_DAY} GROUP BY day.as_of "
        "HAVING sum(assignment.cost_cents) > day.budget_cents * 1.000000001",
    ),
    (
        "an assignment whose probabilities are not 1 together",
        "SELECT pattern.as_of FROM (SELECT assignment.as_of, propensities, propensity, action_id "
        "FROM actions.assignments AS assignment JOIN actions.days AS day USING (as_of) "
        f"WHERE {_OF_DAY} GROUP BY 1, 2, 3, 4) AS pattern, LATERAL (SELECT "
        "sum(CAST(value AS double precision)) AS total FROM jsonb_each_text(propensities)) AS sums "
        "WHERE abs(total - 1) > 0.000000001 OR CAST(propensities ->> action_id AS double precision) "
        "IS DISTINCT FROM propensity",
    ),
    (
        "a message without a released day that decided it",
        "SELECT message.message_id FROM actions.outbox AS message "
        "LEFT JOIN actions.days AS day ON day.as_of = message.as_of AND day.status = 'released' "
        "LEFT JOIN actions.assignments AS assignment ON assignment.as_of = message.as_of "
        "AND assignment.customer_id = message.customer_id "
        "AND assignment.action_id = message.action_id "
        "WHERE (CAST(:as_of AS date) IS NULL OR message.as_of = CAST(:as_of AS date)) "
        "AND (day.as_of IS NULL OR assignment.as_of IS NULL)",
    ),
    (
        "a mail that was perhaps delivered more than once",
        "SELECT attempt.message_id FROM actions.attempts AS attempt "
        "JOIN actions.outbox AS message USING (message_id) WHERE attempt.channel = 'email' "
        "AND attempt.result IN ('sent', 'unknown') "
        "AND (CAST(:as_of AS date) IS NULL OR message.as_of = CAST(:as_of AS date)) "
        "GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "a message that counts as sent, and no try and nobody says so",
        "SELECT message.message_id FROM actions.outbox AS message WHERE message.state = 'sent' "
        "AND (CAST(:as_of AS date) IS NULL OR message.as_of = CAST(:as_of AS date)) "
        "AND message.settled_by IS NULL AND NOT EXISTS (SELECT 1 FROM actions.attempts AS attempt "
        "WHERE attempt.message_id = message.message_id AND attempt.result = 'sent')",
    ),
)
