"""What the audits look at, counted inside the publishing transaction."""

from datetime import UTC, date
from typing import Any

from retention_ml import clock
from retention_ml.features.store import newest_build
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.promotion.decisions import APPROVED, decisions_of, fallback_chain
from retention_ml.scores.audits.arm_counts import INCONSISTENT_ROWS, OF_ARMS, arm_counts
from retention_ml.scores.audits.audits import AuditInputs, Baseline
from retention_ml.scores.tiers import TIERS
from retention_ml.warehouse import Transaction

_DAY_SECONDS = 86_400
_COUNTS = (
    "rows_count",
    "improbable_count",
    "negative_value_count",
    "untraceable_count",
    "misassigned_count",
)


def count_inputs(
    transaction: Transaction, snapshot_id: int, timezone: str, starter_sha256: str | None = None
) -> AuditInputs:
    """What the database really holds of a snapshot.

    `starter_sha256` is the digest of the starter model, where it may score.
    """
    manifest = _one(
        transaction, "SELECT * FROM scores.snapshots WHERE snapshot_id = :id", id=snapshot_id
    )
    as_of: date = manifest["as_of"]
    return AuditInputs(
        as_of=as_of,
        population_count=manifest["population_count"],
        scored_count=manifest["scored_count"],
        excluded_count=manifest["excluded_count"],
        policy_sha256=manifest["policy_sha256"],
        bundle_sha256=manifest["bundle_sha256"],
        features_digest=manifest["features_digest"],
        is_starter=manifest["model_name"] == STARTER,
        tiers_by=manifest["tiers_by"],
        baseline=_baseline(transaction, manifest["base_snapshot_id"], snapshot_id),
        **_row_counts(transaction, snapshot_id),
        **_different(transaction, snapshot_id, as_of),
        **_newest_build(transaction, as_of, timezone),
        **_approvals(transaction, manifest, starter_sha256),
        **arm_counts(transaction, manifest),
    )


def _row_counts(transaction: Transaction, snapshot_id: int) -> dict[str, Any]:
    """Counts of the snapshot's scores, in one pass over them, and how many tiers they have."""
    tiers = [
        dict(row._mapping)
        for row in transaction.execute(
            "SELECT score.risk_tier, count(*) AS rows_count, "
            "count(*) FILTER (WHERE score.churn_probability IS NULL OR score.churn_probability "
            "NOT BETWEEN 0 AND 1) AS improbable_count, "
            "count(*) FILTER (WHERE score.expected_value_at_risk_cents < 0) AS negative_value_count, "
            "coalesce(sum(score.churn_probability), 0) AS probability_sum, "
            f"{INCONSISTENT_ROWS} FROM scores.customer_daily AS score "
            "JOIN scores.snapshots AS manifest USING (snapshot_id) "
            "WHERE snapshot_id = :id GROUP BY 1",
            id=snapshot_id,
            **OF_ARMS,
        )
    ]
    totals = {name: sum(int(tier[name]) for tier in tiers) for name in _COUNTS}
    tier_counts = {str(tier["risk_tier"]): int(tier["rows_count"]) for tier in tiers}
    probability_sum = sum(float(tier["probability_sum"]) for tier in tiers)
    return {
        **totals,
        "tier_counts": tier_counts,
        "unknown_tier_count": sum(tier_counts[tier] for tier in tier_counts if tier not in TIERS),
        "mean_probability": probability_sum / max(totals["rows_count"], 1),
    }


