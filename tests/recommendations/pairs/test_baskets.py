"""Counts against counting by hand."""

from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import numpy as np

from retention_ml.clock import day_number
from retention_ml.recommendations.pairs.baskets import (
    Baskets,
    expected_together,
    pairs_in_baskets,
    together_of,
)
from tests.worlds.purchases import log_of

D = date(2026, 3, 1)


def baskets_of(rows: list[tuple[str, str, date]]) -> tuple[Baskets, list[str]]:
    purchases = log_of(rows).known_at(D)
    day = day_number(D)
    return Baskets.of(purchases, day - 400, day), purchases.product_ids.to_pylist()


def some_rows(count: int = 3_000) -> list[tuple[str, str, date]]:
    rng = np.random.default_rng(4)
    return [
        (f"c{rng.integers(30)}", f"p{int(40 * rng.random() ** 2):02d}",
         D - timedelta(days=int(rng.integers(1, 60))))
        for _ in range(count)
    ]  # fmt: skip


def test_pairs_are_counted_as_by_hand() -> None:
    rows = some_rows()
    baskets, names = baskets_of(rows)
    by_hand: Counter[tuple[str, str]] = Counter()
    owners: dict[tuple[str, str], set[str]] = {}
    contents: dict[tuple[str, date], set[str]] = {}
    for customer, product, day in rows:
        contents.setdefault((customer, day), set()).add(product)
    for (customer, _), products in contents.items():
        for pair in combinations(sorted(products), 2):
            by_hand[pair] += 1
            owners.setdefault(pair, set()).add(customer)
    assert len(baskets) == len(contents)
    first, second, together = pairs_in_baskets(baskets, 5)
    counted = {
        (names[a], names[b]): int(n) for a, b, n in zip(first, second, together, strict=True)
    }
    assert counted == {pair: n for pair, n in by_hand.items() if n >= 5}
    assert len(counted) > 100
    again, customers = together_of(baskets, first, second)
    np.testing.assert_array_equal(again, together)
    assert customers.tolist() == [
        len(owners[names[a], names[b]]) for a, b in zip(first, second, strict=True)
    ]


def test_all_pairs_together_are_expected_as_often_as_they_are_observed() -> None:
    baskets, names = baskets_of(some_rows())
    first, second = (axis.astype(np.int32) for axis in np.triu_indices(len(names), k=1))
    together, _ = together_of(baskets, first, second)
    expected = expected_together(baskets, first, second)
    np.testing.assert_allclose(expected.sum(), together.sum(), rtol=1e-6)


def test_a_basket_of_very_many_products_is_left_out_and_counted() -> None:
    rows = [("c1", f"p{n:04d}", D - timedelta(days=3)) for n in range(5_000)]
    rows += [("c1", "p0001", D - timedelta(days=4)), ("c2", "p0002", D - timedelta(days=4))]
    baskets, _ = baskets_of(rows)
    assert (len(baskets), baskets.left_out_count) == (2, 1)
    assert baskets.of_product.sum() == 2


def test_nothing_bought_makes_no_pairs() -> None:
    baskets, _ = baskets_of([("c1", "a", D)])
    nothing = np.zeros(0, dtype=np.int32)
    assert len(baskets) == 0
    assert len(pairs_in_baskets(baskets, 1)[0]) == 0
    assert together_of(baskets, nothing, nothing)[0].tolist() == []
    assert expected_together(baskets, nothing, nothing).tolist() == []
