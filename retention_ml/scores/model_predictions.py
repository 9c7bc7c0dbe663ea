"""Each model's predictions for a day's customers, and who cannot be scored."""

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.models.registry.mlflow_registry import ServedModel
from retention_ml.scores import snapshot
from retention_ml.statistics.arrays import Bools, Floats

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Both models on the same customers.

    Parameters
    ----------
    scored : pa.Table
        Features of those who are scored, n rows.
    champion, challenger : ServedModel
        Who predicted; no challenger where there is none, or it predicted nobody.
    champion_probability : array of float64, shape (n,)
        Calibrated churn probabilities.
    challenger_probability : array of float64, shape (n,)
        NaN where it has no prediction.
    exclusions : pa.Table
        `customer_id` and `reason_code` of those who are not scored.
    """

    scored: pa.Table
    champion: ServedModel
    champion_probability: Floats
    challenger: ServedModel | None
    challenger_probability: Floats
    exclusions: pa.Table


def predict_both(
    champion: ServedModel, challenger: ServedModel | None, features: pa.Table
) -> Predictions:
    """Both models' predictions for the customers of a feature table.

    The champion decides who is scored, so that who is scored does not depend on the arm. A
    challenger that fails is ignored with a warning: it never stops the champion.
    """
    scored, champion_probability, exclusions = _of_champion(champion, features)
    challenger_probability = _of_challenger(challenger, scored)
    has_predicted = bool(np.isfinite(challenger_probability).any())
    return Predictions(
        scored=scored,
        champion=champion,
        champion_probability=champion_probability,
        challenger=challenger if has_predicted else None,
        challenger_probability=challenger_probability,
        exclusions=exclusions,
    )


def _of_champion(champion: ServedModel, features: pa.Table) -> tuple[pa.Table, Floats, pa.Table]:
    """Features of those scored, their probabilities, and those not scored with the reason."""
    reason = pa.array(snapshot.unscorable(features, champion.bundle.features), pa.string())
    is_out = pc.is_valid(reason)
    scored = features.filter(pc.invert(is_out))
    probability = np.asarray(champion.bundle.predict(scored), dtype=np.float64)
    is_probable = _is_probable(probability)
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


def _of_challenger(challenger: ServedModel | None, scored: pa.Table) -> Floats:
    """The challenger's probabilities, shape (n,), NaN where it has none."""
    probability = np.full(scored.num_rows, np.nan)
    if challenger is None or scored.num_rows == 0:
        return probability
    names = challenger.bundle.features
    missing = set(names) - set(scored.column_names)
    if missing:
        logger.warning(
            "Challenger v%s reads %d features that are not computed; it does not score.",
            challenger.version,
            len(missing),
        )
        return probability
    try:
        can = np.array([reason is None for reason in snapshot.unscorable(scored, names)])
        of_some = np.asarray(
            challenger.bundle.predict(scored.filter(pa.array(can))), dtype=np.float64
        )
        probability[can] = np.where(_is_probable(of_some), of_some, np.nan)
    except Exception as error:  # whatever is wrong with a challenger, the champion scores
        logger.warning(
            "Challenger v%s does not score: it failed with %s.",
            challenger.version,
            type(error).__name__,
        )
        return np.full(scored.num_rows, np.nan)
    return probability


def _is_probable(probability: Floats) -> Bools:
    return np.asarray((probability >= 0) & (probability <= 1))
