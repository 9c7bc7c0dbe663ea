"""What is known of a customer now: the fresh score if there is one, else the published one."""

from typing import Any

from retention_ml.people.holds import holds_of
from retention_ml.warehouse import Transaction

_RISK = """
SELECT * FROM (
    SELECT score.customer_id, score.as_of, score.computed_at, true AS is_fresh,
        score.churn_probability, score.risk_percentile, score.risk_tier, score.previous_tier,
        score.tier_since, score.expected_value_at_risk_cents, score.reason_1, score.reason_2,
        score.reason_3, score.arm, score.model_name, score.model_version
    FROM scores.fresh AS score WHERE score.customer_id = :id
    AND NOT EXISTS (SELECT FROM scores.published WHERE published.as_of >= score.as_of)
    UNION ALL
    SELECT score.customer_id, score.as_of, score.scored_at, false,
        score.churn_probability, score.risk_percentile, score.risk_tier, NULL,
        score.tier_since, score.expected_value_at_risk_cents, score.reason_1, score.reason_2,
        score.reason_3, score.arm, score.model_name, score.model_version
    FROM scores.customer_daily AS score WHERE score.customer_id = :id AND score.snapshot_id =
        (SELECT snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1)
) AS scores ORDER BY is_fresh DESC LIMIT 1
"""
_LISTS = (
    "SELECT listed.as_of, manifest.built_at, listed.list, listed.rank, listed.product_id, "
    "listed.product_name, listed.purchase_probability, listed.reason, listed.source "
    "FROM reports.recommendations AS listed "
    "JOIN recommendations.snapshots AS manifest ON manifest.snapshot_id = listed.snapshot_id "
    "WHERE listed.customer_id = :id ORDER BY listed.list, listed.rank"
)
# Whoever has no list is shown what a guest is.
_BEST_SELLERS = (
    "SELECT manifest.as_of, manifest.built_at, product.product_id, product.name AS product_name "
    "FROM recommendations.published AS pointer "
    "JOIN recommendations.snapshots AS manifest ON manifest.snapshot_id = pointer.snapshot_id "
    "JOIN recommendations.product_daily AS product ON product.snapshot_id = pointer.snapshot_id "
    "WHERE pointer.as_of = (SELECT max(as_of) FROM recommendations.published) "
    "AND product.best_seller_rank <= :count ORDER BY product.best_seller_rank"
)


def risk_of(
    transaction: Transaction, customer_id: str, *, minor_units: int
) -> dict[str, Any] | None:
    """A customer's risk as the answer has it; None for who has no score, or is on legal hold."""
    rows = (
        () if holds_of(transaction, [customer_id]) else transaction.execute(_RISK, id=customer_id)
    )
    if not rows:
        return None
    row = dict(rows[0]._mapping)
    cents = row.pop("expected_value_at_risk_cents")
    reasons = [row.pop(f"reason_{rank}") for rank in (1, 2, 3)]
    return {
        **row,
        "expected_value_at_risk": cents / minor_units,
        "reasons": [sentence for sentence in reasons if sentence],
    }


def recommendations_of(
    transaction: Transaction, customer_id: str, *, count: int
) -> dict[str, Any] | None:
    """A customer's published lists, best sellers for who has none; None before the first day."""
    rows = transaction.execute(_LISTS, id=customer_id)
    if rows:
        lists: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            values = {k: v for k, v in row._mapping.items() if k not in ("as_of", "built_at")}
            lists.setdefault(values.pop("list"), []).append(values)
        return _answer(rows[0], lists, is_known=True)
    best = transaction.execute(_BEST_SELLERS, count=count)
    if not best:
        return None
    products = [
        {"rank": rank, "product_id": row.product_id, "product_name": row.product_name}
        for rank, row in enumerate(best, 1)
    ]
    return _answer(best[0], {"best_sellers": products}, is_known=False)


def _answer(manifest: Any, lists: dict[str, Any], *, is_known: bool) -> dict[str, Any]:
    return {
        "as_of": manifest.as_of,
        "computed_at": manifest.built_at,
        "is_fresh": False,
        "is_known": is_known,
        "lists": lists,
    }
