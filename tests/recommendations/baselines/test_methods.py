"""The published methods against plain versions of their definitions."""

from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.recommendations.backtest.methods import mixed
from retention_ml.recommendations.baselines.method import Best, Method
from retention_ml.recommendations.baselines.neighbours import EaseMethod, ItemKnn, TifuKnn, UpCf
from retention_ml.recommendations.baselines.popularity import (
    PersonalDecayed,
    most_bought,
    personal_frequency,
)
from retention_ml.recommendations.purchases import PurchaseLog, Purchases
from tests.worlds.purchases import log_of

METHODS: dict[str, Method] = {
    "best_sellers": most_bought,
    "personal_frequency": personal_frequency,
    "personal_decayed": PersonalDecayed(half_life_baskets=10),
    "tifu_knn": TifuKnn(neighbours=20),
    "up_cf": UpCf(),
    "item_knn": ItemKnn(neighbours=20),
    "ease": EaseMethod(products_max=200),
}


@pytest.fixture(scope="module")
def purchases(shop: PurchaseLog, as_of: date) -> Purchases:
    return shop.known_at(as_of)


def scores_of(best: Best, owner: int, *, is_own: bool) -> dict[int, float]:
    mask = (best.owner == owner) & (best.is_own == is_own)
    return dict(zip(best.product[mask].tolist(), best.score[mask].tolist(), strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_each_customer_gets_ten_new_products_and_own_ones_apart(
    name: str, purchases: Purchases
) -> None:
    customers = purchases.active(90)
    best = METHODS[name](purchases, customers)
    assert (np.diff(best.owner) >= 0).all()
    assert set(best.owner.tolist()) == set(range(len(customers)))
    for owner in range(0, len(customers), 11):
        bought = set(purchases.product[purchases.customer == customers[owner]].tolist())
        repeated = scores_of(best, owner, is_own=True)
        new = scores_of(best, owner, is_own=False)
        assert set(repeated) <= bought
        assert len(repeated) == min(10, len(bought))
        assert not set(new) & bought
        assert len(new) == 10


def test_personal_frequency_counts_days(purchases: Purchases) -> None:
    customers = purchases.active(90)
    best = personal_frequency(purchases, customers)
    for owner in range(0, len(customers), 9):
        counts = Counter(purchases.product[purchases.customer == customers[owner]].tolist())
        expected = sorted(counts.values(), reverse=True)[:10]
        assert sorted(scores_of(best, owner, is_own=True).values(), reverse=True) == expected


def test_tifu_vectors_are_those_of_the_paper(purchases: Purchases) -> None:
    customers = purchases.active(90)
    method = TifuKnn(basket_decay=0.9, group_decay=0.7, group_size=3, own_share=1.0, neighbours=5)
    best = method(purchases, customers)
    for owner in range(0, len(customers), 17):
        mine = purchases.customer == customers[owner]
        days = sorted(set(purchases.event_day[mine].tolist()))
        # Groups of three from the newest on; the oldest holds what is left.
        groups = [days[max(0, end - 3) : end] for end in range(len(days), 0, -3)]
        vector: Counter[int] = Counter()
        for age, group in enumerate(groups):
            for place, day in enumerate(reversed(group)):
                bought = set(purchases.product[mine & (purchases.event_day == day)].tolist())
                for product in bought:
                    vector[product] += 0.9**place / len(group) * 0.7**age / len(groups)
        for product, score in scores_of(best, owner, is_own=True).items():
            assert score == pytest.approx(vector[product], rel=1e-4)


def test_up_cf_weighs_customers_by_what_they_have_in_common(purchases: Purchases) -> None:
    customers = purchases.active(90)[:3]
    best = UpCf(recency=5, asymmetry=0.5, locality=3)(purchases, customers)
    sets = [
        set(purchases.product[purchases.customer == code].tolist())
        for code in range(len(purchases.customer_ids))
    ]
    frequency = []
    for code in range(len(purchases.customer_ids)):
        mine = purchases.customer == code
        days = sorted(set(purchases.event_day[mine].tolist()))[-5:]
        counts = Counter(purchases.product[mine & np.isin(purchases.event_day, days)].tolist())
        frequency.append({product: count / len(days) for product, count in counts.items()})
    me = int(customers[0])
    for product, score in scores_of(best, 0, is_own=True).items():
        expected = sum(
            (
                1.0
                if other == me
                else (len(sets[me] & sets[other]) / (len(sets[me]) * len(sets[other])) ** 0.5) ** 3
            )
            * frequency[other].get(product, 0.0)
            for other in range(len(sets))
            if sets[other]
        )
        if score > 0:
            assert score == pytest.approx(expected, rel=1e-3)


def test_like_products_are_those_with_like_buyers(purchases: Purchases) -> None:
    customers = purchases.active(90)[:5]
    best = ItemKnn(neighbours=10_000)(purchases, customers)
    rows = np.zeros((len(purchases.customer_ids), len(purchases.product_ids)))
    rows[purchases.customer, purchases.product] = 1.0
    length = np.maximum(1e-12, np.sqrt((rows**2).sum(axis=0)))
    likeness = rows.T @ rows / np.outer(length, length)
    np.fill_diagonal(likeness, 0.0)
    expected = rows[customers] @ likeness
    for owner in range(len(customers)):
        for product, score in scores_of(best, owner, is_own=False).items():
            if score > 0:
                assert score == pytest.approx(expected[owner, product], rel=1e-3)


def test_products_bought_equally_often_are_ordered_by_their_buyers() -> None:
    day = date(2026, 3, 1)
    mine = [("me", product, date(2026, 2, 1)) for product in "abc"]
    others = [(f"c{n}", product, date(2026, 2, 20)) for n, product in enumerate("ccbccb")]
    log = log_of([*mine, *others])
    purchases = log.known_at(day)
    customers = purchases.codes(pa.array(["me"]))
    lists = mixed(personal_frequency(purchases, customers), customers)
    assert [log.product_ids[int(code)].as_py() for code in lists.product] == ["c", "b", "a"]