def _different(transaction: Transaction, snapshot_id: int, as_of: date) -> dict[str, Any]:
    """Different customers and probabilities, exclusions, and the day's features.

    A list of different values is hashed; `count(DISTINCT …)` would sort them.
    """
    return _one(
        transaction,
        "SELECT (SELECT count(*) FROM (SELECT DISTINCT customer_id FROM scores.customer_daily "
        "WHERE snapshot_id = :id) AS each) AS customers_count, "
        "(SELECT count(churn_probability) FROM (SELECT DISTINCT churn_probability "
        "FROM scores.customer_daily WHERE snapshot_id = :id) AS each) AS distinct_probabilities_count, "
        "(SELECT count(*) FROM scores.exclusions WHERE snapshot_id = :id) "
        "AS excluded_rows_count, (SELECT count(*) FROM scores.exclusions JOIN "
        "scores.customer_daily USING (snapshot_id, customer_id) WHERE snapshot_id = :id) "
        "AS scored_and_excluded_count, (SELECT count(*) FROM features.customer_daily "
        "WHERE as_of = :as_of) AS feature_rows_count",
        id=snapshot_id,
        as_of=as_of,
    )


def _newest_build(transaction: Transaction, as_of: date, timezone: str) -> dict[str, Any]:
    """The digest of the day's newest features, and how old their newest input is."""
    build = newest_build(transaction, as_of)
    age = None
    if build is not None and build.newest_input_at is not None:
        elapsed = clock.midnight(as_of, timezone) - build.newest_input_at.astimezone(UTC)
        age = elapsed.total_seconds() / _DAY_SECONDS
    return {
        "latest_features_digest": build.features_digest if build else None,
        "newest_input_age_days": age,
    }


def _approvals(
    transaction: Transaction, manifest: dict[str, Any], starter_sha256: str | None
) -> dict[str, Any]:
    """Whether the bundle may serve, was taken back, and which one was approved since scoring began.

    The starter needs no approval where no bundle had one when scoring began.

    An older approved version than the newest may rightly be served: the last good one stays up
    when the newest cannot be loaded, and a promotion between scoring and publishing takes nothing
    away from the scores: they are those of a moment before it. One that was rolled back from may
    not.
    """
    history = decisions_of(transaction, "champion")
    approvals = [each for each in history if each.verdict in APPROVED]
    began = manifest["promotion_id"] or 0
    newer = [each for each in approvals if each.promotion_id > began]
    scored_with = manifest["bundle_sha256"]
    is_approved = scored_with in {each.bundle_sha256 for each in approvals}
    if len(newer) == len(approvals):
        is_approved = is_approved or scored_with == starter_sha256
    in_line = {each.bundle_sha256 for each in fallback_chain(history)}
    return {
        "is_bundle_approved": is_approved,
        "is_bundle_taken_back": is_approved
        and scored_with not in in_line
        and scored_with != starter_sha256,
        "newer_bundle_sha256": newer[0].bundle_sha256 if newer else None,
    }


def _baseline(transaction: Transaction, base_id: int | None, snapshot_id: int) -> Baseline | None:
    """The day published before, by the sums that are stored with its publication."""
    if base_id is None:
        return None
    base = _one(
        transaction,
        "SELECT as_of, policy_sha256, model_name = :starter AS is_starter "
        "FROM scores.snapshots WHERE snapshot_id = :base",
        base=base_id,
        starter=STARTER,
    )
    totals = transaction.execute(
        "SELECT risk_tier, sum(customers_count) AS customers, "
        "sum(churn_probability_sum) AS probability FROM scores.tier_totals "
        "WHERE snapshot_id = :base GROUP BY 1",
        base=base_id,
    )
    tier_counts = {str(row.risk_tier): int(row.customers) for row in totals}
    mean = sum(float(row.probability) for row in totals) / max(sum(tier_counts.values()), 1)
    moves = _one(
        transaction,
        "SELECT count(*) AS common_count, count(*) FILTER (WHERE old.risk_tier <> new.risk_tier) "
        "AS moved_count FROM scores.customer_daily AS old JOIN scores.customer_daily AS new "
        "USING (customer_id) WHERE old.snapshot_id = :base AND new.snapshot_id = :id",
        base=base_id,
        id=snapshot_id,
    )
    return Baseline(tier_counts=tier_counts, mean_probability=mean, **base, **moves)


def _one(transaction: Transaction, sql: str, **parameters: Any) -> dict[str, Any]:
    return dict(transaction.execute(sql, **parameters)[0]._mapping)
