"""How a customer's risk is spread over time, and when the next order is to be expected.

The champion predicts the probability that no order comes within its own horizon. How that
probability falls with shorter and rises with longer spans follows the buying process of the shop
(`models.bundle.timing`), whose curve is adjusted, for each customer, to go through the
champion's point.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pyarrow as pa

from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.bundle.timing import Timing
from retention_ml.scores.snapshot import HORIZONS_DAYS, column
from retention_ml.statistics.arrays import Floats

FEATURES = ("purchase_days_count", "recency_days", "tenure_days")
_SURE = 1e-9
_ALIVE_MIN = 0.05
_REACHES_MAX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """When customers bought, in days; each shape (n,), NaN where not known.

    Parameters
    ----------
    frequency, recency, T : array of float64
        x, t_x and T of a buying process, see `models.btyd.purchase_summary`: t_x counts from the
        first to the last purchase day, unlike the feature `recency_days`.
    """

    frequency: Floats
    recency: Floats
    T: Floats

    @classmethod
    def of(cls, purchase_days_count: Floats, recency_days: Floats, tenure_days: Floats) -> Self:
        """The histories behind three features; NaN in all where one of them is not known.

        An impossible recency (beyond tenure) is clipped to the tenure.
        """
        days, silent, tenure = np.broadcast_arrays(purchase_days_count, recency_days, tenure_days)
        is_complete = np.isfinite(days) & np.isfinite(silent) & np.isfinite(tenure)
        T = np.where(is_complete, np.maximum(tenure, 0.0), np.nan)
        return cls(
            frequency=np.where(is_complete, np.maximum(days - 1.0, 0.0), np.nan),
            recency=T - np.clip(silent, 0.0, T),
            T=T,
        )


def history_of(features: pa.Table) -> History:
    """The histories of the customers of a feature table, NaN where it lacks them."""
    return History.of(*(feature_or_nan(features, name) for name in FEATURES))


def feature_or_nan(features: pa.Table, name: str) -> Floats:
    """A feature, shape (n,), NaN where it is missing, also where the whole column is."""
    if name in features.column_names:
        return column(features, name)
    return np.full(features.num_rows, np.nan)


def columns(
    as_of: date, probability: Floats, timing: Timing | None, history: History
) -> dict[str, pa.Array]:
    """`no_order_probability_7d` to `_90d` and `next_order_expected_on` of scored customers.

    Null where the history is not known, and throughout where the model's bundle has no timing.
    """
    n = len(probability)
    curve, days = np.full((n, len(HORIZONS_DAYS)), np.nan), np.full(n, np.nan)
    if timing is not None:
        reach = timing.reach_days
        curve = no_order_probabilities(timing.process, history, probability, reach_days=reach)
        days = days_to_next_order(timing.process, history, reach_days=reach)
    return {
        **{
            f"no_order_probability_{horizon}d": pa.array(values, mask=np.isnan(values))
            for horizon, values in zip(HORIZONS_DAYS, curve.T, strict=True)
        },
        "next_order_expected_on": next_order_expected_on(as_of, days),
    }


def no_order_probabilities(
    process: BetaGeoNBD,
    history: History,
    probability: Floats,
    *,
    reach_days: int,
    horizons_days: tuple[int, ...] = HORIZONS_DAYS,
) -> Floats:
    """Probability that no order comes within each horizon, shape (n, m), NaN where not known.

    With S(h) the process's probability of no order in the first h days, p the champion's
    probability and H its horizon, it is S(h) to the power log p / log S(H): the process with the
    customer's intensity of ordering changed by one factor (proportional hazards). A longer
    horizon never has a higher probability, and at H it is p itself. 0 and 1 are clipped to
    a billionth away.

    Parameters
    ----------
    process : BetaGeoNBD
        Of the shop.
    history : History
        Of the customers, shape (n,).
    probability : array of float64, shape (n,)
        The champion's calibrated probability of no order.
    reach_days : int
        H: days from the day scored to the end of the champion's outcome window. Where the window
        opens with a lead, orders inside the lead keep nobody for the champion, yet count here.
    horizons_days : tuple of int, length m
        Days from the day scored on.
    """
    horizons = np.asarray(horizons_days, dtype=np.float64)
    frequency, recency, T = (
        values[:, None] for values in (history.frequency, history.recency, history.T)
    )
    p_no_order = process.p_no_order(frequency, recency, T, np.append(horizons, float(reach_days)))
    log_no_order = np.log(np.clip(p_no_order, _SURE, 1 - _SURE))
    champion = np.clip(probability, _SURE, 1 - _SURE)[:, None]
    factor = np.log(champion) / log_no_order[:, -1:]
    curve = np.clip(np.exp(factor * log_no_order[:, :-1]), _SURE, 1 - _SURE)
    # Rounding must not break the two promises either.
    curve = np.where(horizons <= reach_days, np.maximum(curve, champion), curve)
    curve = np.where(horizons >= reach_days, np.minimum(curve, champion), curve)
    order = np.argsort(horizons, kind="stable")
    curve[:, order] = np.minimum.accumulate(curve[:, order], axis=1)
    return np.asarray(curve)


def days_to_next_order(process: BetaGeoNBD, history: History, *, reach_days: int) -> Floats:
    """Days until the next order is expected of a customer who still buys, shape (n,).

    The median of the process given that the customer has not left: as probably sooner as later.
    (Most orders come before the mean, which is infinite after few purchases.) Three times
    `reach_days` at most: beyond, the day is a guess. NaN where the history is not known, or the
    customer still buys with a probability of less than 5 %.
    """
    with np.errstate(over="ignore"):  # a median of centuries is cut below
        median = process.days_to_order_quantile(history.frequency, history.T, 0.5)
    days = np.minimum(median, _REACHES_MAX * reach_days)
    alive = process.p_alive(history.frequency, history.recency, history.T)
    return np.where(alive >= _ALIVE_MIN, days, np.nan)


def next_order_expected_on(as_of: date, days: Floats) -> pa.Array:
    """The day on which a span after the first moment of `as_of` ends, null where NaN.

    Examples
    --------
    >>> next_order_expected_on(date(2026, 3, 1), np.array([0.4, 12.0, np.nan])).to_pylist()
    [datetime.date(2026, 3, 1), datetime.date(2026, 3, 13), None]
    """
    unknown = np.isnan(days)
    whole = np.floor(np.where(unknown, 0.0, days)).astype(np.int64)
    return pa.array(np.datetime64(as_of, "D") + whole, pa.date32(), mask=unknown)
