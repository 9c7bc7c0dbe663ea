"""Each model's predictions for a day's customers, and who cannot be scored."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.errors import frames_of
from retention_ml.models.registry.model_version import ServedModel
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
    champion: ServedModel,
    challenger: ServedModel | None,
    features: pa.Table,
    barred: Mapping[str, Bools] | None = None,
) -> Predictions:
    """Both models' predictions for the customers of a feature table.

    `barred` are masks of customers, shape (n,), who are not scored, by reason; the last one counts.

    The champion decides who is scored, so that who is scored does not depend on the arm. A
    challenger that fails is ignored with a warning: it never stops the champion.
    """
    probability, reason = _probabilities(champion, features, barred or {})
    is_scored = np.isfinite(probability)
    scored = snapshot.rows_where(features, is_scored)
    exclusions = pa.table(
        {
            "customer_id": features["customer_id"].filter(pa.array(~is_scored)),
            "reason_code": pa.array(reason[~is_scored], pa.string()),
        }
    )
    challenger_probability = _of_challenger(challenger, scored)
    has_predicted = bool(np.isfinite(challenger_probability).any())
    return Predictions(
        scored=scored,
        champion=champion,
        champion_probability=probability[is_scored],
        challenger=challenger if has_predicted else None,
        challenger_probability=challenger_probability,
        exclusions=exclusions,
    )


def _probabilities(
    model: ServedModel, features: pa.Table, barred: Mapping[str, Bools]
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Probabilities, NaN where there is none, and why there is none, both of shape (n,)."""
    reason = snapshot.unscorable(features, model.bundle.features)
    for code, mask in barred.items():
        reason[mask] = code
    can = np.asarray(pa.array(reason, pa.string()).is_null())
    probability = np.full(features.num_rows, np.nan)
    probability[can] = model.bundle.predict(snapshot.rows_where(features, can))
    probability[~((probability >= 0) & (probability <= 1))] = np.nan
    reason[can & np.isnan(probability)] = "no_probability"
    return probability, reason


def _of_challenger(challenger: ServedModel | None, scored: pa.Table) -> Floats:
    """The challenger's probabilities, shape (n,), NaN where it has none."""
    unknown = np.full(scored.num_rows, np.nan)
    if challenger is None or scored.num_rows == 0:
        return unknown
    missing = set(challenger.bundle.features) - set(scored.column_names)
    if missing:
        logger.warning(
            "Challenger v%s reads %d features that are not computed; it does not score.",
            challenger.version,
            len(missing),
        )
        return unknown
    try:
        return _probabilities(challenger, scored, {})[0]
    except Exception as error:  # whatever is wrong with a challenger, the champion scores
        logger.warning(
            "Challenger v%s does not score: it failed with %s.\n%s",
            challenger.version,
            type(error).__name__,
            frames_of(error),
        )
        return unknown
