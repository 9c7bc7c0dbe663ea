"""Counts of who is served by which model, inside the publishing transaction."""

from collections.abc import Mapping
from typing import Any

from retention_ml.models.bundle.starter import NAME
from retention_ml.models.promotion.decisions import APPROVED
from retention_ml.scores.arms import CHALLENGER, CHAMPION, STARTER
from retention_ml.statistics.lots import place_sql
from retention_ml.statistics.sample_ratio import Arms
from retention_ml.warehouse import Transaction

_THIRDS = "(ARRAY['lowest', 'middle', 'highest'])"
# Assigned a second time here, by the database, so that the two must agree.
_PLACE = place_sql("manifest.split_salt", "score.customer_id")


# Rows of another model than the manifest's, and rows that another arm should serve.
INCONSISTENT_ROWS = (
    "count(*) FILTER (WHERE score.as_of <> manifest.as_of "
    "OR score.model_name IS DISTINCT FROM CASE score.arm WHEN :challenger "
    "THEN manifest.challenger_name ELSE manifest.model_name END "
    "OR score.model_version IS DISTINCT FROM CASE score.arm WHEN :challenger "
    "THEN manifest.challenger_version ELSE manifest.model_version END) AS untraceable_count, "
    "count(*) FILTER (WHERE score.arm <> ALL (:arms) "
    "OR (score.arm = :starter) <> (manifest.model_name = :starter_name) "
    "OR score.churn_probability IS DISTINCT FROM CASE score.arm WHEN :challenger "
    "THEN score.challenger_probability ELSE score.champion_probability END "
    "OR (score.arm = :challenger) <> (score.challenger_probability IS NOT NULL "
    f"AND coalesce({_PLACE} < manifest.challenger_share, false))) AS misassigned_count"
)
"""Two counts of scores `score` of a snapshot `manifest`, with the parameters `OF_ARMS`."""

OF_ARMS: Mapping[str, Any] = {
    "arms": [CHAMPION, CHALLENGER, STARTER],
    "challenger": CHALLENGER,
    "starter": STARTER,
    "starter_name": NAME,
}


def arm_counts(transaction: Transaction, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What `AuditInputs` holds of the arms of a snapshot, a row of `scores.snapshots`."""
    share = manifest["challenger_share"] or 0.0
    strata = _strata(transaction, manifest) if share > 0 else {}
    return {
        "challenger_share": share,
        "arms": strata.pop("", Arms(arm_count=0, customers_count=0)),
        "strata": strata,
        "is_challenger_approved": _is_approved(transaction, manifest["challenger_bundle_sha256"]),
    }


def _strata(transaction: Transaction, manifest: Mapping[str, Any]) -> dict[str, Arms]:
    """Arms of all ("") and of each stratum, among customers whom either model could serve.

    Strata are thirds of what the arm cannot have changed: tenure, and the champion's prediction for
    everybody. (The tier of the day before comes from the arm's own model: where the models
    differ, arms differ by tier without anything being wrong.)
    """
    rows = transaction.execute(
        "SELECT coalesce(tenure, risk, '') AS stratum, count(*) AS customers_count, "
        "count(*) FILTER (WHERE is_challenger) AS challengers_count FROM ("
        "SELECT score.arm = :challenger AS is_challenger, "
        f"{_THIRDS}[ntile(3) OVER (ORDER BY feature.tenure_days, customer_id)] "
        "|| ' third of tenure' AS tenure, "
        f"{_THIRDS}[ntile(3) OVER (ORDER BY score.champion_probability, customer_id)] "
        "|| ' third of risk' AS risk "
        "FROM scores.customer_daily AS score "
        "LEFT JOIN features.customer_daily AS feature USING (as_of, customer_id) "
        "WHERE score.snapshot_id = :id AND score.challenger_probability IS NOT NULL"
        ") AS assignment GROUP BY GROUPING SETS ((), (tenure), (risk))",
        id=manifest["snapshot_id"],
        challenger=CHALLENGER,
    )
    return {
        row.stratum: Arms(arm_count=row.challengers_count, customers_count=row.customers_count)
        for row in rows
    }


def _is_approved(transaction: Transaction, sha256: str | None) -> bool:
    """Whether the challenger's bundle was ever approved as challenger; true where there is none."""
    if sha256 is None:
        return True
    approval = transaction.execute(
        "SELECT 1 FROM models.promotions WHERE alias = :challenger AND bundle_sha256 = :sha "
        "AND verdict = ANY (:approved) LIMIT 1",
        challenger=CHALLENGER,
        sha=sha256,
        approved=list(APPROVED),
    )
    return bool(approval)
