"""A ranker is learnt on the newest days whose outcome is known, and calibrated on the newest."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from retention_ml.errors import NotReady
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors.trees import Trees, load_lightgbm, trees_only
from retention_ml.recommendations.candidates import Candidates
from retention_ml.recommendations.content import tf_idf
from retention_ml.recommendations.day_scoring import Day
from retention_ml.recommendations.newcomers import (
    CUSTOMERS_MIN,
    Newcomers,
    evaluated,
    is_newcomer,
)
from retention_ml.recommendations.pair_features import FEATURES, Values
from retention_ml.recommendations.purchases import Codes, PurchaseLog
from retention_ml.recommendations.ranker import MODEL_NAME, Ranker
from retention_ml.statistics.arrays import Bools, Floats, is_among, sigmoid

_ROUNDS = 250
_NEGATIVES_SHARE = 0.34  # of the pairs that were not bought; they count as many times more
_PARAMS = {
    "objective": "binary",
    "num_leaves": 12,
    "learning_rate": 0.06,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 127,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
}
_BUYERS_MIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How a ranker is learnt.

    Parameters
    ----------
    horizon_days : int
        Length of the window whose purchases are foretold.
    active_days : int
        Customers with a purchase in so many days are learnt from.
    settle_days : int
        A window counts so many days after its end.
    learn_days : int
        At most so many past days, windows apart.
    customers_max : int
        Customers of each day to learn from; of more, so many are drawn.
    products_max : int
        Products that EASE knows.
    seed, threads : int
    """

    horizon_days: int
    active_days: int
    settle_days: int = 1
    learn_days: int = 3
    customers_max: int = 4_000
    products_max: int = 4_000
    seed: int = 1
    threads: int = 1


def matured_days(log: PurchaseLog, as_of: date, learning: Learning) -> list[date]:
    """The days to learn from, newest first: their windows do not overlap and are known whole.

    A day has at least a window of purchases before it.
    """
    if log.begins_on is None or log.ends_on is None:
        return []
    horizon = timedelta(days=learning.horizon_days)
    until = min(as_of - timedelta(days=learning.settle_days), log.ends_on)
    days = [until - (number + 1) * horizon for number in range(learning.learn_days)]
    return [day for day in days if day >= log.begins_on + horizon]


