"""Value by the process: draws and closed form agree, and both agree with customers followed."""

import numpy as np
import pytest

from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.profiles.value.spending import Spending
from retention_ml.statistics.arrays import Floats
from tests.worlds.btyd import simulate

HORIZON = 90.0
SPEND = SpendModel(p=2.0, q=4.0, v=4_500.0)


def spending(
    *, modified: bool, customers: int = 3_000, T: float = 200.0
) -> tuple[Spending, Floats]:
    """Customers of a known process, and their purchases in the horizon after."""
    process = BetaGeoNBD(r=0.8, alpha=25.0, a=0.7, b=2.5, modified=modified)
    observed = np.full(customers, T)
    frequency, recency, later = simulate(process, observed, HORIZON, seed=3)
    rates = np.random.default_rng(4).gamma(SPEND.q, 1 / SPEND.v, customers)
    n = frequency + 1.0
    day_cents = np.random.default_rng(5).gamma(SPEND.p * n) / rates / n
    made = Spending(
        process=process, spend=SPEND, frequency=frequency, recency=recency, T=observed,
        day_cents=day_cents,
    )  # fmt: skip
    return made, later


@pytest.mark.parametrize("modified", [True, False])
def test_the_mean_of_draws_is_the_closed_form_within_2_percent(modified: bool) -> None:
    made, _ = spending(modified=modified)
    drawn, closed = made.draws(HORIZON, 400, seed=1).mean(axis=1), made.expected_cents(HORIZON)
    assert drawn.sum() == pytest.approx(closed.sum(), rel=0.02)
    # Not only in total: by quarters of the customers as well.
    for part in np.array_split(np.argsort(closed), 4):
        assert drawn[part].sum() == pytest.approx(closed[part].sum(), rel=0.05)


def test_the_rate_of_spending_that_counts_p_twice_is_caught() -> None:
    """Negative control: v + p·x·m instead of v + x·m in the posterior."""
    made, _ = spending(modified=True, customers=500)
    n = made.frequency + 1.0
    wrong = SPEND.p * (SPEND.v + SPEND.p * n * made.day_cents) / (SPEND.p * n + SPEND.q - 1.0)
    assert (wrong * made.expected_orders(HORIZON)).sum() > 1.2 * made.expected_cents(HORIZON).sum()


def test_draws_bring_nothing_as_often_as_customers_order_nothing() -> None:
    made, later = spending(modified=True)
    draws = made.draws(HORIZON, 200, seed=1)
    nothing = made.process.p_no_order(made.frequency, made.recency, made.T, HORIZON)
    assert (draws == 0).mean() == pytest.approx(nothing.mean(), abs=0.01)
    assert (later == 0).mean() == pytest.approx(nothing.mean(), abs=0.03)


def test_draws_do_not_depend_on_chance_alone() -> None:
    made, _ = spending(modified=True, customers=50)
    assert np.array_equal(made.draws(HORIZON, 20, seed=1), made.draws(HORIZON, 20, seed=1))
    assert not np.array_equal(made.draws(HORIZON, 20, seed=1), made.draws(HORIZON, 20, seed=2))
