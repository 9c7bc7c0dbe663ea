"""What is known of a customer and a product on a day: the features that the ranker reads."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from retention_ml.recommendations.candidates import OWN_PRODUCT, Candidates, YoungScores
from retention_ml.recommendations.ease import Scores
from retention_ml.recommendations.product_statistics import (
    LEVELS,
    PRODUCT_FEATURES,
    ProductStatistics,
)
from retention_ml.recommendations.purchases import Codes, Purchases, rows_of
from retention_ml.statistics.arrays import Bools, Floats, Ints

Values = npt.NDArray[np.float32]

_HALF_LIVES_DAYS = (14, 45, 120)
_HALF_LIVES_BASKETS = (5, 20)
_OWN_FEATURES = (
    "own_days",
    "own_days_28d",
    "own_days_90d",
    *(f"own_decayed_{days}d" for days in _HALF_LIVES_DAYS),
    *(f"own_decayed_{count}_baskets" for count in _HALF_LIVES_BASKETS),
    "own_recency_days",
    "own_age_days",
    "own_interval_days",
    "own_interval_deviation_days",
    "own_overdue_share",
    "own_baskets_since",
    "own_basket_share",
    "own_pieces",
)
_CUSTOMER = (
    "customer_days",
    "customer_days_90d",
    "customer_recency_days",
    "customer_tenure_days",
    "customer_interval_days",
    "customer_overdue_share",
    "customer_products",
    "customer_basket_size",
    "customer_basket_size_90d",
    "customer_new_share_90d",
)
_GROUP = ("decayed", "recency_days", "share")
FEATURES = (
    *_OWN_FEATURES,
    *_CUSTOMER,
    *PRODUCT_FEATURES,
    "similarity",
    "similarity_recent",
    "similarity_rank",
    "young_score",
    "is_own",
    *(f"{level}_{what}" for level in LEVELS for what in _GROUP),
)


def pair_features(
    purchases: Purchases,
    statistics: ProductStatistics,
    candidates: Candidates,
    similarity: Scores,
    similarity_recent: Scores,
    young: YoungScores,
    chosen: Bools | None = None,
) -> Values:
    """The features of candidate pairs, shape (n, k) in the order of `FEATURES`; NaN if unknown.

    Parameters
    ----------
    similarity, similarity_recent : array of float32, shape (customers, m)
        EASE's scores of the candidates' customers, the second from decayed purchases.
    young : YoungScores
        Of the same customers.
    chosen : array of bool, optional
        Features of these pairs alone; they are the same as among all.
    """
    similarities = _similarities(statistics, candidates, similarity, similarity_recent)
    if chosen is not None:
        similarities = {name: column[chosen] for name, column in similarities.items()}
        candidates = candidates.only(chosen)
    rows, owner = rows_of(purchases, candidates.customers)
    history = _History(purchases, rows, owner)
    values = np.full((len(candidates), len(FEATURES)), np.nan, dtype=np.float32)
    place = {name: at for at, name in enumerate(FEATURES)}

    def put(columns: Mapping[str, npt.ArrayLike], at: Ints | slice = slice(None)) -> None:
        for name, column in columns.items():
            values[at, place[name]] = column

    keys = candidates.keys
    is_own = candidates.source == OWN_PRODUCT
    pairs, of_pairs = history.pairs()
    where = np.searchsorted(pairs, keys[is_own])
    put({name: column[where] for name, column in of_pairs.items()}, np.flatnonzero(is_own))
    customers = history.customers(len(candidates.customers))
    put({name: column[candidates.owner] for name, column in customers.items()})
    first = place[PRODUCT_FEATURES[0]]
    values[:, first : first + len(PRODUCT_FEATURES)] = statistics.values[candidates.product]
    put(similarities)
    put({"is_own": is_own, "young_score": _young(candidates, young)})
    decayed = np.where(is_own, np.nan_to_num(values[:, place["own_decayed_120d"]]), 0.0)
    for level, groups in statistics.groups.items():
        put(history.groups(level, groups, candidates, decayed))
    return values


class _History:
    """The purchases of some customers; `owner` is each row's position among them."""

    def __init__(self, purchases: Purchases, rows: Ints, owner: Codes) -> None:
        self.day = purchases.day
        self.owner = owner
        self.product = purchases.product[rows]
        self.event_day = purchases.event_day[rows]
        self.pieces = purchases.pieces_count[rows]
        self.age = self.day - self.event_day
        # Baskets of a customer are their purchase days; 0 is the last.
        starts = (np.diff(owner, prepend=-1) != 0) | (np.diff(self.event_day, prepend=-1) != 0)
        number = np.cumsum(starts) - 1
        last = np.zeros(int(owner.max(initial=-1)) + 1, dtype=np.int64)
        np.maximum.at(last, owner, number)
        self.basket = last[owner] - number
        self.basket_starts = np.flatnonzero(starts)

    def pairs(self) -> tuple[Ints, dict[str, Floats]]:
        """Keys, rising, of all pairs of customer and product, and their features."""
        key = self.owner.astype(np.int64) << 32 | self.product
        order = np.argsort(key, kind="stable")
        key, age, basket = key[order], self.age[order], self.basket[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1) != 0)
        ends = np.append(starts[1:], len(key)) - 1
        if len(starts) == 0:
            return key, {name: np.zeros(0) for name in _OWN_FEATURES}

        def sums(column: npt.ArrayLike) -> Floats:
            return np.add.reduceat(np.asarray(column, dtype=np.float64), starts)

        days = sums(np.ones(len(key)))
        recency, first = age[ends].astype(float), age[starts].astype(float)
        gaps = -np.diff(age, prepend=0).astype(float)
        gaps[starts] = 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            interval = (first - recency) / (days - 1)
            variance = sums(gaps**2) / (days - 1) - interval**2
            return key[starts], {
                "own_days": days,
                "own_days_28d": sums(age <= 28),
                "own_days_90d": sums(age <= 90),
                **{f"own_decayed_{n}d": sums(np.exp2(-age / n)) for n in _HALF_LIVES_DAYS},
                **{
                    f"own_decayed_{n}_baskets": sums(np.exp2(-basket / n))
                    for n in _HALF_LIVES_BASKETS
                },
                "own_recency_days": recency,
                "own_age_days": first,
                "own_interval_days": interval,
                "own_interval_deviation_days": np.sqrt(np.maximum(variance, 0.0)),
                "own_overdue_share": recency / interval,
                "own_baskets_since": basket[ends].astype(float),
                "own_basket_share": days / (basket[starts] + 1.0),
                "own_pieces": sums(self.pieces[order]) / days,
            }

    def customers(self, count: int) -> dict[str, Floats]:
        """The features of each customer, shape (count,)."""
        starts = self.basket_starts
        basket_owner, basket_age = self.owner[starts], self.age[starts].astype(float)
        sizes = np.diff(np.append(starts, len(self.owner))).astype(float)

        def sums(weights: npt.ArrayLike) -> Floats:
            total = np.bincount(basket_owner, weights=np.asarray(weights, float), minlength=count)
            return total.astype(np.float64)

        key = self.owner.astype(np.int64) << 32 | self.product
        _, first = np.unique(key, return_index=True)
        lines = np.bincount(self.owner[self.age <= 90], minlength=count)
        fresh = first[self.age[first] <= 90]
        recency, tenure = np.full(count, np.nan), np.full(count, np.nan)
        recency[basket_owner] = basket_age  # the last of each wins
        tenure[basket_owner[::-1]] = basket_age[::-1]
        days, days_90d = sums(np.ones(len(starts))), sums(basket_age <= 90)
        with np.errstate(invalid="ignore", divide="ignore"):
            interval = (tenure - recency) / (days - 1)
            return {
                "customer_days": days,
                "customer_days_90d": days_90d,
                "customer_recency_days": recency,
                "customer_tenure_days": tenure,
                "customer_interval_days": interval,
                "customer_overdue_share": recency / interval,
                "customer_products": np.bincount(self.owner[first], minlength=count).astype(float),
                "customer_basket_size": sums(sizes) / days,
                "customer_basket_size_90d": sums(sizes * (basket_age <= 90)) / days_90d,
                "customer_new_share_90d": np.bincount(self.owner[fresh], minlength=count) / lines,
            }

    def groups(
        self, level: str, groups: Codes, candidates: Candidates, decayed: Floats
    ) -> dict[str, Floats]:
        """How much and how lately a candidate's customer bought of its group in the catalogue."""
        group = groups[self.product]
        key = self.owner.astype(np.int64) << 32 | np.where(group < 0, 0x7FFFFFFF, group)
        pairs, inverse = np.unique(key, return_inverse=True)
        weights = np.bincount(inverse, weights=np.exp2(-self.age / 120), minlength=len(pairs))
        recency = np.full(len(pairs), np.inf)
        np.minimum.at(recency, inverse, self.age)
        wanted_group = groups[candidates.product]
        wanted = candidates.owner.astype(np.int64) << 32 | wanted_group
        where = np.minimum(np.searchsorted(pairs, wanted), max(0, len(pairs) - 1))
        is_bought = (wanted_group >= 0) & (pairs[where] == wanted if len(pairs) else False)
        bought = np.where(is_bought, weights[where] if len(pairs) else 0.0, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                f"{level}_decayed": np.where(wanted_group < 0, np.nan, bought),
                f"{level}_recency_days": np.where(
                    is_bought, recency[where] if len(pairs) else np.nan, np.nan
                ),
                f"{level}_share": np.where(bought > 0, decayed / bought, np.nan),
            }


def _similarities(
    statistics: ProductStatistics, candidates: Candidates, similarity: Scores, recent: Scores
) -> dict[str, Floats]:
    column = statistics.ease.column[candidates.product]
    inside = column >= 0
    rows, columns = candidates.owner[inside], column[inside]
    values = {}
    for name, scores in (("similarity", similarity), ("similarity_recent", recent)):
        values[name] = np.full(len(candidates), np.nan)
        values[name][inside] = scores[rows, columns]
    order = np.lexsort((-np.nan_to_num(values["similarity"], nan=-np.inf), candidates.owner))
    first = np.searchsorted(candidates.owner, candidates.owner)
    rank = np.empty(len(candidates))
    rank[order] = np.arange(len(candidates)) - first[order]
    values["similarity_rank"] = np.where(inside, rank, np.nan)
    return values


def _young(candidates: Candidates, young: YoungScores) -> Floats:
    where = np.searchsorted(young.products, candidates.product)
    where = np.minimum(where, max(0, len(young.products) - 1))
    scores = np.full(len(candidates), np.nan)
    if len(young.products):
        inside = young.products[where] == candidates.product
        scores[inside] = young.scores[candidates.owner[inside], where[inside]]
    return scores
