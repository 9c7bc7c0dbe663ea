"""Shops that hardly are any: one product, nobody's purchases, no catalogue, very many products."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.recommendations.fit_ranker import fit_ranker
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.recommendations.ranked import ranked
from retention_ml.recommendations.ranker import Ranker
from tests.recommendations.conftest import LEARNING
from tests.worlds.purchases import log_of

D = date(2026, 3, 1)


def test_a_shop_with_one_product_is_ranked(ranker: Ranker) -> None:
    log = log_of(
        [(f"c{n:03d}", "only", D - timedelta(days=7 * k)) for n in range(40) for k in (1, 2, 10)]
    )
    table = ranked(log.known_at(D), D, pa.array(["c000", "new"]), ranker)
    assert table["product_id"].to_pylist() == ["only", "only"]
    assert table["source"].to_pylist() == ["own", "best_seller"]
    fitted = fit_ranker(log, as_of=D, learning=LEARNING)
    again = ranked(log.known_at(D), D, pa.array(["c000"]), fitted)
    assert 0 < again["purchase_probability"][0].as_py() < 1


def test_a_shop_that_sold_nothing_to_anybody_has_nothing_to_rank(ranker: Ranker) -> None:
    log = log_of([("c1", "a", D)]).upto(D)
    assert len(log.product_ids) == 0
    for bundle in (None, ranker):
        table = ranked(log.known_at(D), D, pa.array(["c1"]), bundle)
        assert table.num_rows == 0
        assert table.column_names[:2] == ["customer_id", "product_id"]
        assert ranked(log.known_at(D), D, pa.array([], pa.string()), bundle).num_rows == 0
    with pytest.raises(NotReady, match="the purchases begin on None"):
        fit_ranker(log, as_of=D, learning=LEARNING)


def test_too_few_buyers_to_learn_from_are_counted() -> None:
    log = log_of(
        [("c1", product, D - timedelta(days=n)) for n in range(1, 200, 5) for product in "ab"]
    )
    with pytest.raises(NotReady, match="1 active customers bought something in the 28 days"):
        fit_ranker(log, as_of=D, learning=LEARNING)


def test_two_hundred_thousand_products_are_ranked(ranker: Ranker) -> None:
    rng = np.random.default_rng(5)
    count = 200_000
    products = np.arange(count)
    customers = rng.integers(0, 300, count)
    days = day_number(D) - rng.integers(1, 200, count)
    texts = pa.array([f"p{n:06d}" for n in products])
    rows = pa.table(
        {
            "customer_id": [f"c{n:03d}" for n in customers],
            "product_id": texts,
            "event_day": pa.array(days, pa.int32()),
            "known_from_day": pa.array(days + 1, pa.int32()),
            "lines_count": pa.array(np.ones(count), pa.int64()),
            "pieces_count": pa.array(np.ones(count), pa.int64()),
        }
    )
    nothing = pa.nulls(count, pa.string())
    described = pa.table(
        {"product_id": texts, "name": nothing, "category": nothing}
        | {"subcategory": nothing, "brand": nothing}
    )
    log = PurchaseLog.of(rows, described)
    table = ranked(log.known_at(D), D, pa.array(["c000", "c001"]), ranker)
    assert table["customer_id"].unique().to_pylist() == ["c000", "c001"]
    assert {"own", "best_seller"} <= set(table["source"].to_pylist())
