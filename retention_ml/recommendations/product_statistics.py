"""What is known of every product on a day: how many buy it, how often again, since when."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.recommendations.ease import (
    WINDOW_DAYS,
    Ease,
    Scores,
    distinct_pairs,
    fit_ease,
    matrix,
)
from retention_ml.recommendations.purchases import Codes, Purchases, rows_of

_WINDOWS = (7, 28, 90, 365)
_YEAR_DAYS = 364  # whole weeks
# As if so many buyers, returning as often as all buyers do, had been added to each product.
_PRIOR_BUYERS = 20.0
PRODUCT_FEATURES = (
    *(f"product_buyers_{days}d" for days in _WINDOWS),
    "product_trend",
    "product_age_days",
    "product_days_since_sold",
    "product_again_share",
    "product_interval_days",
    "product_year_ago",
)
# From broad to narrow; a level on which nearly every product stands alone says nothing.
LEVELS = ("category", "subcategory", "name")
_ALONE_SHARE_MAX = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductStatistics:
    """The day's products.

    Parameters
    ----------
    values : array of float32, shape (products, k)
        Columns `PRODUCT_FEATURES`.
    buyers : array of int32, shape (products,)
        Distinct buyers of the last 28 days.
    groups : mapping of str to array of int32, shape (products,)
        By level of the catalogue, the group of each product, -1 where it has none; levels that
        say something only.
    ease : Ease
    """

    values: npt.NDArray[np.float32]
    buyers: Codes
    groups: dict[str, Codes]
    ease: Ease

    @classmethod
    def of(
        cls, purchases: Purchases, *, products_max: int, horizon_days: int
    ) -> "ProductStatistics":
        """The statistics of the products known on the day of the purchases."""
        buyers = {days: _buyers(purchases.since(days)) for days in _WINDOWS}
        return cls(
            values=_values(purchases, buyers, horizon_days),
            buyers=buyers[28],
            groups=_groups(purchases.descriptions),
            ease=fit_ease(purchases, products_max=products_max),
        )


def _buyers(purchases: Purchases) -> Codes:
    _, product = distinct_pairs(purchases)
    return np.bincount(product, minlength=len(purchases.product_ids)).astype(np.int32)


def _values(
    purchases: Purchases, buyers: dict[int, Codes], horizon_days: int
) -> npt.NDArray[np.float32]:
    count = len(purchases.product_ids)
    active = max(1, len(purchases.active(90)))
    last = np.full(count, -1, dtype=np.int32)
    np.maximum.at(last, purchases.product, purchases.event_day)
    recent = purchases.since(365)
    key = recent.product.astype(np.int64) << 32 | recent.customer
    order = np.argsort(key, kind="stable")
    key, day = key[order], recent.event_day[order]
    is_again = np.diff(key, prepend=-1) == 0
    gaps = np.diff(day, prepend=0)[is_again]
    product = (key >> 32).astype(np.int64)
    repeats = np.bincount(product[is_again], minlength=count).astype(float)
    gap_sum = np.bincount(product[is_again], weights=gaps, minlength=count)
    _, first_repeat = np.unique(key[is_again], return_index=True)
    returning = np.bincount(product[is_again][first_repeat], minlength=count)
    ever = max(1, int(buyers[365].sum()))
    again = (returning + _PRIOR_BUYERS * returning.sum() / ever) / (buyers[365] + _PRIOR_BUYERS)
    with np.errstate(invalid="ignore", divide="ignore"):
        interval = gap_sum / repeats
    columns = [
        *(1000.0 * buyers[days] / active for days in _WINDOWS),
        np.log((buyers[28] + 1.0) / (buyers[90] * (28 / 90) + 1.0)),
        purchases.day - purchases.first_sold,
        np.where(last < 0, np.nan, purchases.day - last),
        again,
        interval,
        _year_ago(purchases, horizon_days),
    ]
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _year_ago(purchases: Purchases, horizon_days: int) -> npt.NDArray[np.float64]:
    """Log ratio of a year ago's buyers in the window ahead to those of the window before it."""
    opens = purchases.day - _YEAR_DAYS
    if len(purchases) == 0 or int(purchases.event_day.min()) > opens - horizon_days:
        return np.full(len(purchases.product_ids), np.nan)
    ahead, before = (
        np.bincount(
            purchases.product[(purchases.event_day >= first) & (purchases.event_day < last)],
            minlength=len(purchases.product_ids),
        )
        for first, last in ((opens, opens + horizon_days), (opens - horizon_days, opens))
    )
    ratio = np.log((ahead + 2.0) / (before + 2.0))
    return np.where(ahead + before > 0, ratio, np.nan)


def _groups(descriptions: pa.Table) -> dict[str, Codes]:
    groups = {}
    for level in LEVELS:
        encoded = descriptions[level].combine_chunks().dictionary_encode()
        named = len(encoded) - encoded.null_count
        if named and len(encoded.dictionary) <= _ALONE_SHARE_MAX * named:
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            groups[level] = codes.astype(np.int32)
    return groups


def purchase_matrix(
    purchases: Purchases, ease: Ease, customers: Codes, half_life_days: float | None
) -> Any:
    """What customers bought in the last 365 days among EASE's products, sparse (customers, m).

    Every product counts one, or, with a half-life, by how lately it was bought.
    """
    rows, owner = rows_of(purchases, customers)
    age = purchases.day - purchases.event_day[rows]
    recent = age <= WINDOW_DAYS
    rows, owner, age = rows[recent], owner[recent], age[recent]
    shape = (len(customers), len(ease.products))
    columns = ease.column[purchases.product[rows]]
    if half_life_days is not None:
        return matrix(owner, columns, shape, np.exp2(-age / half_life_days))
    purchased = matrix(owner, columns, shape)
    purchased.data[:] = 1.0
    return purchased


def ease_scores(
    purchases: Purchases, ease: Ease, customers: Codes, half_life_days: float | None = None
) -> Scores:
    """EASE's scores of all its products for some customers, shape (customers, m)."""
    return ease.scores(purchase_matrix(purchases, ease, customers, half_life_days))
