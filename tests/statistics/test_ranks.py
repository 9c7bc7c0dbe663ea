"""Ranks as positions: every share of them is exactly that share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retention_ml.statistics.ranks import rank_position

values = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1))


@given(values)
def test_positions_are_those_of_scipy_where_nothing_is_alike(every: np.ndarray) -> None:
    from scipy.stats import rankdata

    unique = np.random.default_rng(1).permutation(np.unique(every))
    expected = (rankdata(unique) - 0.5) / len(unique)
    assert np.allclose(rank_position(unique, np.zeros(len(unique))), expected)


@given(values, st.data())
def test_no_two_positions_are_equal_and_none_is_against_the_values(
    every: np.ndarray, data: st.DataObject
) -> None:
    tie_breaker = data.draw(hnp.arrays(np.float64, len(every), elements=st.floats(0, 1)))
    position = rank_position(every, tie_breaker)
    n = len(every)
    assert np.allclose(np.sort(position), (np.arange(n) + 0.5) / n)
    ascending = position.argsort()
    assert (np.diff(every[ascending]) >= 0).all()


def test_nobody_has_no_position() -> None:
    assert rank_position(np.empty(0), np.empty(0)).tolist() == []
