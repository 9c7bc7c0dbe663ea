"""The door `score`: every active customer of a day, scored beside what readers see.

Nothing becomes visible here; `publish` flips the pointer.
"""

import time
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml import __version__, clock
from retention_ml.errors import NotReady
from retention_ml.features import build, store
from retention_ml.models.promotion.decisions import policy_served
from retention_ml.models.promotion.policy import asked_for
from retention_ml.receipts import Receipt
from retention_ml.scores import arms, manifest, served, snapshot, split, value
from retention_ml.scores.claim import base_tiers, claim
from retention_ml.scores.model_predictions import Answers, answers
from retention_ml.scores.tiers import TIERS, TierPolicy, positions, tier_since
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
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
    right = claim(warehouse, as_of)
    champion = served.champion(warehouse, settings, as_of)
    features, features_digest = _features(warehouse, settings, as_of)
    served.demand_features(champion, features)
    challenger = served.challenger(warehouse, settings, champion)
    said = answers(champion, challenger, features)
    policy = _policy(warehouse, settings, said)
    own, share = _served(settings, said, as_of)
    before = base_tiers(warehouse, right.base_snapshot_id)
    rows = _rows(settings, as_of, said, own, policy, before)
    told = {
        "as_of": as_of,
        "base_snapshot_id": right.base_snapshot_id,
        "policy_sha256": policy.sha256,
        "features_digest": features_digest,
        **manifest.of_models(champion, said.challenger, share=share, salt=settings.trial.salt),
        "library_version": __version__,
        "population_count": features.num_rows,
        "scored_count": rows.num_rows,
        "excluded_count": said.exclusions.num_rows,
        "scores_digest": snapshot.digest(rows, said.exclusions),
    }
    same = manifest.published_alike(warehouse, told)
    snapshot_id = same or manifest.write(
        warehouse, rows, said.exclusions, told, right, settings.run_id
    )
    receipt = Receipt(
        door="score",
        as_of=as_of,
        read=features.num_rows,
        written=0 if same else rows.num_rows,
        quarantined=said.exclusions.num_rows,
        duplicates=rows.num_rows if same else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": same is not None,
            "scores_digest": told["scores_digest"],
            "features_digest": features_digest,
            "model": f"{champion.name} v{champion.version}",
            "challenger": (
                f"{said.challenger.name} v{said.challenger.version}" if said.challenger else None
            ),
            "challenger_share": told["challenger_share"],
            "arms": _counts(rows["arm"]),
            "tiers": _counts(rows["risk_tier"]),
            "excluded": _counts(said.exclusions["reason_code"]),
            "is_calibrated": arms.is_calibrated(champion),
            "caveat": served.caveat(champion, settings, as_of),
            "policy": _policy_note(settings, said, policy),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _features(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[pa.Table, str]:
    """The day's features by customer_id and their digest; built now if missing or stale."""

    build.ensure(warehouse, settings=settings, days=[as_of])
    with warehouse.transaction() as transaction:
        built = transaction.execute(
            "SELECT features_digest FROM features.builds WHERE as_of = :as_of "
            "ORDER BY build_id DESC LIMIT 1",
            as_of=as_of,
        )
    digest = built[0].features_digest
    features = store.read(warehouse, [as_of]).sort_by("customer_id")
    if features.num_rows == 0:
        raise NotReady(
            f"Nobody is active on {as_of}: no customer ordered in the {settings.churn.active_days} "
            "days before, so there is nobody to score. Load the deliveries of those days, or "
            "choose a day inside the data."
        )
    return features, str(digest)


def _policy(warehouse: Warehouse, settings: Settings, said: Answers) -> TierPolicy:
    """The policy approved with the champion; the settings' for the starter, or edited since."""
    if not arms.is_calibrated(said.champion):
        return TierPolicy(**asked_for(settings))
    return TierPolicy(**policy_served(warehouse, settings, str(said.champion.version)))


def _policy_note(settings: Settings, said: Answers, policy: TierPolicy) -> str | None:
    """Why tiers do not follow [tiers] of the settings, in words; None where they do."""
    asked = TierPolicy(**asked_for(settings))
    if policy.sha256 == asked.sha256:
        return None
    return (
        f"Tiers follow the policy that was approved with version {said.champion.version} "
        f"({policy}), not [tiers] of the settings ({asked}). Edit [tiers] to serve another."
    )


def _served(settings: Settings, said: Answers, as_of: date) -> tuple[pa.Table, float]:
    """What the customers' arms serve, and the share of them dealt to the challenger."""
    models = (said.champion, said.challenger)
    is_trial = all(model is not None and arms.is_calibrated(model) for model in models)
    share = settings.trial.challenger_share if is_trial else 0.0
    rows, is_split = arms.served(
        said,
        split.is_challenged(said.scored["customer_id"].to_pylist(), settings.trial.salt, share),
        as_of=as_of,
        margin_share=settings.value.margin_share,
        horizon_days=settings.value.horizon_days,
    )
    return rows, share if is_split else 0.0


def _rows(
    settings: Settings,
    as_of: date,
    said: Answers,
    own: pa.Table,
    policy: TierPolicy,
    before: dict[str, tuple[str, date]],
) -> pa.Table:
    """All columns of `scores.customer_daily` but the snapshot's number."""
    n = own.num_rows
    probability = np.asarray(own["churn_probability"].to_numpy(), dtype=np.float64)
    beside = said.challenger_probability
    columns = {name: own[name] for name in own.column_names}
    return pa.table(
        {
            "as_of": pa.repeat(pa.scalar(as_of), n),
            **columns,
            "risk_percentile": value.risk_percentile(probability),
            **_tiers(policy, as_of, before, own, probability),
            "champion_probability": said.champion_probability,
            "challenger_probability": pa.array(beside, mask=np.isnan(beside)),
            "run_id": pa.repeat(pa.scalar(settings.run_id), n),
            "scored_at": pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n),
        }
    )


def _tiers(
    policy: TierPolicy,
    as_of: date,
    before: dict[str, tuple[str, date]],
    scored: pa.Table,
    probability: Floats,
) -> dict[str, pa.Array]:
    known = [before.get(customer) for customer in scored["customer_id"].to_pylist()]
    previous = positions([old[0] if old else None for old in known])
    tier = policy.tier_of(probability, previous)
    since = tier_since(tier, previous, [old[1] if old else None for old in known], as_of)
    return {
        "risk_tier": pa.array([TIERS[index] for index in tier.tolist()], pa.string()),
        "tier_since": pa.array(since, pa.date32()),
    }


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(item["values"]): int(item["counts"]) for item in column.value_counts().to_pylist()}
