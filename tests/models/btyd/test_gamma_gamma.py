"""Gamma-Gamma: the published figures, simulated payments, and payments that say little."""

import numpy as np
import pytest

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.btyd import gamma_gamma
from retention_ml.models.btyd.gamma_gamma import SpendModel
from tests.worlds.btyd import cdnow

CDNOW = cdnow()
PAYMENTS, MEANS = CDNOW["x"].to_numpy(), CDNOW["zbar"].to_numpy()
FITTED = gamma_gamma.fit(PAYMENTS, MEANS)


def test_parameters_are_those_of_fader_hardie_2013() -> None:
    assert [round(value, 2) for value in (FITTED.p, FITTED.q)] == [6.25, 3.74]
    assert FITTED.v == pytest.approx(15.44, abs=0.015)
    assert not FITTED.has_weak_prior


def test_expected_values_are_those_of_fader_hardie_2013() -> None:
    published = SpendModel(p=6.25, q=3.74, v=15.44)
    expected = published.expected_value(np.array([2.0, 1.0, 0.0]), np.array([22.35, 11.77, np.nan]))
    # The formula by hand, and what lifetimes' documentation lists for the first customers.
    np.testing.assert_allclose(expected[0], (15.44 + 2 * 22.35) * 6.25 / (6.25 * 2 + 3.74 - 1))
    np.testing.assert_allclose(expected, [24.66, 18.91, 35.17], atol=0.06)
    np.testing.assert_allclose(
        FITTED.expected_value(PAYMENTS[:6], MEANS[:6]),
        [24.66, 18.91, 35.17, 35.17, 35.17, 71.46],
        atol=0.005,
    )


def test_the_gradient_is_the_slope_of_the_log_likelihood() -> None:
    payments, means = gamma_gamma._with_payments(PAYMENTS, MEANS)
    for at in ([6.0, 4.0, 15.0], [1.0, 2.0, 3.0]):
        gradient = gamma_gamma._log_likelihood(np.array(at), payments, means)[1]
        for j in range(3):
            move = 1e-5 * np.eye(3)[j]
            up, down = (
                gamma_gamma._log_likelihood(np.array(at) + m, payments, means)[0]
                for m in (move, -move)
            )
            assert gradient[j] == pytest.approx((up - down) / 2e-5, rel=1e-5)


def _simulated(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    payments = draw.geometric(0.3, count).astype(np.float64)
    nu = draw.gamma(4.0, 1 / 2_000.0, count)
    return payments, draw.gamma(5.0 * payments, 1 / nu) / payments, 5.0 / nu


def test_simulated_parameters_and_means_are_recovered() -> None:
    payments, means, true = _simulated(30_000, seed=6)
    fitted = gamma_gamma.fit(payments, means)
    for value, true_value in ((fitted.p, 5), (fitted.q, 4), (fitted.v, 2_000)):
        assert value == pytest.approx(true_value, rel=0.08)
    error = fitted.expected_value(payments, means) - true
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))
    assert error.std() < 0.9 * (means - true).std()


def test_expected_values_lie_between_the_customers_mean_and_that_of_all() -> None:
    of_all = FITTED.expected_value(np.zeros(1), np.zeros(1))[0]
    means = np.array([of_all / 3, of_all * 3])
    for payments in (1.0, 5.0, 500.0):
        expected = FITTED.expected_value(np.full(2, payments), means)
        assert means[0] < expected[0] < of_all < expected[1] < means[1]
    np.testing.assert_allclose(expected, means, rtol=0.01)


def test_the_unit_of_money_and_the_order_of_customers_change_nothing() -> None:
    order = np.random.default_rng(1).permutation(len(PAYMENTS))
    assert gamma_gamma.fit(PAYMENTS[order], MEANS[order]) == FITTED
    cents = gamma_gamma.fit(PAYMENTS, MEANS * 100)
    assert cents.v == pytest.approx(FITTED.v * 100, rel=1e-5)
    assert (cents.p, cents.q) == pytest.approx((FITTED.p, FITTED.q), rel=1e-5)


@pytest.mark.parametrize(
    ("payments", "means"),
    [
        ([], []),
        ([0, 0], [0, 0]),
        ([1], [5]),
        ([3] * 50, [20] * 50),
        ([2, 4], [0, 7]),
        ([1, 1], [1, 1e9]),
    ],
)
def test_payments_that_decide_nothing_give_a_sound_model_that_says_so(
    payments: list[float], means: list[float]
) -> None:
    fitted = gamma_gamma.fit(np.array(payments, float), np.array(means, float))
    assert fitted.has_weak_prior
    expected = fitted.expected_value(PAYMENTS[:50], MEANS[:50])
    assert np.isfinite(expected).all()
    assert (expected > 0).all()


@pytest.mark.parametrize(("payments", "mean"), [(-1, 5), (2, -5), (2, np.nan), (np.inf, 2)])
def test_payments_that_cannot_be_are_refused(payments: float, mean: float) -> None:
    with pytest.raises(UsageError, match="1 of 2 customers"):
        gamma_gamma.fit(np.array([1.0, payments]), np.array([3.0, mean]))


def test_a_model_survives_writing_and_garbled_ones_are_refused() -> None:
    content = FITTED.to_dict()
    assert SpendModel.from_dict(content) == FITTED
    for name, value in (("p", 0), ("q", float("nan")), ("v", None), ("has_weak_prior", 0)):
        with pytest.raises(UnfitModel, match="positive and finite"):
            SpendModel.from_dict({**content, name: value})
        with pytest.raises(UnfitModel, match="positive and finite"):
            SpendModel.from_dict({key: content[key] for key in content if key != name})
