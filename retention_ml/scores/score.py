"""The door `score`: every active customer of a day, scored beside what readers see.

Nothing becomes visible here; `publish` flips the pointer.
"""

import time
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import __version__, clock, failpoints
from retention_ml.errors import NotReady
from retention_ml.models import timing as buying
from retention_ml.receipts import Receipt
from retention_ml.scores import reasons, served, snapshot, timing, value
from retention_ml.scores.claim import Claim, base_tiers, claim
from retention_ml.scores.tiers import TIERS, TierPolicy, positions, tier_since
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

if TYPE_CHECKING:
    from retention_ml.models.registry import ServedModel


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
    scored, probability, exclusions = _predict(champion, features)
    challenger, in_shadow = served.challenger(warehouse, settings, scored)
    policy = policy_of(settings)
    told = buying.of_manifest(champion.bundle.manifest)
    history = timing.history_of(scored)
    before = base_tiers(warehouse, right.base_snapshot_id)
    rows = pa.table(
        {
            "as_of": pa.repeat(pa.scalar(as_of), scored.num_rows),
            "customer_id": scored["customer_id"],
            "churn_probability": probability,
            "risk_percentile": value.risk_percentile(probability),
            **_tiers(policy, as_of, before, scored, probability),
            "expected_value_at_risk_cents": value.at_risk_cents(
                scored,
                probability,
                told,
                history,
                margin_share=settings.value.margin_share,
                horizon_days=settings.value.horizon_days,
            ),
            **_reasons(champion, scored),
            "challenger_probability": in_shadow,
            **_texts(
                scored.num_rows,
                arm=served.arm_of(champion),
                model_name=champion.name,
                model_version=champion.version,
                run_id=settings.run_id,
            ),
            "scored_at": _stamp(scored.num_rows),
            **timing.columns(as_of, probability, told, history),
        }
    )
    manifest: dict[str, Any] = {
        "as_of": as_of,
        "base_snapshot_id": right.base_snapshot_id,
        "definition_hash": str(champion.bundle.manifest["definition_hash"]),
        "policy_sha256": policy.sha256,
        "features_digest": features_digest,
        "model_name": champion.name,
        "model_version": str(champion.version),
        "bundle_sha256": champion.bundle.sha256,
        "challenger_version": str(challenger.version) if challenger else None,
        "challenger_bundle_sha256": challenger.bundle.sha256 if challenger else None,
        "library_version": __version__,
        "population_count": features.num_rows,
        "scored_count": rows.num_rows,
        "excluded_count": exclusions.num_rows,
        "scores_digest": snapshot.digest(rows, exclusions),
    }
    same = _published_alike(warehouse, manifest)
    snapshot_id = same or _write(warehouse, rows, exclusions, manifest, right, settings.run_id)
    receipt = Receipt(
        door="score",
        as_of=as_of,
        read=features.num_rows,
        written=0 if same else rows.num_rows,
        quarantined=exclusions.num_rows,
        duplicates=rows.num_rows if same else 0,
        seconds=time.perf_counter() - started,
        details={
            "snapshot_id": snapshot_id,
            "is_repeat": same is not None,
            "scores_digest": manifest["scores_digest"],
            "features_digest": features_digest,
            "model": f"{champion.name} v{champion.version}",
            "challenger": f"{challenger.name} v{challenger.version}" if challenger else None,
            "tiers": _counts(rows["risk_tier"]),
            "excluded": _counts(exclusions["reason_code"]),
            "is_calibrated": served.is_calibrated(champion),
            "caveat": served.caveat(champion, settings, as_of),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def policy_of(settings: Settings) -> TierPolicy:
    """The tier policy of the settings."""
    tiers = settings.tiers
    return TierPolicy(
        medium=tiers.medium, high=tiers.high, critical=tiers.critical, hysteresis=tiers.hysteresis
    )


def _features(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[pa.Table, str]:
    """The day's features by customer_id and their digest; built now if missing or stale."""
    from retention_ml.features import build, store

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


def _predict(
    champion: "ServedModel", features: pa.Table
) -> tuple[pa.Table, npt.NDArray[np.float64], pa.Table]:
    """Features of those scored, their probabilities, and those not scored with the reason."""
    reason = pa.array(snapshot.unscorable(features, champion.bundle.features), pa.string())
    is_out = pc.is_valid(reason)
    scored = features.filter(pc.invert(is_out))
    probability = np.asarray(champion.bundle.predict(scored), dtype=np.float64)
    is_probable = (probability >= 0) & (probability <= 1)
    ids = pa.concat_arrays(
        [
            *features["customer_id"].filter(is_out).chunks,
            *scored["customer_id"].filter(pa.array(~is_probable)).chunks,
        ]
        or [pa.array([], pa.string())]
    )
    codes = reason.drop_null().to_pylist()
    exclusions = pa.table(
        {
            "customer_id": ids,
            "reason_code": pa.array(
                codes + ["no_probability"] * (len(ids) - len(codes)), pa.string()
            ),
        }
    )
    return scored.filter(pa.array(is_probable)), probability[is_probable], exclusions


def _tiers(
    policy: TierPolicy,
    as_of: date,
    before: dict[str, tuple[str, date]],
    scored: pa.Table,
    probability: npt.NDArray[np.float64],
) -> dict[str, pa.Array]:
    known = [before.get(customer) for customer in scored["customer_id"].to_pylist()]
    previous = positions([old[0] if old else None for old in known])
    tier = policy.tier_of(probability, previous)
    since = tier_since(tier, previous, [old[1] if old else None for old in known], as_of)
    return {
        "risk_tier": pa.array([TIERS[index] for index in tier.tolist()], pa.string()),
        "tier_since": pa.array(since, pa.date32()),
    }


def _reasons(champion: "ServedModel", scored: pa.Table) -> dict[str, pa.Array]:
    names = champion.bundle.features
    contributions = (
        champion.bundle.contributions(scored)[0] if scored.num_rows else np.empty((0, len(names)))
    )
    return reasons.reasons(contributions, names, scored).columns()


def _texts(n: int, **values: str) -> dict[str, pa.Array]:
    return {name: pa.repeat(pa.scalar(str(text)), n) for name, text in values.items()}


def _stamp(n: int) -> pa.Array:
    return pa.repeat(pa.scalar(clock.now(), pa.timestamp("us", tz="UTC")), n)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(item["values"]): int(item["counts"]) for item in column.value_counts().to_pylist()}


def _published_alike(warehouse: Warehouse, manifest: dict[str, Any]) -> int | None:
    """The snapshot that readers of the day see, if it is equal in every respect."""
    conditions = " AND ".join(f"{name} IS NOT DISTINCT FROM :{name}" for name in manifest)
    with warehouse.transaction() as transaction:
        found = transaction.execute(
            "SELECT snapshot_id FROM scores.snapshots WHERE snapshot_id = (SELECT snapshot_id "
            f"FROM scores.published WHERE as_of = :as_of) AND {conditions}",
            **manifest,
        )
    return int(found[0][0]) if found else None


def _write(
    warehouse: Warehouse,
    rows: pa.Table,
    exclusions: pa.Table,
    manifest: dict[str, Any],
    right: Claim,
    run_id: str,
) -> int:
    stamped = {
        **manifest,
        "status": "built",
        "epoch": right.epoch,
        "promotion_id": right.promotion_id,
        "run_id": run_id,
        "built_at": clock.now(),
    }
    with warehouse.transaction() as transaction:
        snapshot_id = int(
            transaction.execute(
                f"INSERT INTO scores.snapshots ({', '.join(stamped)}) "
                f"VALUES ({', '.join(f':{name}' for name in stamped)}) RETURNING snapshot_id",
                **stamped,
            )[0][0]
        )
        for table, content in (("customer_daily", rows), ("exclusions", exclusions)):
            number = pa.repeat(pa.scalar(snapshot_id), content.num_rows)
            transaction.copy(f"scores.{table}", content.append_column("snapshot_id", number))
        failpoints.reach("score.after_rows")
        failpoints.reach("score.before_commit")
    return snapshot_id
