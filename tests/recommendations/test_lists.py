"""Filters, lists and reasons: plain arrays in, what a customer is offered out."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.recommendations.lists.filters import (
    FILTERS,
    OFFERED,
    Filter,
    Offer,
    Rules,
    durable,
    filtered_counts,
    unsellable,
    unwanted,
)
from retention_ml.recommendations.lists.lists import (
    EXPLORED_PRODUCTS,
    LISTS,
    Candidates,
    Exploration,
    lists,
)
from retention_ml.recommendations.lists.reasons import _best_seller, _bought, _bought_with, _young
from retention_ml.statistics.arrays import Floats, Ints

DAY = 1_000


def offer(**columns: list[object]) -> Offer:
    n = len(columns["product_ids"])
    return Offer(
        product_ids=pa.array(columns["product_ids"], pa.string()),
        category=pa.array(columns.get("category", [None] * n), pa.string()),
        is_available=pa.array(columns.get("is_available", [None] * n), pa.bool_()),
        stock_count=pa.array(columns.get("stock_count", [None] * n), pa.int64()),
        is_durable=pa.array(columns.get("is_durable", [None] * n), pa.bool_()),
    )


def words(reasons: np.ndarray) -> list[str | None]:
    return [None if code == OFFERED else FILTERS[code].value for code in reasons]


def test_what_the_catalogue_says_decides_before_how_it_sold() -> None:
    of_shop = offer(
        product_ids=["a", "b", "c", "d", "e", "f", "g"],
        category=["x", "x", "gift", None, "x", "x", "x"],
        is_available=[True, False, True, None, None, None, None],
        stock_count=[None, 9, None, 0, 4, None, None],
    )
    old = np.full(7, DAY - 400)
    old[6] = DAY - 89
    rules = Rules(excluded_products=["z"], excluded_categories=["gift"])
    assert words(unsellable(of_shop, old, DAY, rules)) == [
        None, "not_available", "excluded_category", "out_of_stock", None, "not_sold_lately", None,
    ]  # fmt: skip


def test_what_was_sent_back_is_not_offered_unless_bought_since() -> None:
    reasons = unwanted(
        is_durable=np.zeros(4, dtype=bool),
        last_bought=np.array([900, 900, -1, 900]),
        returned_on=np.array([905, 890, 800, 900]),
        day=DAY,
        rules=Rules(),
    )
    assert words(reasons) == ["returned", None, "returned", "returned"]


def test_durables_are_not_offered_to_who_has_them_and_a_fixed_pause_is_off_by_default() -> None:
    of_shop = offer(
        product_ids=["a", "b", "c"], category=["sofa", "tea", "tea"], is_durable=[None, True, None]
    )
    rules = Rules(durable_categories=["sofa"])
    assert durable(of_shop, rules).tolist() == [True, True, False]
    values = {"is_durable": np.array([True, True, False]), "returned_on": np.full(3, -1)}
    bought = np.array([DAY - 1, -1, DAY - 1])
    assert words(unwanted(last_bought=bought, day=DAY, rules=rules, **values)) == [
        "durable", None, None,
    ]  # fmt: skip
    pause = Rules(not_again_days=7)
    assert words(unwanted(last_bought=bought, day=DAY, rules=pause, **values))[2] == "not_again"


def test_what_was_taken_off_is_counted_once_by_its_first_reason() -> None:
    first = FILTERS.index(Filter.OUT_OF_STOCK)
    counts = filtered_counts(
        np.array([first, first, OFFERED, first], dtype=np.int8),
        np.array([0, 0, 1, 2], dtype=np.int32),
        np.array([5, 6, 5, 5], dtype=np.int32),
    )
    assert counts == [
        {"reason": "out_of_stock", "pairs_count": 3, "products_count": 2, "customers_count": 2}
    ]


def candidates(
    rows: list[tuple[int, int, float, bool, bool]],
) -> Candidates:
    customer, product, probability, bought, young = zip(*rows, strict=True)
    return Candidates(
        customer=np.array(customer, dtype=np.int32),
        product=np.array(product, dtype=np.int32),
        probability=np.array(probability),
        is_bought=np.array(bought, dtype=bool),
        is_young=np.array(young, dtype=bool),
    )


def shown(made: Candidates, name: str, size: int, **options: Exploration) -> list[list[int]]:
    rows = lists(made, size, **options)[name]
    customers = made.customer[rows.candidate]
    return [made.product[rows.candidate[customers == c]].tolist() for c in np.unique(customers)]


def test_again_and_new_divide_what_the_mixed_list_mixes() -> None:
    made = candidates(
        [(0, 1, 0.9, True, False), (0, 2, 0.8, False, False), (0, 3, 0.7, True, False),
         (1, 4, 0.2, False, False), (1, 3, 0.2, False, False)]
    )  # fmt: skip
    assert shown(made, "mixed", 2) == [[1, 2], [3, 4]]
    assert shown(made, "again", 2) == [[1, 3]]
    assert shown(made, "new", 2) == [[2], [3, 4]]


def test_the_last_slot_of_new_is_for_a_young_product_if_none_is_there_by_itself() -> None:
    ordinary = [(0, p, 0.9 - p / 10, False, False) for p in range(4)]
    made = candidates([*ordinary, (0, 8, 0.01, False, True), (0, 9, 0.02, False, True)])
    assert shown(made, "new", 3) == [[0, 1, 9]]
    assert shown(made, "mixed", 3) == [[0, 1, 2]]
    by_itself = candidates([*ordinary, (0, 8, 0.85, False, True), (0, 9, 0.02, False, True)])
    assert shown(by_itself, "new", 3) == [[0, 8, 1]]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 30), st.floats(0, 1), st.booleans(),
                  st.booleans()),
        min_size=1, max_size=80, unique_by=lambda row: row[:2],
    ),
    st.integers(1, 6),
    st.floats(0, 1),
)  # fmt: skip
def test_ranks_have_no_holes_and_no_product_stands_twice(
    rows: list[tuple[int, int, float, bool, bool]], size: int, share: float
) -> None:
    made = candidates(rows)
    draw = np.random.default_rng(1)
    lots = Exploration(share=share, is_drawn=draw.random(6), which=draw.random(6))
    for name, one in lists(made, size, lots).items():
        assert name in LISTS
        assert ((one.propensity > 0) & (one.propensity <= 1)).all()
        for customer in np.unique(made.customer[one.candidate]):
            of_customer = made.customer[one.candidate] == customer
            ranks = one.rank[of_customer].tolist()
            assert ranks == list(range(1, len(ranks) + 1))
            assert len(ranks) <= size
            assert len(np.unique(one.candidate[of_customer])) == len(ranks)


def test_stated_propensities_are_how_often_a_product_is_drawn() -> None:
    """Over many lots each product stands in the last slot as often as its propensity says."""
    made = candidates([(0, p, 1 - p / 100, False, False) for p in range(30)])
    draw = np.random.default_rng(7)
    share, size, tries = 0.5, 5, 4_000
    stood, stated = np.zeros(30), np.zeros(30)
    for _ in range(tries):
        lots: list[Floats] = [draw.random(1), draw.random(1)]
        rows = lists(made, size, Exploration(share=share, is_drawn=lots[0], which=lots[1]))["new"]
        last: Ints = rows.candidate[rows.rank == size]
        stood[last] += 1 / tries
        stated[last] = rows.propensity[rows.rank == size]
    assert (stood > 0).sum() == EXPLORED_PRODUCTS
    assert stated[4] == pytest.approx(1 - share + share / EXPLORED_PRODUCTS)
    assert np.abs(stood - stated).max() < 0.03
    assert stated.sum() == pytest.approx(1)


def test_reasons_are_plain_sentences_with_numbers_that_are_counts() -> None:
    assert _bought(4, 100, 136, 150).sentence == "you buy it about every 12 days; last 14 days ago"
    assert _bought(2, 100, 136, 150).sentence == "you bought it twice; last 14 days ago"
    assert _bought(1, 149, 149, 150).sentence == "you bought it yesterday"
    assert _bought(9, 100, 108, 150).sentence == "you buy it about every day; last 42 days ago"
    assert _bought_with("TEA", 61).sentence == "bought by 61 customers who, like you, bought TEA"
    assert _bought_with("TEA", 1).sentence == "bought by 1 customer who, like you, bought TEA"
    assert _young(12).sentence == "new here since 12 days, and like what you buy"
    assert _young(12, is_guest=True).sentence == "new here since 12 days"
    assert _best_seller(1).sentence == "bought by 1 customer in the last 28 days"
    assert _best_seller(0).sentence == "suits what you buy"
