"""Matrix factorisation of another library on the same days: `implicit`'s ALS and BPR.

It is not a dependency. Install `implicit` (0.7) in a folder of its own and put that folder on
PYTHONPATH to have it take part in `python -m benchmarks.recommendations`; without it the table says
so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from retention_ml.recommendations.backtest.methods import Choice
from retention_ml.recommendations.baselines.method import Best, best
from retention_ml.recommendations.baselines.neighbours import joined
from retention_ml.recommendations.ease import matrix
from retention_ml.recommendations.purchases import Codes, Purchases

_HALF_LIFE_DAYS = 90.0
_AT_ONCE = 250
_BEST = 300  # of each customer, by score: enough own and other products for every list


def peers() -> list[Choice]:
    """The peers that are installed."""
    if not is_installed():
        return []
    return [
        Choice(
            name="implicit_als",
            method=Factors(kind="als", factors=64, rounds=15, penalty=0.05),
            meaning="implicit's alternating least squares on decayed purchases",
        ),
        Choice(
            name="implicit_bpr",
            method=Factors(kind="bpr", factors=64, rounds=100, penalty=0.01),
            meaning="implicit's Bayesian personalised ranking on purchases",
        ),
    ]


def is_installed() -> bool:
    """Whether the library can be imported."""
    return find_spec("implicit") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """A factorisation of who bought what.

    References
    ----------
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008;
    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
    """

    kind: str
    factors: int
    rounds: int
    penalty: float

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        age = purchases.day - purchases.event_day
        shape = (len(purchases.customer_ids), len(purchases.product_ids))
        bought = matrix(
            purchases.customer, purchases.product, shape, np.exp2(-age / _HALF_LIFE_DAYS)
        )
        bought.sum_duplicates()
        model = _MODELS[self.kind](self)
        model.fit(bought, show_progress=False)
        parts = []
        count = min(_BEST, shape[1])
        for first in range(0, len(customers), _AT_ONCE):
            codes = customers[first : first + _AT_ONCE]
            scores = model.user_factors[codes] @ model.item_factors[: shape[1]].T
            top = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            values = np.take_along_axis(scores, top, axis=1)
            positive = values - values.min(initial=0.0) + 1e-6
            row = np.repeat(np.arange(len(codes), dtype=np.int32), count)
            sparse = matrix(
                row, top.ravel().astype(np.int32), (len(codes), shape[1]), positive.ravel()
            )
            parts.append(best(purchases, codes, sparse))
        return joined(parts)


def _als(method: Factors) -> Any:
    from implicit.als import AlternatingLeastSquares  # type: ignore[import-not-found]

    return AlternatingLeastSquares(
        factors=method.factors,
        iterations=method.rounds,
        regularization=method.penalty,
        num_threads=1,
        random_state=1,
    )


def _bpr(method: Factors) -> Any:
    from implicit.bpr import BayesianPersonalizedRanking  # type: ignore[import-not-found]

    return BayesianPersonalizedRanking(
        factors=method.factors,
        iterations=method.rounds,
        regularization=method.penalty,
        num_threads=1,
        random_state=1,
    )


_MODELS: dict[str, Callable[[Factors], Any]] = {"als": _als, "bpr": _bpr}
