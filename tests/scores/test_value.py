"""Value at risk and percentile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retention_ml.scores.value import (
    expected_value_at_risk_cents,
    revenue_window_days,
    risk_percentile,
)

shares = hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1))


def test_value_is_probability_times_margin_times_scaled_revenue() -> None:
    value = expected_value_at_risk_cents(
        np.array([0.5, 1.0]),
        np.array([18_000.0, 18_000.0]),
        revenue_days=180,
        horizon_days=90,
        margin_share=0.25,
    )
    assert value.tolist() == [1_125, 2_250]


def test_refunds_and_unknown_revenue_put_nothing_at_risk() -> None:
    value = expected_value_at_risk_cents(
        np.array([0.9, 0.9, 0.9]),
        np.array([-5_000.0, np.nan, 0.0]),
        revenue_days=90,
        horizon_days=90,
        margin_share=0.3,
    )
    assert value.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("horizon", "window"), [(90, 90), (28, 30), (91, 365), (700, 365), (1, 7)])
def test_revenue_is_scaled_from_the_shortest_window_that_covers_the_horizon(
    horizon: int, window: int
) -> None:
    assert revenue_window_days((7, 30, 90, 365), horizon) == window


def test_equal_probabilities_share_the_mean_of_their_ranks() -> None:
    assert risk_percentile(np.array([0.3, 0.1, 0.3, 0.9])).tolist() == [0.625, 0.25, 0.625, 1.0]


@given(shares, st.randoms(use_true_random=False))
def test_percentiles_do_not_depend_on_the_order_of_the_rows(
    probability: np.ndarray, random: object
) -> None:
    order = np.array(random.sample(range(len(probability)), len(probability)))  # type: ignore[attr-defined]
    assert (risk_percentile(probability[order]) == risk_percentile(probability)[order]).all()


@given(shares)
def test_percentiles_rise_with_probability_and_stay_in_zero_to_one(probability: np.ndarray) -> None:
    percentile = risk_percentile(probability)
    order = np.argsort(probability, kind="stable")
    assert (np.diff(percentile[order]) >= 0).all()
    assert ((percentile > 0) & (percentile <= 1)).all()
    assert np.isclose(percentile.mean(), (len(probability) + 1) / (2 * len(probability)))


def test_nobody_has_no_percentile() -> None:
    assert risk_percentile(np.empty(0)).tolist() == []
