"""Like customers: the nearest by what they bought, what those bought lately, themself left out."""

from datetime import date, timedelta

import numpy as np
import pytest

from retention_ml.recommendations.like_customers import LikeCustomers
from retention_ml.recommendations.purchases import Purchases
from tests.worlds.purchases import log_of

DAY = date(2024, 6, 1)


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


@pytest.fixture(scope="module")
def purchases() -> Purchases:
    """Ann and Bob buy alike; Bob bought jam too; Cid shares nothing with them; Dee one product."""
    return log_of(
        [
            *(("ann", product, ago(20)) for product in ("milk", "bread", "tea")),
            *(("bob", product, ago(20)) for product in ("milk", "bread", "tea")),
            ("bob", "jam", ago(30)),
            ("bob", "honey", ago(80)),
            *(("cid", product, ago(10)) for product in ("nails", "glue")),
            *(("dee", product, ago(10)) for product in ("tea", "glue")),
        ]
    ).known_at(DAY)


def score(purchases: Purchases, customer: str, product: str) -> float:
    customers = purchases.customer_ids.to_pylist()
    keys = np.array([purchases.product_ids.to_pylist().index(product)], dtype=np.int64)
    like = LikeCustomers.of(purchases)
    codes = np.array([customers.index(customer) if customer in customers else -1], dtype=np.int32)
    return float(like.scores(codes, keys)[0])


def test_what_like_customers_bought_lately_counts_by_likeness(purchases: Purchases) -> None:
    like = LikeCustomers.of(purchases)
    vectors = like.vectors.toarray()
    weights = [float(vectors[0] @ vectors[at]) for at in (1, 3)]
    assert weights[0] > weights[1] > 0
    assert score(purchases, "ann", "jam") == pytest.approx(
        0.5 * weights[0] / sum(weights), rel=1e-5
    )
    assert score(purchases, "ann", "jam") > score(purchases, "cid", "jam")


def test_what_was_bought_long_ago_or_by_nobody_alike_does_not_count(purchases: Purchases) -> None:
    assert score(purchases, "ann", "honey") == 0
    assert score(purchases, "ann", "nails") == 0
    assert score(purchases, "nobody", "tea") == 0


def test_a_customer_is_no_neighbour_of_their_own(purchases: Purchases) -> None:
    assert score(purchases, "cid", "nails") == 0
