"""What is at risk with each customer: an amount of money and a rank."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def expected_value_at_risk_cents(
    probability: npt.NDArray[np.float64],
    revenue_cents: npt.NDArray[np.float64],
    *,
    revenue_days: int,
    horizon_days: int,
    margin_share: float,
) -> npt.NDArray[np.int64]:
    """Margin that is expected to be lost with each customer, in minor units, shape (n,).

    probability x `margin_share` x what the customer would spend in `horizon_days` if they went on
    as in the last `revenue_days` (the window for which revenue is at hand). A customer whose
    returns exceed their purchases, or whose revenue is not known, puts nothing at risk.

    Parameters
    ----------
    probability : array of float64, shape (n,)
        Calibrated churn probability in [0, 1].
    revenue_cents : array of float64, shape (n,)
        Revenue of the last `revenue_days`; NaN where not known.

    Examples
    --------
    >>> expected_value_at_risk_cents(
    ...     np.array([0.5]), np.array([20_000.0]), revenue_days=90, horizon_days=90,
    ...     margin_share=0.3,
    ... ).tolist()
    [3000]
    """
    revenue = np.nan_to_num(np.maximum(revenue_cents, 0), nan=0.0, posinf=0.0)
    lost = probability * margin_share * revenue * (horizon_days / revenue_days)
    return np.asarray(np.rint(lost), dtype=np.int64)


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


def risk_percentile(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The share of customers at no greater risk, in (0, 1]; 1 is the most at risk, shape (n,).

    Equal probabilities share the mean of their ranks, so the order of the rows does not matter.

    Examples
    --------
    >>> risk_percentile(np.array([0.2, 0.9, 0.2, 0.5])).tolist()
    [0.375, 1.0, 0.375, 0.75]
    """
    n = len(probability)
    if n == 0:
        return np.empty(0, dtype=np.float64)
    _, group, count = np.unique(probability, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(count)
    mean_rank = last_rank - (count - 1) / 2
    return np.asarray(mean_rank[group] / n, dtype=np.float64)
