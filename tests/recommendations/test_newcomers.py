"""Newcomers: best sellers count as long as the ranker has not shown that it is better for them."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.recommendations.newcomers import BLENDED_SHARE, CUSTOMERS_MIN, blended, evaluated
from retention_ml.recommendations.pair_features import FEATURES, Values
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.recommendations.ranked import best_sellers, ranked
from retention_ml.recommendations.ranker import Ranker

BUYERS = FEATURES.index("product_buyers_28d")
DAYS = FEATURES.index("customer_days")


def pairs(customers: int, days: int = 1) -> tuple[Values, np.ndarray, np.ndarray, np.ndarray]:
    """Twenty new products for each customer, the third of them bought: values, codes, bought."""
    values = np.full((20 * customers, len(FEATURES)), np.nan, dtype=np.float32)
    values[:, DAYS] = days
    values[:, BUYERS] = np.tile(np.arange(200, 0, -10), customers)
    customer = np.repeat(np.arange(customers, dtype=np.int32), 20)
    product = np.tile(np.arange(20, dtype=np.int32), customers)
    return values, customer, product, product == 2


def test_a_ranker_that_is_better_for_newcomers_is_not_blended() -> None:
    values, customer, product, bought = pairs(40)
    good = np.where(bought, 0.9, 0.1)
    shown = evaluated(customer, product, bought, good, values, seed=1)
    assert shown.best_sellers_share == 0.0
    assert shown.difference is not None
    assert shown.difference.value == pytest.approx(2 * (1 - 0.5))  # first instead of third
    assert (blended(good, values, 0.0) == good).all()


def test_a_ranker_that_is_no_better_is_blended() -> None:
    values, customer, product, bought = pairs(40)
    rng = np.random.default_rng(1)
    shown = evaluated(customer, product, bought, rng.random(len(product)), values, seed=1)
    assert shown.best_sellers_share == BLENDED_SHARE
    assert shown.difference is not None
    assert shown.difference.lower <= 0


def test_few_newcomers_or_none_show_nothing() -> None:
    values, customer, product, bought = pairs(CUSTOMERS_MIN - 1)
    few = evaluated(customer, product, bought, np.where(bought, 0.9, 0.1), values, seed=1)
    assert (few.best_sellers_share, few.difference) == (BLENDED_SHARE, None)
    values[:, DAYS] = 3
    none = evaluated(customer, product, bought, np.where(bought, 0.9, 0.1), values, seed=1)
    assert (none.customers_count, none.best_sellers_share) == (0, BLENDED_SHARE)


def test_probabilities_of_newcomers_lie_between_those_of_ranker_and_sales() -> None:
    values, *_ = pairs(3)
    values[20:40, DAYS], values[40:, DAYS] = 0, 3
    probability = np.full(60, 0.4)
    mixed = blended(probability, values, 0.5)
    sales = values[:, BUYERS] / 1000
    np.testing.assert_allclose(mixed[:20], 0.2 + sales[:20] / 2, rtol=1e-6)
    np.testing.assert_allclose(mixed[20:40], sales[20:40], rtol=1e-6)
    assert (mixed[40:] == 0.4).all()


def test_guests_get_best_sellers(shop: PurchaseLog, as_of: date, ranker: Ranker) -> None:
    purchases = shop.known_at(as_of)
    rows = ranked(purchases, as_of, pa.array(["nobody"]), ranker)
    best, buyers = best_sellers(purchases, 10)
    offered = purchases.product_ids.take(pa.array(best)).to_pylist()
    expected = buyers / len(purchases.active(90))
    np.testing.assert_allclose(rows["purchase_probability"].to_numpy()[:10], expected, rtol=1e-5)
    least = dict(zip(offered, buyers, strict=True))
    assert [least[name] for name in rows["product_id"].to_pylist()[:10]] == buyers.tolist()
    contributions = rows["contribution_product_buyers_28d"].to_numpy()
    others = [name for name in FEATURES if name != "product_buyers_28d"]
    assert all((rows[f"contribution_{name}"].to_numpy() == 0).all() for name in others)
    assert (np.diff(contributions[:10]) <= 0).all()
