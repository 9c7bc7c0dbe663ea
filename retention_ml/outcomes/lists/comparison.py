"""Published lists and two simple ones for the same customers, against what was bought."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.backtest.day import AGAIN, LISTS, MIXED, NEW, lists_of
from retention_ml.recommendations.baselines.popularity import most_bought, personal_frequency
from retention_ml.recommendations.ease import distinct_pairs
from retention_ml.recommendations.metrics import METRICS, Lists, Truth, coverage, customer_metrics
from retention_ml.recommendations.purchases import Codes, Pairs, Purchases
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval, percentile_interval, row_weights

PUBLISHED, FREQUENCY, BEST_SELLERS = "published", "personal_frequency", "best_sellers"
METHODS = (PUBLISHED, FREQUENCY, BEST_SELLERS)
_BASELINES = {FREQUENCY: personal_frequency, BEST_SELLERS: most_bought}

_NO_CODES = np.zeros(0, dtype=np.int32)
_EMPTY = Lists(customer=_NO_CODES, rank=_NO_CODES, product=_NO_CODES)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutcomes:
    """Ranked lists of a day by method and kind, and what was bought of each kind.

    Parameters
    ----------
    lists : mapping of (method, list) to Lists
    truths : mapping of str to Truth
        By list: of customers with any published list, what they bought in the window.
    products_count : int
        Products that had been bought before the day.
    """

    lists: Mapping[tuple[str, str], Lists]
    truths: Mapping[str, Truth]
    products_count: int


def list_outcomes(
    purchases: Purchases, outcome: Pairs, published: pa.Table, unsellable: pa.Array
) -> ListOutcomes:
    """The published lists of a day, and what the simple methods would have listed that day.

    Parameters
    ----------
    purchases : Purchases
        As known at the start of the day.
    outcome : Pairs
        What was bought in the window, in the same codes.
    published : pa.Table
        `customer_id, list, rank, product_id`.
    unsellable : pa.Array of string
        Products that the simple methods leave out too.
    """
    customer, product = purchases.codes(published["customer_id"]), _products(purchases, published)
    customers = np.unique(customer[customer >= 0])
    truth = Truth.of(outcome.customer, outcome.product, np.isin(outcome.customer, customers))
    is_new = ~np.isin(truth.keys, _keys(*distinct_pairs(purchases)))
    truths = {
        MIXED: truth,
        AGAIN: Truth.of(truth.customer, truth.product, ~is_new),
        NEW: Truth.of(truth.customer, truth.product, is_new),
    }
    kinds, rank = published["list"], published["rank"].to_numpy().astype(np.int32)
    lists = {}
    for kind in LISTS:
        rows = pc.equal(kinds, kind).to_numpy() & (customer >= 0)
        lists[PUBLISHED, kind] = Lists(
            customer=customer[rows], rank=rank[rows], product=product[rows]
        )
    sellable = _without(purchases, unsellable)
    for name, method in _BASELINES.items():
        simple = (
            lists_of(method(sellable, customers), customers)
            if len(customers)
            else dict.fromkeys(LISTS, _EMPTY)
        )
        lists |= {(name, kind): each for kind, each in simple.items()}
    return ListOutcomes(
        lists=lists, truths=truths, products_count=len(np.unique(purchases.product))
    )


def list_performance(outcomes: ListOutcomes, *, size: int, draws: int, seed: int) -> list[Row]:
    """Rows of `outcomes.list_performance` without their stamps.

    Parameters
    ----------
    size : int
        Ranks that count.
    draws, seed : int
        Of the resampling of customers: one resample serves all methods of a list.
    """
    rows: list[Row] = []
    for kind in LISTS:
        truth = outcomes.truths[kind]
        metrics = {
            name: customer_metrics(outcomes.lists[name, kind], truth, size) for name in METHODS
        }
        columns = {(name, metric): metrics[name][metric] for name in METHODS for metric in METRICS}
        columns |= {
            (name, f"{metric} difference"): metrics[PUBLISHED][metric] - metrics[name][metric]
            for name in METHODS
            if name != PUBLISHED
            for metric in METRICS
        }
        intervals = mean_intervals(columns, len(truth.customers), draws=draws, seed=seed)
        stamps: Row = {"list": kind, "customers_count": len(truth.customers)}
        for name in METHODS:
            for metric in METRICS:
                difference = intervals.get((name, f"{metric} difference"), _NOTHING)
                rows.append(
                    stamps
                    | {"method": name, "metric": metric}
                    | _cells(intervals[name, metric], "value", "lower", "upper")
                    | _cells(difference, "difference", "difference_lower", "difference_upper")
                )
            covered = coverage(outcomes.lists[name, kind], outcomes.products_count, size)
            rows.append(
                stamps
                | {"method": name, "metric": "coverage"}
                | _cells(Interval(covered, np.nan, np.nan), "value", "lower", "upper")
                | _cells(_NOTHING, "difference", "difference_lower", "difference_upper")
            )
    return rows


_NOTHING = Interval(np.nan, np.nan, np.nan)


def mean_intervals(
    columns: Mapping[tuple[str, str], Floats], count: int, *, draws: int, seed: int
) -> dict[tuple[str, str], Interval]:
    """The mean of each column over customers with its 95 % interval; 0 without customers.

    Examples
    --------
    >>> intervals = mean_intervals({("a", "ndcg"): np.array([1.0, 1.0])}, 2, draws=9, seed=1)
    >>> tuple(intervals["a", "ndcg"])
    (1.0, 1.0, 1.0)
    """
    if count == 0:
        return {name: Interval(0.0, np.nan, np.nan) for name in columns}
    values = np.stack(list(columns.values()), axis=1)
    parts = [
        part @ values / count for part in row_weights(np.random.default_rng(seed), draws, count)
    ]
    resampled, means = np.concatenate(parts), values.mean(axis=0)
    return {
        name: percentile_interval(float(means[at]), resampled[:, at])
        for at, name in enumerate(columns)
    }


def _cells(interval: Interval, *names: str) -> Row:
    """An interval's numbers by name, None where there is none."""
    return {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(names, interval, strict=True)
    }


def _without(purchases: Purchases, product_ids: pa.Array) -> Purchases:
    """The purchases of other products."""
    left_out = pc.is_in(purchases.product_ids, value_set=product_ids).to_numpy(zero_copy_only=False)
    mask = ~left_out[purchases.product]
    names: Iterable[str] = ("customer", "product", "event_day", "lines_count", "pieces_count")
    return replace(purchases, **{name: getattr(purchases, name)[mask] for name in names})


def _products(purchases: Purchases, published: pa.Table) -> Codes:
    place = pc.index_in(published["product_id"], value_set=purchases.product_ids)
    return np.asarray(pc.fill_null(place, -1).to_numpy(), dtype=np.int32)


def _keys(customer: Codes, product: Codes) -> np.ndarray:
    return customer.astype(np.int64) << 32 | product
