"""What became of the customers of each tier and tenth of the probability, as a query."""

OUTCOMES_OF_TIERS = (
    "SELECT risk_tier, least(floor(10 * churn_probability), 9)::int AS place, "
    "count(*) AS customers_count, count(*) FILTER (WHERE label.is_churned) AS churned_count, "
    "sum(churn_probability) AS probability_sum "
    "FROM scores.customer_daily AS score JOIN models.labels AS label "
    "ON label.as_of = :as_of AND label.definition_hash = :definition_hash "
    "AND label.customer_id = score.customer_id AND NOT label.is_abnormal "
    "WHERE score.snapshot_id = :snapshot_id GROUP BY 1, 2"
)
"""Of each tier and tenth: customers with an outcome, those that churned, summed probability."""
