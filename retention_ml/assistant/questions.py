"""The questions with a tool of their own: which rows of which views answer them.

A customer's number stands in no sentence; texts of the shop come as values only.
"""

from datetime import date
from typing import Any, Literal

from retention_ml.assistant.reading import Reading
from retention_ml.errors import UsageError

Rows = list[dict[str, Any]]
Tier = Literal["low", "medium", "high", "critical"]
ListName = Literal["again", "new", "mixed"]
Ranking = Literal["expected_value_at_risk", "churn_probability"]
Evidence = Literal["outcomes", "offline"]

_OF_CUSTOMER = "WHERE customer_id = :customer_id"
_PARTS = {
    "profile": "customer_profile",
    "risk": "customer_risk",
    "value": "customer_value",
    "next_action": "next_action",
    "offer": "customer_offer",
    "abnormal": "abnormal_customers",
}
_HISTORY = (
    "as_of", "risk_tier", "tier_since", "churn_probability", "risk_percentile",
    "expected_value_at_risk", "reason_1", "model_name", "model_version", "arm", "snapshot_id",
)  # fmt: skip


def customer(reading: Reading, customer_id: str) -> Rows:
    """One row: what each view has about the customer, by part; None where it has nothing."""
    parts: dict[str, Any] = {}
    for part, view in _PARTS.items():
        rows = reading.select(view, _OF_CUSTOMER, customer_id=customer_id)
        parts[part] = rows[0] if rows else None
    _require(any(parts.values()), reading)
    return [parts]


def most_at_risk(reading: Reading, *, limit: int, tier: Tier | None, by: Ranking) -> Rows:
    """The scored customers of the newest published day, the most at risk first.

    One more than `limit`, if there are more.
    """
    return reading.select(
        "customer_risk",
        "WHERE (CAST(:tier AS text) IS NULL OR risk_tier = :tier) "
        f"ORDER BY {by} DESC, customer_id LIMIT :rows",
        tier=tier,
        rows=limit + 1,
    )


def why(reading: Reading, customer_id: str) -> tuple[Rows, list[str]]:
    """One row: probability, tier and reasons of a customer, beside the mean of all; and notes."""
    rows = reading.select("customer_risk", _OF_CUSTOMER, customer_id=customer_id)
    _require(rows, reading)
    [row] = rows
    [mean] = reading.transaction.execute(
        "SELECT avg(churn_probability) AS mean_churn_probability, count(*) AS scored_count "
        "FROM reports.customer_risk"
    )
    notes = [
        "A reason is a strong push of the model towards churn for this customer, not a proven cause."
    ]
    if not row["is_calibrated"]:
        notes.append(
            "The starter model scored: the order of customers counts, not the level of probability."
        )
    return [{**row, **mean._mapping}], notes


def tier_history(reading: Reading, customer_id: str, days: int) -> Rows:
    """The published days of a customer within `days` days before the newest, newest first."""
    rows = reading.select(
        "customer_risk_history",
        f"{_OF_CUSTOMER} AND as_of > CAST(:newest AS date) - CAST(:days AS integer) "
        "ORDER BY as_of DESC",
        customer_id=customer_id,
        newest=reading.as_of,
        days=days,
    )
    _require(rows, reading)
    return [{name: row[name] for name in _HISTORY} for row in rows]


def model_performance(reading: Reading, *, evidence: Evidence, metric: str | None) -> Rows:
    """What published scores, or candidates at their training, were worth; newest days first."""
    return reading.select(
        "model_performance",
        "WHERE evidence = :evidence AND segment = 'all' "
        "AND (CAST(:metric AS text) IS NULL OR metric = :metric) "
        "ORDER BY as_of DESC, is_selected DESC NULLS LAST, model_name, model_version, metric",
        evidence=evidence,
        metric=metric,
    )


def recommendations(reading: Reading, customer_id: str, name: ListName | None) -> Rows:
    """The products on the newest published lists of a customer, in their order."""
    rows = reading.select(
        "recommendations",
        f"{_OF_CUSTOMER} AND (CAST(:name AS text) IS NULL OR list = :name) ORDER BY list, rank",
        customer_id=customer_id,
        name=name,
    )
    if not rows:
        raise UsageError(
            "No list of products is published for that customer. `recommendation_filters` says how "
            "many customers have none and why; 60_recommend_products publishes the lists."
        )
    return rows


def cohort_retention(reading: Reading, *, first_month: date | None, by_month: bool) -> Rows:
    """Retention by period since the first order: all cohorts together, or by their month."""
    return reading.select(
        "cohort_retention",
        "WHERE (cohort_on IS NOT NULL) = :by_month "
        "AND (CAST(:first AS date) IS NULL OR cohort_on >= :first) ORDER BY cohort_on, period",
        by_month=by_month,
        first=first_month,
    )


def _require(rows: Any, reading: Reading) -> None:
    if rows:
        return
    if reading.as_of is None:
        raise UsageError(
            "No scores are published yet: 40_score_customers, or `retention score` and "
            "`retention publish`, makes those of a day."
        )
    raise UsageError(
        f"There is no such customer on {reading.as_of}, the newest published day. The number must "
        "be written as in the shop's data; only customers with an order in the active days are "
        "scored (resource retention://definitions/churn)."
    )
