"""Value at risk and percentile."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.bundle.timing import Timing
from retention_ml.scores.horizons import History
from retention_ml.scores.value import (
    at_risk_cents,
    expected_value_at_risk_cents,
    revenue_if_retained_cents,
    risk_percentile,
)
from retention_ml.statistics.profit import revenue_as_lately_cents, revenue_window_days
from tests.worlds.btyd import simulate

shares = hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1))
SHOP = Timing(
    process=BetaGeoNBD(r=1.2, alpha=40.0, a=0.7, b=4.0, modified=True),
    spend=SpendModel(p=5.0, q=4.0, v=1800.0),
    lead_days=0,
    horizon_days=28,
)


def test_value_is_probability_times_margin_times_scaled_revenue() -> None:
    revenue = revenue_as_lately_cents(np.full(2, 18_000.0), revenue_days=180, horizon_days=90)
    value = expected_value_at_risk_cents(np.array([0.5, 1.0]), revenue, margin_share=0.25)
    assert value.tolist() == [1_125, 2_250]


def test_refunds_and_unknown_revenue_put_nothing_at_risk() -> None:
    value = expected_value_at_risk_cents(
        np.array([0.9, 0.9, 0.9]), np.array([-5_000.0, np.nan, 0.0]), margin_share=0.3
    )
    assert value.tolist() == [0, 0, 0]


def test_expected_revenue_is_purchase_days_times_a_payment_shrunk_to_the_mean() -> None:
    once = History.of(np.array([1.0, 1.0]), np.array([5.0, 5.0]), np.array([5.0, 5.0]))
    often = History.of(np.full(2, 30.0), np.full(2, 5.0), np.full(2, 300.0))
    mean_of_all = 5.0 * 1800.0 / 3.0
    little, much = mean_of_all / 4, mean_of_all * 4
    assert SHOP.spend is not None
    ratio = {}
    for name, history, days in (("once", once, 1.0), ("often", often, 30.0)):
        paid = np.array([little, much]) * days
        revenue = revenue_if_retained_cents(SHOP, history, paid, horizon_days=90)
        orders = SHOP.process.expected_orders_if_alive(history.frequency, history.T, 90.0)
        assert revenue == pytest.approx(
            orders * SHOP.spend.expected_value(np.full(2, days), paid / days)
        )
        ratio[name] = revenue[1] / revenue[0]
    # One payment tells less than thirty: the two customers differ less.
    assert 1 < ratio["once"] < 0.5 * ratio["often"]
    assert ratio["often"] < 16


def test_the_revenue_of_retained_customers_is_recovered_in_the_mean() -> None:
    # 30,000 simulated customers who have not left, with payments of their own: to 3 %.
    assert SHOP.spend is not None
    draw = np.random.default_rng(3)
    T = np.full(30_000, 200.0)
    stays = BetaGeoNBD(r=1.2, alpha=40.0, a=1e-6, b=4.0, modified=True)
    frequency, recency, later = simulate(stays, T, 90.0, seed=4)
    days = frequency + 1
    rate = draw.gamma(SHOP.spend.q, 1 / SHOP.spend.v, len(days))
    paid = draw.gamma(SHOP.spend.p * days) / rate
    spent = np.where(later > 0, draw.gamma(SHOP.spend.p * np.maximum(later, 1)), 0.0) / rate
    shop = Timing(process=stays, spend=SHOP.spend, lead_days=0, horizon_days=28)
    history = History.of(days, T - recency, T)
    expected = revenue_if_retained_cents(shop, history, paid, horizon_days=90)
    assert expected.mean() == pytest.approx(spent.mean(), rel=0.03)
    for group in (frequency == 0, frequency > 5):
        assert expected[group].mean() == pytest.approx(spent[group].mean(), rel=0.10)


def test_without_spend_model_or_revenue_recent_revenue_counts() -> None:
    features = pa.table(
        {
            "revenue_cents_90d": pa.array([9_000.0, 9_000.0, None]),
            "revenue_cents": pa.array([30_000.0, None, 30_000.0]),
        }
    )
    probability = np.full(3, 0.5)
    history = History.of(np.full(3, 3.0), np.full(3, 9.0), np.full(3, 90.0))
    plain = {"margin_share": 0.3, "horizon_days": 90}
    without = Timing(process=SHOP.process, spend=None, lead_days=0, horizon_days=28)
    for timing in (None, without):
        assert at_risk_cents(features, probability, timing, history, **plain).tolist() == [
            1_350, 1_350, 0,
        ]  # fmt: skip
    at_risk = at_risk_cents(features, probability, SHOP, history, **plain)
    assert at_risk[0] == at_risk[2] > 0
    assert at_risk[0] != 1_350
    assert at_risk[1] == 1_350


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
