"""BG/NBD and MBG/NBD: the published figures, the simulated process, and rows that say little."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from retention_ml.errors import UnfitModel
from retention_ml.models.btyd import nbd
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.statistics.arrays import Floats
from tests.worlds.btyd import cdnow, simulate

CDNOW = cdnow()
TRIPLES = (CDNOW["x"].to_numpy(), CDNOW["t_x"].to_numpy(), CDNOW["T"].to_numpy())
WEEKS = PurchaseSummary.of(*TRIPLES)
FITTED = {modified: nbd.fit(WEEKS, modified=modified) for modified in (False, True)}
TRUE = BetaGeoNBD(r=0.6, alpha=20.0, a=0.5, b=2.0, modified=False)
T_DAYS = np.random.default_rng(4).integers(20, 500, 150_000).astype(np.float64)
HORIZON = 30.0


def _of(*customer: float) -> list[Floats]:
    return [np.array([value], dtype=np.float64) for value in customer]


def test_bg_nbd_finds_the_parameters_of_fader_hardie_lee_2005_table_2() -> None:
    fitted = FITTED[False]
    assert [round(value, 3) for value in (fitted.r, fitted.alpha, fitted.a, fitted.b)] == [
        0.243,
        4.414,
        0.793,
        2.426,
    ]
    assert fitted.log_likelihood(WEEKS) == pytest.approx(-9582.4, abs=0.05)
    assert not fitted.has_weak_prior


def test_mbg_nbd_finds_the_parameters_published_for_cbg_nbd_by_btydplus() -> None:
    fitted = FITTED[True]
    assert [round(value, 3) for value in (fitted.r, fitted.alpha, fitted.a, fitted.b)] == [
        0.525,
        6.183,
        0.891,
        1.614,
    ]
    assert not fitted.has_weak_prior


def test_expected_orders_of_customer_1_are_those_of_fader_hardie_lee_2005() -> None:
    assert FITTED[False].expected_orders(*_of(2, 30.43, 38.86), 39.0)[0] == pytest.approx(
        1.226, abs=5e-4
    )


@pytest.mark.parametrize(
    ("modified", "published"),
    [(False, (0.23, 0.52, 1.04, 1.52, 2.16, 2.65)), (True, (0.19, 0.55, 1.05, 1.49, 2.10, 2.56))],
)
def test_mean_expected_orders_by_repeats_are_those_of_btydplus(
    modified: bool, published: tuple[float, ...]
) -> None:
    expected = FITTED[modified].expected_orders(*TRIPLES, 39.0)
    means = [expected[TRIPLES[0] == frequency].mean() for frequency in range(6)]
    np.testing.assert_allclose(means, published, atol=0.00501)


def test_probabilities_to_be_alive_have_the_summary_published_by_btydplus() -> None:
    alive = FITTED[False].p_alive(*TRIPLES)
    summary = [alive.min(), *np.quantile(alive, [0.25, 0.5]), alive.mean(), alive.max()]
    np.testing.assert_allclose(summary, [0, 0.6604, 1, 0.8134, 1], atol=5e-5)


@pytest.mark.parametrize("modified", [False, True])
def test_the_gradient_is_the_slope_of_the_log_likelihood(modified: bool) -> None:
    draw = np.random.default_rng(2)
    for _ in range(5):
        at = np.exp(draw.normal(size=4))
        gradient = nbd._log_likelihood(at, WEEKS, modified)[1]
        for j, step in enumerate(1e-5 * at):
            move = np.eye(4)[j] * step
            up, down = (nbd._log_likelihood(at + m, WEEKS, modified)[0] for m in (move, -move))
            assert gradient[j] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-3)


def test_at_the_fit_no_direction_leads_up() -> None:
    for modified, fitted in FITTED.items():
        at = np.array([fitted.r, fitted.alpha, fitted.a, fitted.b])
        gradient = nbd._log_likelihood(at, WEEKS, modified)[1] * at
        assert np.abs(gradient).max() < 0.01


@pytest.mark.parametrize("modified", [False, True])
def test_simulated_parameters_are_recovered(modified: bool) -> None:
    # Over 30 other seeds the logarithms spread by up to .018 (r), .017 (alpha), .027 (a) and .050
    # (b), around the truth: four times that is allowed.
    true = replace(TRUE, modified=modified)
    T = T_DAYS[:50_000]
    frequency, recency, _ = simulate(true, T, 0.0, seed=11)
    summary = PurchaseSummary.of(frequency, recency, T)
    fitted = nbd.fit(summary, modified=modified)
    assert fitted.log_likelihood(summary) >= true.log_likelihood(summary)
    for name, tolerance in (("r", 0.072), ("alpha", 0.068), ("a", 0.108), ("b", 0.2)):
        assert np.log(getattr(fitted, name) / getattr(true, name)) == pytest.approx(
            0, abs=tolerance
        )


def _worst_deviation(predicted: Floats, observed: Floats, frequency: Floats) -> float:
    """Standard errors between predicted and observed, at worst over tenths by frequency 0, 1, 2+."""
    worst = 0.0
    for group in (frequency == 0, frequency == 1, frequency >= 2):
        tenth = np.argsort(np.argsort(predicted[group], kind="stable")) * 10 // group.sum()
        for number in range(10):
            error = (observed[group] - predicted[group])[tenth == number]
            worst = max(worst, abs(error.mean()) / (error.std() / np.sqrt(len(error))))
    return worst


@pytest.mark.parametrize("modified", [False, True])
def test_probabilities_and_expectations_are_those_of_the_simulated_process(
    modified: bool,
) -> None:
    true = replace(TRUE, modified=modified)
    frequency, recency, later = simulate(true, T_DAYS, HORIZON, seed=12)
    silent = (later == 0).astype(np.float64)
    # 30 groups: the worst lies beyond 4.2 standard errors once in a thousand simulations.
    predicted = true.p_no_order(frequency, recency, T_DAYS, HORIZON)
    assert _worst_deviation(predicted, silent, frequency) < 4.2
    expected = true.expected_orders(frequency, recency, T_DAYS, HORIZON)
    assert _worst_deviation(expected, later, frequency) < 4.2
    # The same comparison finds out the other model, and one in which nobody leaves.
    other = replace(true, modified=not modified)
    assert (
        _worst_deviation(other.p_no_order(frequency, recency, T_DAYS, HORIZON), silent, frequency)
        > 10
    )
    loyal = replace(true, a=1e-9)
    assert (
        _worst_deviation(loyal.p_no_order(frequency, recency, T_DAYS, HORIZON), silent, frequency)
        > 10
    )


@pytest.mark.parametrize("modified", [False, True])
def test_expected_orders_equal_their_integral_also_for_many_repeats_and_around_a_of_1(
    modified: bool,
) -> None:
    # Given that the customer is alive, p is Beta(a, b + chances to leave) and the rate is
    # Gamma(r + x, alpha + T): E[orders | p] = (1 - (1 + p u)^-(r + x)) / p, u = h / (alpha + T).
    for a in (0.3, 1.0 - 1e-9, 1.0, 1.0 + 1e-6, 4.0):
        process = replace(TRUE, a=a, modified=modified)
        for x, t_x, T, horizon in ((0, 0, 9, 7), (3, 40, 70, 90), (400, 690, 700, 365)):
            shape, u = process.r + x, horizon / (process.alpha + T)
            chances = process.b + x + modified

            def rest(
                share: float, shape: float = shape, u: float = u, a: float = a, b: float = chances
            ) -> float:
                p = max(float(beta.ppf(share, a, b)), 1e-300)
                return float(-np.expm1(-shape * np.log1p(p * u)) / p)

            integral = quad(rest, 0, 1, epsabs=0, epsrel=1e-9, limit=200)[0]
            customer = _of(x, t_x, T)
            expected = process.expected_orders(*customer, horizon) / process.p_alive(*customer)
            assert expected[0] == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("modified", [False, True])
def test_no_order_becomes_less_likely_with_the_horizon_and_ends_at_having_left(
    modified: bool,
) -> None:
    process = FITTED[modified]
    horizons = np.array([0, 1, 2, 4, 8, 13, 1e3, 1e9, 1e40])
    silent = process.p_no_order(*(column[:200, None] for column in TRIPLES), horizons)
    assert (silent[:, 0] == 1).all()
    assert (np.diff(silent, axis=1) <= 0).all()
    left = 1 - process.p_alive(*(column[:200] for column in TRIPLES))
    np.testing.assert_allclose(silent[:, -1], left, atol=1e-6)


def test_one_long_silence_says_more_about_a_customer_who_bought_often() -> None:
    process = FITTED[False]
    seldom, often = process.p_alive(np.array([2.0, 20.0]), np.full(2, 20.0), np.full(2, 38.0))
    assert often < seldom / 2


def test_waiting_times_of_customers_alive_are_those_of_their_gamma_mixture() -> None:
    frequency, T = np.array([0.0, 1.0, 7.0]), np.array([50.0, 60.0, 300.0])
    draw = np.random.default_rng(5)
    for x, days in zip(frequency, T, strict=True):
        waits = draw.exponential(1, 400_000) / draw.gamma(
            TRUE.r + x, 1 / (TRUE.alpha + days), 400_000
        )
        for q in (0.25, 0.5, 0.9):
            quantile = TRUE.days_to_order_quantile(*_of(x, days), q)
            assert (waits <= quantile).mean() == pytest.approx(q, abs=0.004)


def test_the_quantile_of_waiting_is_the_horizon_of_that_probability() -> None:
    days = TRUE.days_to_order_quantile(*_of(4, 100), 0.3)
    alive = replace(TRUE, a=1e-12)
    np.testing.assert_allclose(alive.p_no_order(*_of(4, 90, 100), days), 0.7, rtol=1e-9)


@pytest.mark.parametrize("modified", [False, True])
def test_weeks_and_days_give_equal_probabilities(modified: bool) -> None:
    x, t_x, T = TRIPLES
    in_days = nbd.fit(PurchaseSummary.of(x, t_x * 7, T * 7), modified=modified)
    assert in_days.alpha == pytest.approx(FITTED[modified].alpha * 7, rel=1e-5)
    np.testing.assert_allclose(
        in_days.p_no_order(x, t_x * 7, T * 7, 28.0),
        FITTED[modified].p_no_order(x, t_x, T, 4.0),
        rtol=0,
        atol=1e-6,
    )


def test_the_order_of_customers_changes_nothing() -> None:
    order = np.random.default_rng(1).permutation(len(CDNOW))
    mixed = PurchaseSummary.of(*(column[order] for column in TRIPLES))
    assert nbd.fit(mixed, modified=True) == FITTED[True]


@pytest.mark.parametrize(
    "customers",
    [
        [],
        [(0, 0, 0)] * 3,
        [(0, 0, 10)],
        [(0, 0, 10)] * 5_000,
        [(0, 0, days) for days in range(1, 400)],
        [(1, 0, 0)] * 3,
        [(0, 0, 10), (3, 5, 9), (1, 2, 3)],
        [(5, 100, 100)] * 9,
        [(100, 365, 365)] * 1_000,
        [(10_000, 365, 366), (0, 0, 1)],
    ],
    ids=str,
)
@pytest.mark.parametrize("modified", [False, True])
def test_histories_that_decide_nothing_give_a_sound_process_that_says_so(
    customers: list[tuple[float, float, float]], modified: bool
) -> None:
    columns = np.array(customers, dtype=np.float64).reshape(-1, 3).T
    process = nbd.fit(PurchaseSummary.of(*columns), modified=modified)
    assert process.has_weak_prior
    some = [column[:400] for column in TRIPLES]
    for probability in (process.p_alive(*some), process.p_no_order(*some, 4.0)):
        assert np.isfinite(probability).all()
        assert ((probability >= 0) & (probability <= 1)).all()
    expected = process.expected_orders(*some, 4.0)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


def test_the_weak_prior_moves_the_fit_less_than_the_rows_can_tell() -> None:
    frequency, recency, _ = simulate(replace(TRUE, a=0.2, b=40.0), T_DAYS[:3_000], 0.0, seed=3)
    summary = PurchaseSummary.of(frequency, recency, T_DAYS[:3_000])
    fitted = nbd.fit(summary, modified=False)
    true = replace(TRUE, a=0.2, b=40.0)
    assert fitted.log_likelihood(summary) > true.log_likelihood(summary) - 2


def test_a_process_survives_writing_and_garbled_ones_are_refused() -> None:
    content = FITTED[True].to_dict()
    assert BetaGeoNBD.from_dict(content) == FITTED[True]
    for name, value in (
        ("r", 0.0), ("alpha", float("nan")), ("a", -1.0), ("b", float("inf")), ("r", "much"), ("b", 10**400),
        ("modified", 1), ("has_weak_prior", None), ("alpha", None),
    ):  # fmt: skip
        with pytest.raises(UnfitModel, match="positive and finite"):
            BetaGeoNBD.from_dict({**content, name: value})
    for name in content:
        with pytest.raises(UnfitModel, match="cannot be used"):
            BetaGeoNBD.from_dict({key: content[key] for key in content if key != name})
    with pytest.raises(UnfitModel):
        BetaGeoNBD.from_dict([])  # type: ignore[arg-type]
