"""Customers of whom little is known: how likely they buy is blended with how products sell.

Who bought on less than three days shows little of a taste. Half of their probability is the share
of all active customers who bought the product lately, unless the shop's own past shows that the
ranker's lists are better for them than best sellers; for whom no purchase is known it is all of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retention_ml.recommendations.metrics import Lists, Truth, customer_metrics
from retention_ml.recommendations.pair_features import FEATURES, Values
from retention_ml.recommendations.purchases import Codes
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.bootstrap import Interval, customer_weights, percentile_interval

NEWCOMER_DAYS = 3
"""Customers with fewer purchase days are newcomers."""

BLENDED_SHARE = 0.5
"""How much best sellers count in a newcomer's probability where nothing else is shown."""

CUSTOMERS_MIN = 20
"""With fewer newcomers who bought something, nothing is shown."""

_DAYS, _BUYERS = FEATURES.index("customer_days"), FEATURES.index("product_buyers_28d")
_SALES_MIN = 1e-6
_DRAWS, _LIST_SIZE = 400, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers:
    """What counts for newcomers, and why.

    Parameters
    ----------
    best_sellers_share : float
        How much best sellers count, 0 to 1.
    customers_count : int
        Newcomers of the evaluated day who bought something.
    difference : Interval or None
        In the sum of NDCG@10 of the mixed and the new list, ranker minus best sellers, customer by
        customer; None where there are too few customers.
    """

    best_sellers_share: float = BLENDED_SHARE
    customers_count: int = 0
    difference: Interval | None = None

    @property
    def about(self) -> dict[str, Any]:
        """As plain JSON values."""
        interval = self.difference
        return {
            "best_sellers_share": self.best_sellers_share,
            "customers_count": self.customers_count,
            "difference": interval and [round(float(each), 6) for each in interval],
        }


def is_newcomer(values: Values) -> Bools:
    """Which pairs, shape (n,), are a newcomer's, by their pair features."""
    return np.asarray(values[:, _DAYS] < NEWCOMER_DAYS)


def best_sellers_weight(values: Values, share: float) -> Floats:
    """How much best sellers count for each pair: 1 for whom no purchase is known.

    Examples
    --------
    >>> values = np.zeros((4, len(FEATURES)), dtype=np.float32)
    >>> values[:, _DAYS] = [0, 1, 2, 3]
    >>> best_sellers_weight(values, 0.5)
    array([1. , 0.5, 0.5, 0. ])
    """
    newcomer = np.where(is_newcomer(values), share, 0.0)
    return np.asarray(np.where(values[:, _DAYS] == 0, 1.0, newcomer))


def blended(probability: Floats, values: Values, share: float) -> Floats:
    """The ranker's probabilities, those of newcomers mixed with the product's share of buyers."""
    weight = best_sellers_weight(values, share)
    return (1.0 - weight) * probability + weight * _sales(values)


def blended_contributions(
    contributions: Floats, base: float, log_odds: Floats, values: Values, share: float
) -> Floats:
    """Contributions to the log-odds of blended probabilities: the rest is how the product sells.

    Parameters
    ----------
    contributions : array of float64, shape (n, k)
        To the ranker's calibrated log-odds, whose base is `base`.
    log_odds : array of float64, shape (n,)
        Of the blended probabilities.
    """
    weight = best_sellers_weight(values, share)
    added = contributions * (1.0 - weight)[:, None]
    rest = log_odds - base - added.sum(axis=1)
    added[:, _BUYERS] += np.where(weight > 0, rest, 0.0)
    return added


def evaluated(
    customer: Codes,
    product: Codes,
    bought: Bools,
    probability: Floats,
    values: Values,
    *,
    seed: int,
) -> Newcomers:
    """Whether the ranker alone is better for newcomers than best sellers, on a day's pairs.

    Parameters
    ----------
    customer, product, bought : array, shape (n,)
        Scored pairs of a day, ordered by customer, and whether they were bought.
    probability : array of float64, shape (n,)
        Of a ranker that has not learnt from that day.
    """
    gain = np.zeros(0)
    rows = is_newcomer(values)
    if (bought & rows).any():
        pairs = (customer[rows], product[rows], bought[rows])
        is_own = ~np.isnan(values[rows][:, FEATURES.index("own_days")])
        gain = _ndcg(*pairs, probability[rows], is_own) - _ndcg(
            *pairs, _sales(values[rows]), is_own
        )
    if len(gain) < CUSTOMERS_MIN:
        return Newcomers(customers_count=len(gain))
    weights = customer_weights(np.arange(len(gain)), _DRAWS, seed)
    interval = percentile_interval(float(gain.mean()), weights @ gain / weights.sum(axis=1))
    return Newcomers(
        best_sellers_share=0.0 if interval.lower > 0 else BLENDED_SHARE,
        customers_count=len(gain),
        difference=interval,
    )


def _ndcg(customer: Codes, product: Codes, bought: Bools, score: Floats, is_own: Bools) -> Floats:
    """NDCG@10 of the mixed and of the new list, summed, of the customers who bought something."""
    whole = Truth.of(customer, product, bought)
    total = np.zeros(len(whole.customers))
    for truth, mask in ((whole, None), (Truth.of(customer, product, bought & ~is_own), ~is_own)):
        lists = Lists.top(customer, product, score, _LIST_SIZE, mask)
        where = np.searchsorted(whole.customers, truth.customers)
        total[where] += customer_metrics(lists, truth)["ndcg"]
    return total


def _sales(values: Values) -> npt.NDArray[np.float64]:
    """The share of the active customers who bought the product of each pair in 28 days."""
    share = values[:, _BUYERS].astype(np.float64) / 1000.0
    return np.clip(share, _SALES_MIN, 1.0 - _SALES_MIN)
