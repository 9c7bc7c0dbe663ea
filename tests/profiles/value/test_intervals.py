"""80 % intervals of single customers: they hold 80 % and are no wider than they must be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.profiles.value.intervals import LikeCustomers, drawn_intervals, shortest


def world(seed: int, customers: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of customers, and what they bring: nothing at times, else around it."""
    draw = np.random.default_rng(seed)
    expected = draw.gamma(1.0, 5_000.0, customers)
    buys = draw.random(customers) < np.clip(expected / 8_000, 0.05, 0.98)
    return expected, np.where(buys, expected * draw.gamma(3.0, 1 / 3, customers), 0.0)


def test_intervals_learnt_in_one_world_cover_another_as_often_as_they_promise() -> None:
    like = LikeCustomers.of(*world(1))
    expected, outcome = world(2)
    ends = like.intervals(expected)
    assert ((outcome >= ends[:, 0]) & (outcome <= ends[:, 1])).mean() == pytest.approx(
        0.81, abs=0.03
    )
    assert (ends[:, 0] <= ends[:, 1]).all()
    # Customers are told apart: those of whom little is expected have a narrow interval.
    least, most = np.argsort(expected)[:400], np.argsort(expected)[-400:]
    assert ends[least, 1].mean() < 0.05 * ends[most, 1].mean()


def test_an_interval_for_everybody_alike_is_caught() -> None:
    """Negative control: 80 % in all, but far from it among the best customers."""
    expected, outcome = world(1)
    everybody = shortest(np.sort(outcome)[None, :])[0]
    best = np.argsort(expected)[-400:]
    inside = (outcome[best] >= everybody[0]) & (outcome[best] <= everybody[1])
    assert inside.mean() < 0.4


@settings(deadline=None)
@given(st.lists(st.integers(-5, 20), min_size=1, max_size=60))
def test_at_least_80_percent_of_what_is_not_negative_lies_inside(values: list[int]) -> None:
    outcomes = np.sort(np.array(values, dtype=np.float64))
    lower, upper = shortest(outcomes[None, :])[0]
    inside = ((outcomes >= lower) & (outcomes <= upper)).sum()
    assert inside + (outcomes < 0).sum() >= np.floor(0.8 * len(values))
    assert 0 <= lower <= upper


def test_who_nearly_never_orders_has_an_interval_of_nothing() -> None:
    assert drawn_intervals(np.array([[0.0] * 9 + [50.0]])).tolist() == [[0.0, 0.0]]
    assert drawn_intervals(np.zeros((0, 5))).shape == (0, 2)


def test_a_customer_beyond_all_others_keeps_the_proportion() -> None:
    like = LikeCustomers.of(*world(1))
    expected = world(1)[0]
    whale = np.append(expected, expected.max() * 1_000)
    ends = like.intervals(whale)[-1]
    assert 0.3 * whale[-1] < ends[1] < 5 * whale[-1]


def test_what_was_written_is_read_and_nonsense_is_not() -> None:
    like = LikeCustomers.of(*world(1))
    again = LikeCustomers.from_dict(like.to_dict())
    assert np.array_equal(again.upper, like.upper)
    with pytest.raises(ValueError, match="do not rise"):
        LikeCustomers.from_dict({**like.to_dict(), "value_share": like.value_share[::-1].tolist()})
