"""What abnormal customers are told by: counts made comparable between customers.

A share of few is not a share: it is counted as if `SHRINKAGE` ordinary lines, orders or marks came
on top, or customers with one order would fill the list.
"""

import numpy as np

from retention_ml.abnormal.behaviour import Behaviour
from retention_ml.statistics.arrays import Floats

SHRINKAGE = 5.0


def shrunk(part: Floats, whole: Floats) -> Floats:
    """Shares with `SHRINKAGE` more in the whole, shape (n,).

    >>> shrunk(np.array([1.0, 45.0]), np.array([1.0, 45.0])).round(2).tolist()
    [0.17, 0.9]
    """
    return np.asarray(part / (whole + SHRINKAGE))


def measures(b: Behaviour) -> dict[str, Floats]:
    """Measures by name, each of shape (n,), high where a customer is unusual; none is missing."""
    pieces = float(b.pieces_count.sum() / max(1.0, b.lines_count.sum()))
    views = float(b.views_count.sum() / max(1.0, b.sessions_count.sum()))
    return {
        "views_per_session": (b.views_count + SHRINKAGE * views) / (b.sessions_count + SHRINKAGE),
        "views_day_max": b.views_day_max,
        "views_per_order": b.views_count / (b.orders_count + 1.0),
        "unseen_share": shrunk(b.unseen_orders_count, b.orders_count),
        "unseen_burst_count": b.unseen_burst_count,
        "top_product_share": shrunk(b.top_product_lines_count, b.lines_count),
        "best_share": shrunk(b.rating_permille / 1000.0, b.ratings_count),
        "returns_count": b.returns_count,
        "returned_share": shrunk(
            b.returned_lines_count, np.maximum(b.lines_count, b.returned_lines_count)
        ),
        "refund_share": b.refund_cents
        / (np.maximum(b.revenue_cents, b.refund_cents) + SHRINKAGE * _mean_line(b)),
        "pieces_per_line": (b.pieces_count + SHRINKAGE * pieces) / (b.lines_count + SHRINKAGE),
    }


def far_above(values: Floats) -> float:
    """Twice what three quarters of the customers stay below who have any; 0 without such.

    A quartile stays where it is, also where some in a hundred are abnormal.

    >>> far_above(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 900.0]))
    8.0
    """
    some = values[values > 0]
    return float(2 * np.quantile(some, 0.75)) if len(some) else 0.0


def outer_fence(values: Floats) -> float:
    """Tukey's outer fence of the logarithms: three spreads of the quartiles above the upper one.

    0 where nobody has any.

    >>> round(outer_fence(np.array([1.0, 2.0, 2.0, 4.0, 4.0])))
    32

    References
    ----------
    Tukey (1977), Exploratory Data Analysis.
    """
    some = np.log(values[values > 0])
    if len(some) == 0:
        return 0.0
    lower, upper = np.quantile(some, [0.25, 0.75])
    return float(np.exp(upper + 3 * (upper - lower)))


def _mean_line(b: Behaviour) -> float:
    return float(b.revenue_cents.sum() / max(1.0, b.lines_count.sum())) + 1.0
