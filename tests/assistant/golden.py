"""Forty questions, and for each the SQL whose rows are the answer.

`{critical}`, `{low}`, `{lapsed}` are customers of the shop of the tests.
"""

from typing import Any, NamedTuple


class Golden(NamedTuple):
    """A question to a tool."""

    tool: str
    arguments: dict[str, Any]
    sql: str


_COLUMNS = (
    "SELECT attname AS name, format_type(atttypid, atttypmod) AS type, "
    "col_description(attrelid, attnum) AS meaning FROM pg_attribute "
    "WHERE attrelid = 'reports.{view}'::regclass AND attnum > 0 {hidden} ORDER BY attnum"
)
_CUSTOMER = (
    "SELECT (SELECT to_jsonb(p) FROM reports.customer_profile AS p WHERE customer_id = '{who}') AS profile, "
    "(SELECT to_jsonb(p) FROM reports.customer_risk AS p WHERE customer_id = '{who}') AS risk, "
    "(SELECT to_jsonb(p) FROM reports.customer_value AS p WHERE customer_id = '{who}') AS value, "
    "(SELECT to_jsonb(p) FROM reports.next_action AS p WHERE customer_id = '{who}') AS next_action, "
    "(SELECT to_jsonb(p) FROM reports.customer_offer AS p WHERE customer_id = '{who}') AS offer, "
    "(SELECT to_jsonb(p) - 'decided_by' - 'reason' FROM reports.abnormal_customers AS p "
    "WHERE customer_id = '{who}') AS abnormal"
)
_WHY = (
    "SELECT *, (SELECT avg(churn_probability) FROM reports.customer_risk) AS mean_churn_probability, "
    "(SELECT count(*) FROM reports.customer_risk) AS scored_count "
    "FROM reports.customer_risk WHERE customer_id = '{who}'"
)
_HISTORY = (
    "SELECT as_of, risk_tier, tier_since, churn_probability, risk_percentile, "
    "expected_value_at_risk, reason_1, model_name, model_version, arm, snapshot_id "
    "FROM reports.customer_risk_history WHERE customer_id = '{who}' {window} ORDER BY as_of DESC"
)
_PERFORMANCE = (
    "SELECT * FROM reports.model_performance WHERE segment = 'all' AND {condition} "
    "ORDER BY as_of DESC, is_selected DESC NULLS LAST, model_name, model_version, metric"
)
_TOP = "SELECT * FROM reports.customer_risk {where} ORDER BY {by} DESC, customer_id LIMIT {rows}"
_LISTS = (
    "SELECT * FROM reports.recommendations WHERE customer_id = '{who}' {more} ORDER BY list, rank"
)
_COHORTS = "SELECT * FROM reports.cohort_retention WHERE {which} ORDER BY cohort_on, period"


def _of(template: str, who: str) -> str:
    return template.replace("{who}", who)


def _query(sql: str) -> Golden:
    return Golden("query", {"sql": sql}, sql)


