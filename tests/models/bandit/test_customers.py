"""Money by hand, and what cannot be decided on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from retention_ml.models.bandit.customers import (
    Arms,
    Customers,
    concatenated,
    gains_cents,
    money_cents,
)
from tests.models.bandit.shops import ARMS, closed, customers, lot


def test_a_discount_goes_to_those_too_who_would_have_ordered() -> None:
    shop = replace(customers(1, 1), order_probabilities=np.array([0.5]))
    effects = np.array([[0.0, 0.1, 0.1]])
    # Mail: 0.1 more orders of 10.00 minus 0.02. Coupon: each of 0.6 orders leaves 7.00, not 10.00.
    assert gains_cents(ARMS, shop, effects).tolist() == [
        [0.0, pytest.approx(98.0), pytest.approx(0.6 * 700 - 500)]
    ]
    money = money_cents(ARMS, shop, 0.5 + effects)
    assert money.tolist() == [[500.0, pytest.approx(598.0), pytest.approx(420.0)]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"names": ("none",)}, "expected none and at least one other"),
        ({"names": ("none", "email", "email")}, "each once"),
        ({"costs_cents": np.array([1.0, 2.0, 0.0])}, "none costs money"),
        ({"costs_cents": np.array([0.0, np.nan, 0.0])}, "negative or missing"),
        ({"discount_shares": np.array([0.0, 0.0, 1.5])}, "not within 0 and 1"),
        ({"floors": np.zeros(2)}, "with a cost, a discount and a floor"),
    ],
)
def test_impossible_actions_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(ARMS, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order_probabilities": np.array([0.5, np.nan])}, "scores of the day"),
        ({"order_probabilities": np.array([0.5, 1.5])}, "not within 0 and 1"),
        ({"baskets_cents": np.array([-1.0, 1.0])}, "negative or missing"),
        ({"allowed": np.array([[True, True, True], [False, True, True]])}, "None is not allowed"),
        ({"features": np.zeros((3, 1))}, "one row a customer"),
    ],
)
def test_customers_that_cannot_be_decided_on_are_refused(
    changes: dict[str, Any], words: str
) -> None:
    shop = customers(1, 2)
    columns: dict[str, Any] = {name: getattr(shop, name) for name in Customers.__slots__}
    with pytest.raises(ValueError, match=words):
        Customers(**columns | changes)


def test_parts_put_together_are_the_whole() -> None:
    shop = customers(1, 50)
    whole = closed(shop, lot(shop), seed=1)
    half = np.arange(50) < 20
    again = concatenated([whole.subset(half), whole.subset(~half)])
    assert np.array_equal(again.actions, whole.actions)
    assert np.array_equal(again.customers.features, shop.features)
    assert isinstance(ARMS, Arms)
