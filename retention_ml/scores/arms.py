"""What is served: each customer's score, reasons and timing, by the model of the customer's arm."""

import logging
from collections.abc import Mapping
from datetime import date
from functools import partial

import numpy as np
import pyarrow as pa

from retention_ml.errors import frames_of
from retention_ml.models.bundle import timing
from retention_ml.models.bundle.bundle import Bundle, parts_of
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.scores import horizons, reasons, snapshot, value
from retention_ml.scores.model_predictions import Predictions
from retention_ml.scores.tiers import TierPolicy
from retention_ml.scores.wording.evidence import usual_values
from retention_ml.statistics.arrays import Bools

logger = logging.getLogger(__name__)

CHAMPION, CHALLENGER, STARTER = "champion", "challenger", "starter"


def arm_of(champion: ServedModel) -> str:
    """Who serves where the challenger does not: `champion`, or `starter` before there is one."""
    return CHAMPION if is_calibrated(champion) else STARTER


def is_calibrated(model: ServedModel) -> bool:
    """Whether probabilities were ever compared with outcomes of this shop."""
    return bool(model.bundle.manifest.get("is_calibrated", True))


def served(
    predictions: Predictions,
    assigned_to_challenger: Bools,
    *,
    as_of: date,
    policy: TierPolicy,
    margin_share: float,
    horizon_days: int,
    minor_units: int,
    usual: Mapping[str, float] | None = None,
) -> tuple[pa.Table, bool]:
    """Columns of `scores.customer_daily` that come from one model, and `tier_position`, which the
    bounds of the tiers are compared with; n rows in the order of the predictions.

    A model explains its own customers only. Customers for whom the challenger has no
    prediction are the champion's; all are, with a warning, where the challenger cannot explain its
    scores. The second value says whether the challenger serves those assigned to it.

    `assigned_to_challenger` has shape (n,); for `margin_share` and `horizon_days` see
    `value.at_risk_cents`, and `minor_units` are the smallest units of money in a whole one. `usual`
    is what `usual_values` gave of all customers, where these are only some.
    """
    columns = partial(
        _columns,
        predictions,
        usual_values(predictions.scored, minor_units) if usual is None else usual,
        as_of=as_of,
        policy=policy,
        margin_share=margin_share,
        horizon_days=horizon_days,
        minor_units=minor_units,
    )
    mask = assigned_to_challenger & np.isfinite(predictions.challenger_probability)
    of_challenger = None
    if predictions.challenger is not None:
        try:
            of_challenger = columns(CHALLENGER, predictions.challenger, mask)
        except Exception as error:  # whatever is wrong with a challenger, the champion serves
            logger.warning(
                "Challenger v%s serves nobody: explaining its scores failed with %s.\n%s",
                predictions.challenger.version,
                type(error).__name__,
                frames_of(error),
            )
    champion = predictions.champion
    if of_challenger is None:
        return columns(arm_of(champion), champion, np.ones_like(mask)), False
    of_champion = columns(arm_of(champion), champion, ~mask)
    stacked = np.concatenate([np.flatnonzero(~mask), np.flatnonzero(mask)])
    rows = pa.concat_tables([of_champion, of_challenger])
    return rows.take(pa.array(np.argsort(stacked))), True


def _columns(
    predictions: Predictions,
    usual: Mapping[str, float],
    arm: str,
    model: ServedModel,
    mask: Bools,
    *,
    as_of: date,
    policy: TierPolicy,
    margin_share: float,
    horizon_days: int,
    minor_units: int,
) -> pa.Table:
    """What one model serves of the customers of the mask, all of whom it predicts."""
    probability = (
        predictions.challenger_probability
        if arm == CHALLENGER
        else predictions.champion_probability
    )
    is_predicted = np.isfinite(probability)
    probability, mask = probability[is_predicted], mask[is_predicted]
    features = snapshot.rows_where(predictions.scored, is_predicted)
    model_timing = timing.of_manifest(model.bundle.manifest)
    at_risk_cents = value.at_risk_cents(
        features,
        probability,
        model_timing,
        horizons.history_of(features),
        margin_share=margin_share,
        horizon_days=horizon_days,
    )
    # Among all whom the model predicts: the levels of two models in one ranking would make a tier
    # larger in one arm than in the other.
    position = policy.position(probability, at_risk_cents)[mask]
    probability, at_risk_cents = probability[mask], at_risk_cents[mask]
    features = snapshot.rows_where(features, mask)
    stamps = {"arm": arm, "model_name": model.name, "model_version": model.version}
    return pa.table(
        {
            "customer_id": features["customer_id"],
            "churn_probability": probability,
            "expected_value_at_risk_cents": at_risk_cents,
            "tier_position": position,
            **reasons_in_words(model.bundle, features, usual, minor_units),
            **{
                name: pa.repeat(pa.scalar(str(text)), features.num_rows)
                for name, text in stamps.items()
            },
            **horizons.columns(as_of, probability, model_timing, horizons.history_of(features)),
        }
    )


def reasons_in_words(
    bundle: Bundle, features: pa.Table, usual: Mapping[str, float], minor_units: int
) -> dict[str, pa.ChunkedArray]:
    """The columns of `Reasons`, part by part: contributions are as large as the features."""
    names = bundle.features
    tables = []
    for part in parts_of(features):
        contributions = (
            bundle.contributions(part)[0] if part.num_rows else np.empty((0, len(names)))
        )
        result = reasons.reasons(contributions, names, part, usual, minor_units=minor_units)
        tables.append(pa.table(result.columns()))
    rows = pa.concat_tables(tables)
    return dict(zip(rows.column_names, rows.columns, strict=True))