GOLDEN = (
    Golden(
        "list_tables",
        {},
        "SELECT relname AS name, obj_description(oid) AS one_row_is, (SELECT count(*) FROM "
        "pg_attribute WHERE attrelid = c.oid AND attnum > 0) - CASE WHEN relname IN ('contacts', "
        "'outbox_health') THEN 3 WHEN relname IN ('abnormal_customers', 'experiments', 'personas') "
        "THEN 2 WHEN relname IN ('alerts', 'trials', 'uplift') THEN 1 ELSE 0 END AS columns_count "
        "FROM pg_class AS c "
        "WHERE relnamespace = 'reports'::regnamespace AND relkind = 'v' ORDER BY relname",
    ),
    Golden(
        "list_tables",
        {"table": "reports.customer_risk"},
        _COLUMNS.format(view="customer_risk", hidden=""),
    ),
    Golden(
        "list_tables",
        {"table": "contacts"},
        _COLUMNS.format(
            view="contacts", hidden="AND attname NOT IN ('answer', 'provider_ref', 'settled_by')"
        ),
    ),
    *(
        Golden("customer", {"customer_id": who}, _of(_CUSTOMER, who))
        for who in ("{critical}", "{low}", "{lapsed}", "{newest}")
    ),
    Golden("most_at_risk", {}, _TOP.format(where="", by="expected_value_at_risk", rows=20)),
    Golden(
        "most_at_risk", {"limit": 1}, _TOP.format(where="", by="expected_value_at_risk", rows=1)
    ),
    Golden(
        "most_at_risk",
        {"limit": 7, "by": "churn_probability"},
        _TOP.format(where="", by="churn_probability", rows=7),
    ),
    *(
        Golden(
            "most_at_risk",
            {"limit": 5, "tier": tier},
            _TOP.format(where=f"WHERE risk_tier = '{tier}'", by="expected_value_at_risk", rows=5),
        )
        for tier in ("low", "high", "critical")
    ),
    *(
        Golden("why", {"customer_id": who}, _of(_WHY, who))
        for who in ("{critical}", "{low}", "{newest}")
    ),
    Golden(
        "tier_history",
        {"customer_id": "{critical}"},
        _of(_HISTORY.replace("{window}", ""), "{critical}"),
    ),
    Golden(
        "tier_history", {"customer_id": "{low}"}, _of(_HISTORY.replace("{window}", ""), "{low}")
    ),
    Golden(
        "tier_history",
        {"customer_id": "{critical}", "days": 8},
        _of(_HISTORY.replace("{window}", "AND as_of > '2024-12-01'::date - 8"), "{critical}"),
    ),
    Golden("model_performance", {}, _PERFORMANCE.format(condition="evidence = 'outcomes'")),
    Golden(
        "model_performance",
        {"metric": "roc_auc"},
        _PERFORMANCE.format(condition="evidence = 'outcomes' AND metric = 'roc_auc'"),
    ),
    Golden(
        "model_performance",
        {"evidence": "offline"},
        _PERFORMANCE.format(condition="evidence = 'offline'"),
    ),
    Golden(
        "model_performance",
        {"evidence": "offline", "metric": "log_loss"},
        _PERFORMANCE.format(condition="evidence = 'offline' AND metric = 'log_loss'"),
    ),
    Golden(
        "recommendations",
        {"customer_id": "{critical}"},
        _of(_LISTS.replace("{more}", ""), "{critical}"),
    ),
    *(
        Golden(
            "recommendations",
            {"customer_id": "{low}", "list_name": name},
            _of(_LISTS.replace("{more}", f"AND list = '{name}'"), "{low}"),
        )
        for name in ("again", "new", "mixed")
    ),
    Golden("cohort_retention", {}, _COHORTS.format(which="cohort_on IS NULL")),
    Golden("cohort_retention", {"by_month": True}, _COHORTS.format(which="cohort_on IS NOT NULL")),
    Golden(
        "cohort_retention",
        {"by_month": True, "first_month": "2024-08-01"},
        _COHORTS.format(which="cohort_on >= '2024-08-01'"),
    ),
    _query(
        "SELECT risk_tier, count(*) AS customers, sum(expected_value_at_risk) AS value "
        "FROM reports.customer_risk GROUP BY risk_tier ORDER BY value DESC"
    ),
    _query(
        "WITH moved AS (SELECT customer_id, as_of, risk_tier, lag(risk_tier) OVER (PARTITION BY "
        "customer_id ORDER BY as_of) AS before FROM reports.customer_risk_history) "
        "SELECT before, risk_tier AS now, count(*) AS n FROM moved WHERE as_of = DATE '2024-12-01' "
        "AND before <> risk_tier GROUP BY before, risk_tier ORDER BY n DESC, before, now"
    ),
    _query(
        "SELECT p.lifecycle_stage, avg(r.churn_probability) AS mean, round(avg(p.revenue), 2) AS revenue "
        "FROM reports.customer_risk AS r JOIN reports.customer_profile AS p USING (customer_id) "
        "GROUP BY p.lifecycle_stage HAVING count(*) > 2 ORDER BY mean DESC"
    ),
    _query(
        "SELECT as_of, customers_count, customers_count / 7 AS sevenths, customers_count % 7 AS rest, "
        "as_of - 7 AS week_before, CAST(customers_share AS numeric(6, 3)) AS share "
        "FROM reports.risk_tier_daily WHERE risk_tier IN ('high', 'critical') ORDER BY as_of, risk_tier"
    ),
    _query(
        "SELECT date_trunc('month', first_order_on)::date AS month, extract(year FROM first_order_on) "
        "AS year, count(*) AS customers, percentile_cont(0.5) WITHIN GROUP (ORDER BY orders_count) AS "
        "median FROM reports.customer_profile WHERE first_order_on IS NOT NULL GROUP BY 1, 2 ORDER BY 1"
    ),
    _query(
        "SELECT customer_id, rank() OVER (PARTITION BY risk_tier ORDER BY expected_value_at_risk DESC) "
        "AS place, CASE WHEN churn_probability > 0.9 THEN 'nearly gone' ELSE 'not yet' END AS state "
        "FROM reports.customer_risk ORDER BY customer_id LIMIT 30 OFFSET 5"
    ),
    _query(
        "SELECT DISTINCT upper(left(reason_1, 8)) AS words, length(trim(reason_1)) AS size "
        "FROM reports.customer_risk WHERE reason_1 ILIKE '%usually every%' AND reason_1 NOT LIKE "
        "'%: it''s 100 %%' ORDER BY 1, 2"
    ),
    _query(
        "SELECT list, count(DISTINCT product_id) AS products, max(purchase_probability) AS highest, "
        "bool_or(price IS NULL) AS is_without_price FROM reports.recommendations GROUP BY list "
        "UNION ALL SELECT 'all', count(DISTINCT product_id), max(purchase_probability), "
        "bool_or(price IS NULL) FROM reports.recommendations ORDER BY 1"
    ),
    _query(
        "SELECT customer_id FROM reports.customer_risk AS r WHERE EXISTS (SELECT 1 FROM "
        "reports.customer_profile AS p WHERE p.customer_id = r.customer_id AND p.is_overdue) "
        "AND NOT (risk_tier = 'low' OR expected_value_at_risk BETWEEN 0 AND 1) ORDER BY 1"
    ),
    _query(
        "SELECT coalesce(nullif(previous_stage, 'new'), 'none') AS before, count(*) FILTER (WHERE "
        "is_overdue) AS overdue, stddev(silent_days) AS spread, min(stage_since) + interval '1 day' AS "
        "next FROM reports.customer_profile GROUP BY 1 ORDER BY 1"
    ),
)
