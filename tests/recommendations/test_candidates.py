"""Candidates: what is offered to be scored, and what is not."""

from datetime import date

import numpy as np

from retention_ml.recommendations.candidates import (
    LIKE_PRODUCTS,
    OWN_MAX,
    OWN_PRODUCT,
    SIMILAR,
    candidates,
)
from retention_ml.recommendations.day_scoring import Day
from retention_ml.recommendations.ease import distinct_pairs
from retention_ml.recommendations.product_statistics import ease_scores
from retention_ml.recommendations.purchases import PurchaseLog
from tests.worlds.purchases import day_of_history, log_of


def of(log: PurchaseLog, day: date, customers: list[int] | None = None):  # type: ignore[no-untyped-def]
    """The purchases of a day and the candidates of some customers."""
    purchases = log.known_at(day)
    at = Day.of(purchases, products_max=500, horizon_days=28)
    codes = purchases.active(90) if customers is None else np.array(customers, dtype=np.int32)
    scores = ease_scores(purchases, at.statistics.ease, codes)
    return purchases, candidates(purchases, at.statistics, codes, scores, at.young(codes))


def test_every_pair_stands_once_and_own_products_are_called_own(shop: PurchaseLog) -> None:
    purchases, pairs = of(shop, day_of_history(235))
    assert (np.diff(pairs.keys) > 0).all()
    customer, product = distinct_pairs(purchases)
    owned = customer.astype(np.int64) << 32 | product
    key = pairs.customers[pairs.owner].astype(np.int64) << 32 | pairs.product
    assert np.array_equal(np.isin(key, owned), pairs.source == OWN_PRODUCT)
    assert {OWN_PRODUCT, SIMILAR, LIKE_PRODUCTS} <= set(pairs.source.tolist())
    young = purchases.first_sold[pairs.product[pairs.source == LIKE_PRODUCTS]]
    assert (young >= purchases.day - 30).all()


def test_a_customer_with_thousands_of_products_keeps_those_bought_often_and_lately() -> None:
    day = date(2026, 3, 1)
    many = [("a", f"p{n:04d}", date(2026, 1, 1)) for n in range(3_000)]
    often = [("a", f"p{n:04d}", date(2026, 2, day)) for n in range(10) for day in (1, 9, 20)]
    _, pairs = of(log_of([*many, *often]), day)
    bought = pairs.product[pairs.source == OWN_PRODUCT]
    assert len(bought) == OWN_MAX
    assert set(range(10)) <= set(bought.tolist())


def test_somebody_without_purchases_gets_best_sellers() -> None:
    log = log_of([(f"c{n}", "a", date(2026, 2, 20)) for n in range(3)])
    _, pairs = of(log, date(2026, 3, 1), [-1, 0])
    assert pairs.owner.tolist() == [0, 1]
    assert [int(source) for source in pairs.source][1] == OWN_PRODUCT
