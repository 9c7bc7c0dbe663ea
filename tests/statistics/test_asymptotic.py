"""The confidence sequence for money holds at every look; covariates and strata narrow it."""

import math

import numpy as np
import pytest
from scipy import stats

from retention_ml.statistics.asymptotic import differences, half_widths, mixture_variance

DAYS, PER_DAY = 84, 100
COUNTS = PER_DAY * np.arange(1, DAYS + 1)


def _stream(seed: int, *, share: float = 0.5, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    n = DAYS * PER_DAY
    is_treated = random.random(n) < share
    orders = random.poisson(0.6 * np.where(is_treated, 1 + effect, 1.0))
    return orders * np.exp(random.normal(3, 0.8, n)), is_treated


def _plan(**keywords: object) -> dict[str, object]:
    return {"error_rate": 0.05, "count_planned": float(COUNTS[-1]), **keywords}


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_daily_looks_at_nothing_seldom_find_something(share: float) -> None:
    streams, beyond, naive = 200, 0, 0
    for seed in range(streams):
        looks = differences(*_stream(seed, share=share), COUNTS, **_plan())
        beyond += any(look.lower > 0 or look.upper < 0 for look in looks)
        naive += any(abs(look.effect) > 1.96 * look.standard_error for look in looks[2:])
    assert beyond <= stats.binom.ppf(0.999, streams, 0.05)
    assert naive > 0.2 * streams  # negative control: an interval for one look


def test_a_true_effect_is_mostly_reported_before_the_end() -> None:
    at = []
    for seed in range(60):
        looks = differences(*_stream(seed, effect=0.25), COUNTS, **_plan())
        at.append(next((look.count for look in looks if look.lower > 0), math.inf))
    assert np.mean(np.array(at) < COUNTS[-1]) > 0.8
    assert np.median(at) < 0.75 * COUNTS[-1]


def test_the_sequence_is_tightest_after_half_of_the_customers_planned() -> None:
    n = np.linspace(1_000, 30_000, 291)
    rho_squared = mixture_variance(0.05, 20_000)
    factors = half_widths(np.ones(291), n, error_rate=0.05, rho_squared=rho_squared)
    boundary_at_half = factors[np.argmin(np.abs(n - 10_000))]
    for planned in (5_000, 40_000):
        other = half_widths(
            np.ones(1),
            np.array([10_000.0]),
            error_rate=0.05,
            rho_squared=mixture_variance(0.05, planned),
        )
        assert other[0] > boundary_at_half


def test_one_look_is_the_difference_of_means_and_its_standard_error() -> None:
    values, is_treated = _stream(1)
    [look] = differences(values, is_treated, np.array([len(values)]), **_plan())
    treated, control = values[is_treated], values[~is_treated]
    assert look.effect == pytest.approx(treated.mean() - control.mean(), rel=1e-10)
    assert look.control_mean == pytest.approx(control.mean(), rel=1e-10)
    by_welch = math.hypot(stats.sem(treated), stats.sem(control))
    assert look.standard_error == pytest.approx(by_welch, rel=1e-10)
    assert (look.count, look.treated_count) == (len(values), is_treated.sum())


def test_covariate_and_strata_equal_a_regression_with_dummies() -> None:
    """Oracle: with equal arms in every stratum OLS on arm, strata and covariate is the estimate."""
    random = np.random.default_rng(5)
    n = 4_000
    strata = np.repeat(np.arange(4), n // 4)
    is_treated = np.tile([True, False], n // 2)
    covariate = random.normal(size=n) + strata
    values = 2 * covariate + 5 * strata + 0.5 * is_treated + random.normal(size=n)
    [look] = differences(
        values, is_treated, np.array([n]), **_plan(covariate=covariate, strata=strata)
    )
    design = np.column_stack([is_treated, covariate, *(strata == s for s in range(4))])
    by_ols = np.linalg.lstsq(design.astype(float), values, rcond=None)[0][0]
    assert look.effect == pytest.approx(by_ols, abs=2e-3)
    [plain] = differences(values, is_treated, np.array([n]), **_plan())
    assert look.standard_error < 0.25 * plain.standard_error


def test_the_order_within_a_look_does_not_matter_and_later_rows_do_not_either() -> None:
    values, is_treated = _stream(2)
    counts = np.array([3_000, 6_000])
    before = differences(values[:6_000], is_treated[:6_000], counts, **_plan())
    mixed = np.concatenate(
        [np.random.default_rng(0).permutation(3_000), np.arange(3_000, len(values))]
    )
    after = differences(values[mixed], is_treated[mixed], np.append(counts, 7_000), **_plan())
    for one, other in zip(before, after, strict=False):
        assert one.effect == pytest.approx(other.effect, rel=1e-9)
        assert one.lower == pytest.approx(other.lower, rel=1e-9)


def test_nothing_is_stated_before_the_burn_in_or_without_an_arm() -> None:
    values, is_treated = _stream(3, share=0.1)
    looks = differences(values, is_treated, np.array([0, 1, 500, 8_000]), **_plan())
    assert all(look.lower == -math.inf and look.upper == math.inf for look in looks[:3])
    assert math.isnan(looks[0].effect)
    assert math.isfinite(looks[3].lower)
    nobody = differences(values, np.zeros(len(values), dtype=bool), np.array([8_000]), **_plan())
    assert math.isnan(nobody[0].effect)
    assert nobody[0].upper == math.inf


def test_a_stratum_with_a_handful_is_pooled_instead_of_counted_alone() -> None:
    values, is_treated = _stream(4)
    strata = np.zeros(len(values), dtype=np.int64)
    strata[:3] = [1, 2, 3]  # three customers alone
    [look] = differences(values, is_treated, np.array([len(values)]), **_plan(strata=strata))
    [plain] = differences(values, is_treated, np.array([len(values)]), **_plan())
    assert look.effect == pytest.approx(plain.effect, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"error_rate": 1.0}, "number between 0 and 1"),
        ({"covariate": np.zeros(2)}, "one entry for each customer"),
        ({"covariate": np.full(3, np.nan)}, "missing or infinite"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        differences(np.ones(3), np.array([True, False, True]), np.array([3]), **_plan(**change))
    with pytest.raises(ValueError, match="do not fall"):
        differences(np.ones(3), np.ones(3, dtype=bool), np.array([3, 2]), **_plan())