def fit_ranker(log: PurchaseLog, *, as_of: date, learning: Learning) -> Ranker:
    """The ranker that can be learnt from what was known at the start of a day.

    Parameters
    ----------
    log : PurchaseLog
        What was known then: `read_log` or `PurchaseLog.upto` of that day.

    Raises
    ------
    NotReady
        No past day's outcome is known, or too few customers bought anything in it.
    """
    days = matured_days(log, as_of, learning)
    if not days:
        needed = 2 * learning.horizon_days + learning.settle_days
        raise NotReady(
            f"No ranker can be learnt at {as_of}: the purchases begin on {log.begins_on}; expected "
            f"at least {needed} days of them, a window to look back on and one whose outcome is "
            "known. Ingest more history, or wait; until then lists are made of purchases alone."
        )
    vectors = tf_idf(log.descriptions)
    samples = [_sample(log, day, learning, number, vectors) for number, day in enumerate(days)]
    newest = samples[0]
    if newest.buyers_count < _BUYERS_MIN:
        raise NotReady(
            f"No ranker can be learnt at {as_of}: {newest.buyers_count} active customers bought "
            f"something in the {learning.horizon_days} days from {days[0]}; expected at least "
            f"{_BUYERS_MIN}. Until then lists are made of purchases alone."
        )
    trees = _grow(samples, learning)
    slope, intercept = _calibration(trees, newest)
    return Ranker.of(
        Bundle.of(
            trees,
            model_name=MODEL_NAME,
            features=FEATURES,
            slope=slope,
            intercept=intercept,
            threads=learning.threads,
            as_of=str(as_of),
            recommendations={
                "horizon_days": learning.horizon_days,
                "active_days": learning.active_days,
                "products_max": learning.products_max,
                "learn_days": [str(day) for day in days],
                "pairs_count": sum(len(sample.bought) for sample in samples),
                "bought_share": float(np.average(newest.bought, weights=newest.weights)),
                "newcomers": _newcomers(samples, learning).about,
            },
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """Pairs of a day: all that were bought, some of the others with more weight."""

    customer: Codes
    product: Codes
    values: Values
    bought: Bools
    weights: npt.NDArray[np.float32]
    buyers_count: int


def _sample(
    log: PurchaseLog, as_of: date, learning: Learning, number: int, vectors: Any
) -> _Sample:
    purchases = log.known_at(as_of)
    outcome = log.outcome(as_of, learning.horizon_days)
    bought_keys = outcome.customer.astype(np.int64) << 32 | outcome.product
    day = Day.of(
        purchases,
        products_max=learning.products_max,
        horizon_days=learning.horizon_days,
        vectors=vectors,
    )
    customers = purchases.active(learning.active_days)
    rng = np.random.default_rng([learning.seed, number])
    if len(customers) > learning.customers_max:
        customers = np.sort(rng.choice(customers, learning.customers_max, replace=False))

    def choose(pairs: Candidates) -> Bools:
        is_bought = is_among(pairs.customer_keys, bought_keys)
        return np.asarray(is_bought | (rng.random(len(pairs)) < _NEGATIVES_SHARE))

    parts = [(pairs.customer_keys, values) for pairs, values in day.chunks(customers, choose)]
    keys = np.concatenate([part for part, _ in parts])
    is_bought = is_among(keys, bought_keys)
    return _Sample(
        customer=(keys >> 32).astype(np.int32),
        product=(keys & 0xFFFFFFFF).astype(np.int32),
        values=np.concatenate([values for _, values in parts]),
        bought=is_bought,
        weights=np.where(is_bought, 1.0, 1.0 / _NEGATIVES_SHARE).astype(np.float32),
        buyers_count=int(np.isin(customers, outcome.customer).sum()),
    )


def _newcomers(samples: list[_Sample], learning: Learning) -> Newcomers:
    """What counts for newcomers, by a ranker learnt on the other days, evaluated on the newest."""
    newest, older = samples[0], samples[1:]
    buyers = newest.customer[newest.bought & is_newcomer(newest.values)]
    if not older or len(np.unique(buyers)) < CUSTOMERS_MIN:
        return Newcomers(customers_count=len(np.unique(buyers)))
    trees = _grow(older, learning)
    slope, intercept = _calibration(trees, older[0])
    margin = trees.margin(cast(Floats, newest.values))
    return evaluated(
        newest.customer,
        newest.product,
        newest.bought,
        sigmoid(slope * margin + intercept),
        newest.values,
        seed=learning.seed,
    )


def _grow(samples: list[_Sample], learning: Learning) -> Trees:
    lightgbm = load_lightgbm()
    params = {**_PARAMS, "num_threads": learning.threads, "seed": learning.seed}
    data = lightgbm.Dataset(
        np.concatenate([sample.values for sample in samples]),
        np.concatenate([sample.bought for sample in samples]).astype(np.float32),
        weight=np.concatenate([sample.weights for sample in samples]),
        feature_name=list(FEATURES),
        params=params,
    )
    booster = lightgbm.train(params, data, _ROUNDS)
    return Trees(texts=(trees_only(booster.model_to_string()),), threads=learning.threads)


def _calibration(trees: Trees, newest: _Sample) -> tuple[float, float]:
    """Slope and intercept that fit the log-odds to the newest day (Platt), by Newton's method."""
    margin = trees.margin(cast(Floats, newest.values))
    bought, weights = newest.bought.astype(np.float64), newest.weights.astype(np.float64)
    coefficients: Floats = np.array([1.0, 0.0])
    design = np.stack([margin, np.ones_like(margin)], axis=1)
    for _ in range(30):
        probability = 1.0 / (1.0 + np.exp(-(design @ coefficients)))
        gradient = design.T @ (weights * (bought - probability))
        curvature = weights * probability * (1.0 - probability)
        hessian = (design * curvature[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            break
    return max(0.0, float(coefficients[0])), float(coefficients[1])
