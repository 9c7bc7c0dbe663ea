"""Small functions of arrays against numpy's own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.statistics.arrays import distinct


@given(st.lists(st.integers(-(2**40), 2**40)))
def test_distinct_values_are_those_of_numpy(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert np.array_equal(distinct(array), np.unique(array))
    assert distinct(array).dtype == array.dtype
