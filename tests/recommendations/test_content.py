"""Products too young for buyers are scored by words and early sales."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from retention_ml.recommendations.content import content, tf_idf, young_scores
from retention_ml.recommendations.product_statistics import ProductStatistics
from retention_ml.recommendations.purchases import PurchaseLog
from tests.worlds.purchases import day_of_history


def test_young_products_of_a_customers_taste_score_highest(shop: PurchaseLog) -> None:
    purchases = shop.known_at(day_of_history(235))
    words = content(purchases)
    names = [purchases.product_ids[int(code)].as_py() for code in words.young]
    assert set(names) <= {f"p{taste}{number}" for taste in range(6) for number in (18, 19)}
    assert len(names) >= 10
    customers = purchases.active(90)
    statistics = ProductStatistics.of(purchases, products_max=200, horizon_days=28)
    young = young_scores(purchases, words, customers, statistics.buyers)
    best = np.argmax(young.scores, axis=1)
    ids = purchases.customer_ids.take(customers).to_pylist()
    tastes = [int(customer[1:]) % 6 for customer in ids]
    matches = [names[at][1] == str(taste) for at, taste in zip(best, tastes, strict=True)]
    assert np.mean(matches) > 0.8


def test_a_shop_without_catalogue_scores_by_early_sales_alone(shop: PurchaseLog) -> None:
    log = shop.upto(day_of_history(235))
    nothing = pa.nulls(log.descriptions.num_rows, pa.string())
    columns = dict.fromkeys(log.descriptions.column_names, nothing)
    bare = replace(log, descriptions=pa.table(columns))
    purchases = bare.known_at(day_of_history(235))
    statistics = ProductStatistics.of(purchases, products_max=200, horizon_days=28)
    customers = purchases.active(90)
    young = young_scores(purchases, content(purchases), customers, statistics.buyers)
    assert np.array_equal(young.scores, np.repeat(young.scores[:1], len(customers), axis=0))
    buyers = statistics.buyers[young.products]
    assert np.argmax(young.scores[0]) == np.argmax(buyers)


def test_products_described_in_the_same_words_have_the_same_vector_as_each_alone() -> None:
    names = ["red mug", "blue mug", None, "red mug", "", "blue mug mug"]
    table = pa.table({"name": pa.array(names, pa.string())})
    vectors = tf_idf(table).toarray()
    assert np.array_equal(vectors[0], vectors[3])
    assert not vectors[2].any()
    assert not vectors[4].any()
    words = ["red", "mug", "blue"]
    counts = np.array([[(name or "").split().count(word) for word in words] for name in names])
    weights = counts * (np.log((1 + len(names)) / (1 + (counts > 0).sum(axis=0))) + 1)
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    assert np.allclose(vectors, weights / np.where(length > 0, length, 1), atol=1e-6)
