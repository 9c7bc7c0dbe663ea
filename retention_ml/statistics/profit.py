"""What a ranking of customers earns when the budget for offers is spent by it.

An offer is made to the customers with the highest expected gain,

    gain = p x save_rate x margin_share x revenue - offer_cost,

as long as it is above zero and the budget lasts; then what really happened counts: each customer
reached costs `offer_cost`, and of those who did churn `save_rate` would have been kept, each worth
margin_share x revenue. The revenue is an estimate, the same for every model (`revenue_as_lately_cents`):
what a customer who left would have spent cannot be observed. So this compares rankings; it is no
forecast of a campaign, whose effect only an experiment shows.

References
----------
Óskarsdóttir, Baesens, Vanthienen, "Profit-based model selection for customer retention using
individual customer lifetime values", Big Data, 2018: the same balance of costs and saved value,
there maximised over the share that is reached, here at the share that the budget allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import batches
from retention_ml.statistics.metrics import Evaluation, Predictions, among_first, evaluate

PROFIT = "profit_per_thousand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What reaching a customer costs and brings.

    Parameters
    ----------
    cost_cents : float
        Of reaching one customer, in minor units.
    save_rate : float
        Of the customers who would have churned, an offer keeps this share.
    margin_share : float
        Of revenue.
    budget_share : float
        Of the customers of a day this share can be reached.
    minor_units : int
        Smallest units of money in a whole one.
    """

    cost_cents: float
    save_rate: float
    margin_share: float
    budget_share: float
    minor_units: int


def expected_gain_cents(probability: Floats, revenue_cents: Floats, offer: Offer) -> Floats:
    """What an offer to each customer is expected to earn, in minor units, shape (n,).

    Examples
    --------
    >>> offer = Offer(
    ...     cost_cents=500, save_rate=0.1, margin_share=0.3, budget_share=0.1, minor_units=100
    ... )
    >>> expected_gain_cents(np.array([0.5, 0.01]), np.array([50_000.0, 50_000.0]), offer).tolist()
    [250.0, -485.0]
    """
    saved = offer.save_rate * offer.margin_share * _non_negative(revenue_cents)
    return np.asarray(probability * saved - offer.cost_cents)


def earned_per_thousand(
    probability: Floats,
    outcome: Floats,
    weights: Floats | None = None,
    *,
    revenue_cents: Floats,
    offer: Offer,
) -> Floats:
    """What the offers would have earned, in the shop's currency per thousand customers.

    Parameters
    ----------
    probability, outcome, revenue_cents : arrays of float64, shape (n,)
        Of the customers of one day; a revenue that is not known counts as none.
    weights : array of float64, shape (draws, n), optional
        How often each row counts; default once.

    Returns
    -------
    array of float64, shape (draws,)
    """
    weights = np.ones((1, len(outcome))) if weights is None else weights
    gain = expected_gain_cents(probability, revenue_cents, offer)
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0]
    if len(order) == 0:
        return np.zeros(len(weights))
    ends = np.flatnonzero(np.append(np.diff(gain[order]) != 0, True))
    saved = outcome * offer.save_rate * offer.margin_share * _non_negative(revenue_cents)
    earned = (saved - offer.cost_cents)[order]
    parts = []
    for batch in batches(len(weights), len(outcome)):
        w = weights[batch]
        total = w.sum(axis=1)
        counts = np.cumsum(w[:, order], axis=1)[:, ends]
        sums = np.cumsum(w[:, order] * earned, axis=1)[:, ends]
        reached = np.minimum(total * offer.budget_share, counts[:, -1])
        parts.append(among_first(sums, counts, reached) / total * 1_000 / offer.minor_units)
    return np.concatenate(parts)


def profits(
    predictions: Predictions,
    revenue_cents: Floats,
    offer: Offer,
    *,
    draws: int,
    seed: int,
    models: Sequence[str] | None = None,
) -> Evaluation:
    """`PROFIT` of every model: means over days with 95 % intervals over customers, paired.

    Parameters
    ----------
    revenue_cents : array of float64, shape (n,)
        What each customer spends if retained, the same for all models.
    """

    def measure(*arrays: Floats, revenue_cents: Floats) -> dict[str, Floats]:
        return {PROFIT: earned_per_thousand(*arrays, revenue_cents=revenue_cents, offer=offer)}

    return evaluate(
        predictions,
        draws=draws,
        seed=seed,
        models=models,
        measure=measure,
        revenue_cents=revenue_cents,
    )


def revenue_as_lately_cents(
    revenue_cents: Floats, *, revenue_days: int, horizon_days: int
) -> Floats:
    """What each customer spends in `horizon_days` if they go on as lately, shape (n,).

    Parameters
    ----------
    revenue_cents : array of float64, shape (n,)
        Revenue of the last `revenue_days`, see `revenue_window_days`; NaN where not known.

    Examples
    --------
    >>> revenue_as_lately_cents(np.array([20_000.0]), revenue_days=180, horizon_days=90).tolist()
    [10000.0]
    """
    return np.asarray(revenue_cents * (horizon_days / revenue_days))


def revenue_window_days(available_days: Sequence[int], horizon_days: int) -> int:
    """The window of `available_days` to scale from: the shortest that covers the horizon.

    The longest there is where none covers it.

    Examples
    --------
    >>> revenue_window_days([7, 30, 90, 365], 60)
    90
    """
    covering = [days for days in available_days if days >= horizon_days]
    return min(covering) if covering else max(available_days)


def _non_negative(revenue_cents: Floats) -> Floats:
    return np.nan_to_num(np.maximum(revenue_cents, 0), nan=0.0, posinf=0.0)
