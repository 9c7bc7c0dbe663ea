"""What each model says of a day's customers: the champion of everybody, the challenger beside it."""

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
class Answers:
    """Both models on the same customers.

    Parameters
    ----------
    scored : pa.Table
        Features of those who are scored, n rows.
    champion, challenger : ServedModel
        Who answered; no challenger where there is none, or it answered of nobody.
    champion_probability : array of float64, shape (n,)
        Calibrated churn probabilities.
    challenger_probability : array of float64, shape (n,)
        NaN where it has no answer.
    exclusions : pa.Table
        `customer_id` and `reason_code` of those who are not scored.
    """

    scored: pa.Table
    champion: ServedModel
    champion_probability: Floats
    challenger: ServedModel | None
    challenger_probability: Floats
    exclusions: pa.Table


def answers(champion: ServedModel, challenger: ServedModel | None, features: pa.Table) -> Answers:
    """What both say of the customers of a feature table.

    The champion decides who is scored, so that who is scored does not depend on the arm. A
    challenger that fails is left out with a warning: it never stops the champion.
    """
    scored, said, exclusions = _of_champion(champion, features)
    beside = _of_challenger(challenger, scored)
    has_answered = bool(np.isfinite(beside).any())
    return Answers(
        scored=scored,
        champion=champion,
        champion_probability=said,
        challenger=challenger if has_answered else None,
        challenger_probability=beside,
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
    said = np.full(scored.num_rows, np.nan)
    if challenger is None or scored.num_rows == 0:
        return said
    names = challenger.bundle.features
    missing = set(names) - set(scored.column_names)
    if missing:
        logger.warning(
            "Challenger v%s reads %d features that are not computed; it does not score.",
            challenger.version,
            len(missing),
        )
        return said
    try:
        can = np.array([reason is None for reason in snapshot.unscorable(scored, names)])
        own = np.asarray(challenger.bundle.predict(scored.filter(pa.array(can))), dtype=np.float64)
        said[can] = np.where(_is_probable(own), own, np.nan)
    except Exception as error:  # whatever is wrong with a challenger, the champion scores
        logger.warning(
            "Challenger v%s does not score: it failed with %s.",
            challenger.version,
            type(error).__name__,
        )
        return np.full(scored.num_rows, np.nan)
    return said


def _is_probable(probability: Floats) -> Bools:
    return np.asarray((probability >= 0) & (probability <= 1))
