"""Pair features against their definitions, customer by customer."""

from datetime import date

import numpy as np
import pytest

from retention_ml.recommendations.candidates import Candidates
from retention_ml.recommendations.day_scoring import Day
from retention_ml.recommendations.pair_features import FEATURES, Values
from retention_ml.recommendations.purchases import PurchaseLog, Purchases


@pytest.fixture(scope="module")
def scored(shop: PurchaseLog, as_of: date) -> tuple[Purchases, Candidates, Values]:
    purchases = shop.known_at(as_of)
    day = Day.of(purchases, products_max=200, horizon_days=28)
    [(candidates, values)] = day.chunks(purchases.active(90))
    return purchases, candidates, values


def column(values: Values, name: str) -> Values:
    return values[:, FEATURES.index(name)]


def test_features_of_own_products_are_those_of_the_definition(
    scored: tuple[Purchases, Candidates, Values],
) -> None:
    purchases, candidates, values = scored
    checked = 0
    for row in range(0, len(candidates), 7):
        customer = candidates.customers[candidates.owner[row]]
        mine = purchases.customer == customer
        ages = (
            purchases.day
            - purchases.event_day[mine & (purchases.product == candidates.product[row])]
        )
        baskets = sorted(set((purchases.day - purchases.event_day[mine]).tolist()))
        assert column(values, "customer_days")[row] == len(baskets)
        assert column(values, "customer_recency_days")[row] == baskets[0]
        assert column(values, "customer_tenure_days")[row] == baskets[-1]
        assert column(values, "customer_basket_size")[row] == pytest.approx(
            mine.sum() / len(baskets)
        )
        if len(ages) == 0:
            assert np.isnan(column(values, "own_days")[row])
            assert column(values, "is_own")[row] == 0
            continue
        checked += 1
        expected = {
            "own_days": len(ages),
            "own_days_90d": (ages <= 90).sum(),
            "own_decayed_45d": (0.5 ** (ages / 45)).sum(),
            "own_recency_days": ages.min(),
            "own_age_days": ages.max(),
            "own_baskets_since": baskets.index(ages.min()),
            "own_basket_share": len(ages) / (baskets.index(ages.max()) + 1),
            "own_decayed_5_baskets": sum(0.5 ** (baskets.index(age) / 5) for age in ages),
            "is_own": 1,
        }
        if len(ages) > 1:
            gaps = np.abs(np.diff(np.sort(ages)))
            expected["own_interval_days"] = gaps.mean()
            expected["own_interval_deviation_days"] = gaps.std()
            expected["own_overdue_share"] = ages.min() / gaps.mean()
        for name, value in expected.items():
            assert column(values, name)[row] == pytest.approx(value, rel=1e-4, abs=1e-3), name
    assert checked > 100


def test_features_of_products_count_buyers_once(
    scored: tuple[Purchases, Candidates, Values],
) -> None:
    purchases, candidates, values = scored
    active = len(purchases.active(90))
    for row in range(0, len(candidates), 53):
        mine = (purchases.product == candidates.product[row]) & (
            purchases.event_day >= purchases.day - 28
        )
        buyers = len(set(purchases.customer[mine].tolist()))
        assert column(values, "product_buyers_28d")[row] == pytest.approx(1000 * buyers / active)


def test_purchases_of_a_category_count_for_its_other_products(
    scored: tuple[Purchases, Candidates, Values],
) -> None:
    purchases, candidates, values = scored
    shelves = np.array(purchases.descriptions["category"].to_pylist())
    checked = 0
    for row in range(0, len(candidates), 29):
        mine = purchases.customer == candidates.customers[candidates.owner[row]]
        mine &= shelves[purchases.product] == shelves[candidates.product[row]]
        ages = purchases.day - purchases.event_day[mine]
        assert column(values, "category_decayed")[row] == pytest.approx(
            (0.5 ** (ages / 120)).sum(), rel=1e-4, abs=1e-6
        )
        if len(ages):
            checked += 1
            assert column(values, "category_recency_days")[row] == ages.min()
    assert checked > 20


def test_features_of_some_pairs_are_those_that_they_have_among_all(
    shop: PurchaseLog, as_of: date, scored: tuple[Purchases, Candidates, Values]
) -> None:
    purchases, candidates, values = scored
    chosen = np.random.default_rng(3).random(len(candidates)) < 0.3
    day = Day.of(purchases, products_max=200, horizon_days=28)
    [(some, of_some)] = day.chunks(purchases.active(90), lambda _: chosen)
    assert np.array_equal(some.keys, candidates.keys[chosen])
    assert np.array_equal(some.source, candidates.source[chosen])
    assert np.array_equal(of_some, values[chosen], equal_nan=True)


def test_features_computed_among_some_pairs_alone_would_be_others(
    scored: tuple[Purchases, Candidates, Values],
) -> None:
    """The control: a rank among the pairs that are left is not the rank among all."""
    _, candidates, values = scored
    chosen = np.random.default_rng(3).random(len(candidates)) < 0.3
    rank = column(values, "similarity_rank")[chosen]
    assert np.nanmax(rank) > np.bincount(candidates.owner[chosen]).max()
