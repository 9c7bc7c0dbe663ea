"""The door `score`: a snapshot of every active customer of a day.

Readers do not see it yet: `publish` flips the pointer.
"""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import __version__, clock
from retention_ml.abnormal.excluded import abnormal_customers, is_excluded
from retention_ml.errors import NotReady
from retention_ml.features import build
from retention_ml.models.promotion.decisions import policy_served
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.people.consents import refuses_profiling
from retention_ml.people.holds import held_customers
from retention_ml.receipts import Receipt
from retention_ml.scores import arms, manifest, reasons, served, snapshot, split, value
from retention_ml.scores.lease import Lease, acquire_lease, base_tiers
from retention_ml.scores.model_predictions import Predictions, predict_both
from retention_ml.scores.tiers import TIERS, TierPolicy, places, tier_since
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools
from retention_ml.warehouse import Warehouse


def score(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Write a snapshot of the day's scores; `details["snapshot_id"]` names it.

    If what readers see for the day already is equal in every respect, that snapshot is returned
    and nothing is written (`details["is_repeat"]`).

    Raises
    ------
    NotReady
        There is no champion and no starter, or nobody is active on that day.
    PublicationRefused
        No champion that was approved predicts the settings' churn definition, or it reads
        features that are not computed.
    UnfitModel
        The files of the model are not what was approved or shipped.
    """
    started = time.perf_counter()
    lease = acquire_lease(warehouse, as_of)
    predictions, policy, rows, content = _compute(warehouse, settings, as_of, lease)
    exclusions = predictions.exclusions
    same = manifest.published_alike(warehouse, content)
    snapshot_id = same or manifest.write(
        warehouse, rows, exclusions, content, lease, settings.run_id
    )
    champion, challenger = predictions.champion, predictions.challenger
    receipt = Receipt(
        door="score",
        as_of=as_of,
        read=content["population_count"],
        written=0 if same else rows.num_rows,
        quarantined=exclusions.num_rows,
        duplicates=rows.num_rows if same else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": same is not None,
            "scores_digest": content["scores_digest"],
            "features_digest": content["features_digest"],
            "model": f"{champion.name} v{champion.version}",
            "challenger": f"{challenger.name} v{challenger.version}" if challenger else None,
            "challenger_share": content["challenger_share"],
            "arms": _counts(rows["arm"]),
            "tiers": _counts(rows["risk_tier"]),
            "excluded": _counts(exclusions["reason_code"]),
            "is_calibrated": arms.is_calibrated(champion),
            "caveat": served.caveat(champion, settings, as_of),
            "warnings": served.serving_warnings(warehouse, champion, challenger),
            "policy": _policy_note(settings, champion, policy),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _compute(
    warehouse: Warehouse, settings: Settings, as_of: date, lease: Lease
) -> tuple[Predictions, TierPolicy, pa.Table, dict[str, Any]]:
    """The predictions, the policy, the rows and the manifest of a snapshot."""
    champion = served.champion(warehouse, settings, as_of)
    features, features_digest = _features(warehouse, settings, as_of)
    served.require_features(champion, features)
    challenger = served.challenger(warehouse, settings, champion)
    predictions = predict_both(
        served.on_engine(champion, settings),
        challenger and served.on_engine(challenger, settings),
        features,
        barred(warehouse, settings, as_of, features),
    )
    policy = tier_policy(warehouse, settings, champion)
    by_arm, share = serve(settings, predictions, policy, as_of)
    previous_tiers = base_tiers(warehouse, lease.base_snapshot_id)
    rows = _rows(settings, as_of, predictions, by_arm, policy, previous_tiers)
    content = {
        "as_of": as_of,
        "base_snapshot_id": lease.base_snapshot_id,
        "policy_sha256": policy.sha256,
        "tiers_by": policy.by,
        "features_digest": features_digest,
        **manifest.of_models(
            champion, predictions.challenger, share=share, salt=settings.trial.salt
        ),
        "library_version": __version__,
        "reasons_version": reasons.VERSION,
        "minor_units": settings.calendar.minor_units,
        "population_count": features.num_rows,
        "scored_count": rows.num_rows,
        "excluded_count": predictions.exclusions.num_rows,
        "scores_digest": snapshot.digest(rows, predictions.exclusions),
    }
    return predictions, policy, rows, content


def barred(
    warehouse: Warehouse, settings: Settings, as_of: date, features: pa.Table
) -> dict[str, Bools]:
    """Masks of customers who are not scored, whatever the model could say of them, by reason."""
    customer_ids = features["customer_id"].cast(pa.string()).combine_chunks()
    return {
        "abnormal": is_excluded(customer_ids, abnormal_customers(warehouse, as_of)),
        "no_consent": refuses_profiling(warehouse, settings, customer_ids),
        "legal_hold": is_excluded(customer_ids, held_customers(warehouse)),
    }


def _features(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[pa.Table, str]:
    """The day's features by customer_id and their digest; built now if missing or stale."""
    features, digest = build.ensure_rows(warehouse, settings=settings, as_of=as_of)
    if features.num_rows == 0:
        raise NotReady(
            f"Nobody is active on {as_of}: no customer ordered in the {settings.churn.active_days} "
            "days before, so there is nobody to score. Load the deliveries of those days, or "
            "choose a day inside the data."
        )
    return features, digest


def tier_policy(warehouse: Warehouse, settings: Settings, champion: ServedModel) -> TierPolicy:
    """The policy approved with the champion; the settings' for the starter, or edited since."""
    if not arms.is_calibrated(champion):
        return TierPolicy(**configured_policy(settings))
    return TierPolicy(**policy_served(warehouse, settings, str(champion.version)))


def _policy_note(settings: Settings, champion: ServedModel, policy: TierPolicy) -> str | None:
    """Why tiers do not follow [tiers] of the settings, in words; None where they do."""
    configured = TierPolicy(**configured_policy(settings))
    if policy.sha256 == configured.sha256:
        return None
    return (
        f"Tiers follow the policy that was approved with version {champion.version} "
        f"({policy}), not [tiers] of the settings ({configured}). Edit [tiers] to serve another."
    )


def serve(
    settings: Settings,
    predictions: Predictions,
    policy: TierPolicy,
    as_of: date,
    usual: Mapping[str, float] | None = None,
) -> tuple[pa.Table, float]:
    """What each customer is served by their arm, and the share assigned to the challenger.

    For `usual` see `arms.served`.
    """
    models = (predictions.champion, predictions.challenger)
    is_trial = all(model is not None and arms.is_calibrated(model) for model in models)
    share = settings.trial.challenger_share if is_trial else 0.0
    rows, is_split = arms.served(
        predictions,
        split.assigned_to_challenger(
            predictions.scored["customer_id"].to_pylist(), settings.trial.salt, share
        ),
        as_of=as_of,
        policy=policy,
        margin_share=settings.value.margin_share,
        horizon_days=settings.value.horizon_days,
        minor_units=settings.calendar.minor_units,
        usual=usual,
    )
    return rows, share if is_split else 0.0


def _rows(
    settings: Settings,
    as_of: date,
    predictions: Predictions,
    by_arm: pa.Table,
    policy: TierPolicy,
    previous_tiers: pa.Table,
) -> pa.Table:
    """All columns of `scores.customer_daily` but the snapshot's number."""
    n = by_arm.num_rows
    probability = np.asarray(by_arm["churn_probability"].to_numpy(), dtype=np.float64)
    before = previous_tiers.take(
        pc.index_in(by_arm["customer_id"], value_set=previous_tiers["customer_id"])
    )
    previous = places(before["risk_tier"])
    tier = policy.tier_of(np.asarray(by_arm["tier_position"].to_numpy()), previous)
    by_arm = by_arm.drop_columns("tier_position")
    previous_since = before["tier_since"].to_numpy().astype("datetime64[D]")
    since = tier_since(tier, previous, previous_since, as_of)
    by_arm = reasons.with_one_reason(
        by_arm,
        tier > 0,
        predictions.scored,
        by_value=policy.by == "value",
        minor_units=settings.calendar.minor_units,
    )
    challenger = predictions.challenger_probability
    return pa.table(
        {
            "as_of": pa.repeat(pa.scalar(as_of), n),
            **{name: by_arm[name] for name in by_arm.column_names},
            "risk_percentile": value.risk_percentile(probability),
            "risk_tier": pa.array(TIERS).take(pa.array(tier)),
            "tier_since": pa.array(since, pa.date32()),
            "champion_probability": predictions.champion_probability,
            "challenger_probability": pa.array(challenger, mask=np.isnan(challenger)),
            "run_id": pa.repeat(pa.scalar(settings.run_id), n),
            "scored_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
        }
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(item["values"]): int(item["counts"]) for item in column.value_counts().to_pylist()}
