"""Metrics of lists against a plain definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from retention_ml.recommendations.metrics import Lists, Truth, coverage, customer_metrics

PAIRS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 14)), min_size=1, max_size=50)


@settings(deadline=None)
@given(PAIRS, PAIRS, st.integers(1, 10))
def test_metrics_are_those_of_the_definition(
    scored: set[tuple[int, int]], bought: set[tuple[int, int]], size: int
) -> None:
    customer, product = np.array(sorted(scored), dtype=np.int32).T
    score = ((customer * 7 + product * 5) % 13).astype(float)
    lists = Lists.top(customer, product, score, size)
    truth = Truth.of(*np.array(sorted(bought), dtype=np.int32).T)
    metrics = customer_metrics(lists, truth, size)
    for at, who in enumerate(truth.customers):
        mine = {what for other, what in bought if other == who}
        ranked = sorted(
            ((-score[n], product[n]) for n in np.flatnonzero(customer == who)),
        )[:size]
        hits = [what in mine for _, what in ranked]
        gain = sum(hit / np.log2(rank + 2) for rank, hit in enumerate(hits))
        ideal = sum(1 / np.log2(rank + 2) for rank in range(min(size, len(mine))))
        assert np.isclose(metrics["ndcg"][at], gain / ideal)
        assert np.isclose(metrics["recall"][at], sum(hits) / len(mine))
        assert metrics["hit"][at] == any(hits)
    assert np.isclose(coverage(lists, 15, size), len({int(what) for what in lists.product}) / 15)
    assert np.isclose(coverage(lists, 15, 1), len(set(lists.product[lists.rank == 1])) / 15)


def test_ndcg_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    relevance, score = (rng.random((40, 30)) < 0.2).astype(float), rng.random((40, 30))
    relevance[:, 0] = 1
    customer = np.repeat(np.arange(40, dtype=np.int32), 30)
    product = np.tile(np.arange(30, dtype=np.int32), 40)
    lists = Lists.top(customer, product, score.ravel(), 10)
    is_bought = relevance.ravel() == 1
    truth = Truth.of(customer[is_bought], product[is_bought])
    mean = customer_metrics(lists, truth)["ndcg"].mean()
    assert np.isclose(mean, ndcg_score(relevance, score, k=10))
