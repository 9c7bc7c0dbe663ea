"""EASE against its definition."""

from datetime import date

import numpy as np
from threadpoolctl import threadpool_limits

from retention_ml.recommendations.ease import _closed_form, fit_ease
from retention_ml.recommendations.purchases import PurchaseLog
from tests.worlds.purchases import log_of

D = date(2026, 3, 1)


def test_weights_are_those_of_the_closed_form(shop: PurchaseLog, as_of: date) -> None:
    purchases = shop.known_at(as_of)
    ease = fit_ease(purchases, products_max=500, penalty=30.0)
    rows = np.zeros((len(purchases.customer_ids), len(purchases.product_ids)))
    rows[purchases.customer, purchases.product] = 1.0
    rows = rows[:, ease.products]
    inverse = np.linalg.inv(rows.T @ rows + 30.0 * np.eye(rows.shape[1]))
    expected = np.eye(rows.shape[1]) - inverse / np.diag(inverse)
    np.testing.assert_allclose(ease.weights, expected, atol=2e-5)


def test_the_products_with_most_buyers_are_known() -> None:
    bought = [
        (f"c{n}", product, D)
        for product, count in (("a", 1), ("b", 5), ("c", 3))
        for n in range(count)
    ]
    log = log_of(bought)
    ease = fit_ease(log.known_at(date(2026, 3, 2)), products_max=2)
    assert [log.product_ids[int(code)].as_py() for code in ease.products] == ["b", "c"]
    assert ease.column.tolist() == [-1, 0, 1]


def test_a_shop_in_which_nothing_was_bought_twice_has_no_weights() -> None:
    ease = fit_ease(log_of([("a", "x", D)]).known_at(date(2026, 3, 2)), products_max=10)
    assert ease.weights.shape == (0, 0)


def test_weights_are_the_same_with_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    bought = (rng.random((800, 1_500)) < 0.06).astype(np.float32)
    together = np.asfortranarray(bought.T @ bought)
    weights = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            weights.append(_closed_form(together, 200.0))
    assert np.array_equal(*weights)
