"""What is at risk with each customer: an amount of money and a rank."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.features.families.purchases import WINDOWS
from retention_ml.models.bundle.timing import Timing
from retention_ml.scores.horizons import History, feature_or_nan
from retention_ml.scores.snapshot import column
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.profit import revenue_as_lately_cents, revenue_window_days


def at_risk_cents(
    features: pa.Table,
    probability: Floats,
    timing: Timing | None,
    history: History,
    *,
    margin_share: float,
    horizon_days: int,
) -> npt.NDArray[np.int64]:
    """Margin that is expected to be lost with each customer of a feature table, shape (n,).

    Of the revenue that the shop's buying process and spending expect (`revenue_if_retained_cents`);
    where the champion's bundle or the customer's history lacks these, of the revenue as lately
    (`revenue_as_lately_cents`).
    """
    days = revenue_window_days(WINDOWS, horizon_days)
    revenue = revenue_as_lately_cents(
        column(features, f"revenue_cents_{days}d"), revenue_days=days, horizon_days=horizon_days
    )
    if timing is not None:
        expected = revenue_if_retained_cents(
            timing, history, feature_or_nan(features, "revenue_cents"), horizon_days=horizon_days
        )
        revenue = np.where(np.isfinite(expected), expected, revenue)
    return expected_value_at_risk_cents(probability, revenue, margin_share=margin_share)


def expected_value_at_risk_cents(
    probability: Floats, revenue_cents: Floats, *, margin_share: float
) -> npt.NDArray[np.int64]:
    """Margin that is expected to be lost with each customer, in minor units, shape (n,).

    Calibrated churn probability in [0, 1] x `margin_share` x `revenue_cents`, what each customer
    spends in the value horizon if retained, both of shape (n,). Where the revenue is not known
    (NaN) or negative, nothing is at risk.

    Examples
    --------
    >>> expected_value_at_risk_cents(
    ...     np.array([0.5]), np.array([20_000.0]), margin_share=0.3
    ... ).tolist()
    [3000]
    """
    revenue = np.nan_to_num(np.maximum(revenue_cents, 0), nan=0.0, posinf=0.0)
    return np.asarray(np.rint(probability * margin_share * revenue), dtype=np.int64)


def revenue_if_retained_cents(
    timing: Timing, history: History, revenue_cents: Floats, *, horizon_days: int
) -> Floats:
    """What each customer is expected to spend in `horizon_days` if still a customer, shape (n,).

    Expected purchase days of a customer who has not left (buying process) x expected payment on a
    purchase day (Gamma-Gamma): with every purchase the customer's own mean counts more, against
    the mean of all. `revenue_cents` is what was paid so far, shape (n,). NaN where the history or
    the revenue is not known, or the shop's spending is not.

    Examples
    --------
    >>> from retention_ml.models.btyd.gamma_gamma import SpendModel
    >>> from retention_ml.models.btyd.nbd import BetaGeoNBD
    >>> shop = Timing(
    ...     process=BetaGeoNBD(r=1.0, alpha=50.0, a=0.8, b=3.0, modified=True),
    ...     spend=SpendModel(p=4.0, q=4.0, v=1500.0),
    ...     lead_days=0,
    ...     horizon_days=90,
    ... )
    >>> once, often = np.array([1.0, 9.0]), np.array([10.0, 10.0])
    >>> history = History.of(once, often, np.array([10.0, 300.0]))
    >>> paid = once * 6000.0
    >>> revenue_if_retained_cents(shop, history, paid, horizon_days=90).round().tolist()
    [5297.0, 12229.0]
    """
    if timing.spend is None:
        return np.full(len(revenue_cents), np.nan)
    purchase_days = history.frequency + 1.0
    paid = np.maximum(revenue_cents, 0.0) / purchase_days
    orders = timing.process.expected_orders_if_alive(
        history.frequency, history.T, float(horizon_days)
    )
    return np.asarray(orders * timing.spend.expected_value(purchase_days, paid))


def risk_percentile(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rank of each customer by risk as a share of all, in (0, 1]; 1 is the most at risk.

    Shape (n,). Equal probabilities share the mean of their ranks, so the order of the rows does not
    matter.

    Examples
    --------
    >>> risk_percentile(np.array([0.2, 0.9, 0.2, 0.5])).tolist()
    [0.375, 1.0, 0.375, 0.75]
    """
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(ranks[place] / len(probability), dtype=np.float64)
