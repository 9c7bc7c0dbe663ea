"""A sample-ratio mismatch is noticed, at once and day by day, and fair arms are left in peace."""

import numpy as np
import pytest
from scipy import stats

from retention_ml.statistics.lots import places
from retention_ml.statistics.sample_ratio import (
    Arms,
    e_values,
    mismatch_p_value,
    worst_stratum,
)

CUSTOMERS = [str(number) for number in range(12_346, 32_346)]


def _drawn(customers: list[str], salt: str, share: float) -> np.ndarray:
    return places(customers, salt) < share


def _arms(drawn: np.ndarray) -> Arms:
    return Arms(arm_count=int(drawn.sum()), customers_count=len(drawn))


def test_a_fair_assignment_is_called_unlikely_no_more_often_than_stated() -> None:
    few = CUSTOMERS[:2_000]
    p_values = np.array(
        [mismatch_p_value(_arms(_drawn(few, f"s{i}", 0.1)), 0.1) for i in range(1_000)]
    )
    for stated in (0.05, 0.01, 0.001):
        allowed = stats.binom.ppf(0.999, 1_000, stated)
        assert (p_values < stated).sum() <= allowed
    assert (p_values < 1e-6).sum() == 0


@pytest.mark.parametrize("customers", [10, 60, 400])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_stated_rate_holds_exactly_also_for_a_handful(customers: int, share: float) -> None:
    counts = np.arange(customers + 1)
    chance = stats.binom.pmf(counts, customers, share)
    p_values = np.array(
        [mismatch_p_value(Arms(arm_count=int(k), customers_count=customers), share) for k in counts]
    )
    for stated in (0.05, 0.001):
        assert chance[p_values < stated].sum() <= stated


def test_the_chi_square_test_does_not_hold_for_a_handful() -> None:
    """Negative control: why the exact test is used."""
    counts = np.arange(61)
    chance = stats.binom.pmf(counts, 60, 0.1)
    p_values = np.array([stats.chisquare([k, 60 - k], [6, 54]).pvalue for k in counts])
    assert chance[p_values < 0.001].sum() > 0.0015


def test_with_many_customers_it_is_the_chi_square_test() -> None:
    for count in (98_900, 99_700, 100_100, 101_000):
        arms = Arms(arm_count=count, customers_count=1_000_000)
        asymptotic = stats.chisquare([count, 1_000_000 - count], [100_000, 900_000]).pvalue
        assert mismatch_p_value(arms, 0.1) == pytest.approx(asymptotic, rel=0.02)


def test_an_assignment_by_the_last_digit_is_noticed() -> None:
    """Negative control: a naive assignment whose arm follows the customer's number."""
    rising = np.array([int(one) % 9 == 0 for one in CUSTOMERS])  # 11 %, not 10
    assert mismatch_p_value(_arms(rising), 0.1) < 1e-5
    older = np.arange(len(CUSTOMERS)) < len(CUSTOMERS) / 2
    by_age = np.where(
        older,
        _drawn(CUSTOMERS, "1", 0.13),
        _drawn(CUSTOMERS, "1", 0.07),
    )
    assert mismatch_p_value(_arms(by_age), 0.1) > 0.01  # right as a whole ...
    strata = {"older": _arms(by_age[older]), "newer": _arms(by_age[~older])}
    assert worst_stratum(strata, 0.1)[1] < 1e-9  # ... and wrong in each part


def test_strata_pay_for_being_many() -> None:
    odd = Arms(arm_count=130, customers_count=1_000)
    alone = worst_stratum({"odd": odd}, 0.1)[1]
    assert alone == mismatch_p_value(odd, 0.1)
    even = Arms(arm_count=100, customers_count=1_000)
    assert worst_stratum({"odd": odd, "b": even, "c": even}, 0.1) == ("odd", 3 * alone)
    assert worst_stratum({"b": even, "c": even}, 0.1)[1] == 1.0
    assert worst_stratum({}, 0.1) == ("", 1.0)


def test_nobody_at_all_is_no_mismatch() -> None:
    assert mismatch_p_value(Arms(arm_count=0, customers_count=0), 0.1) == 1.0


def _daily_counts(share: float, *, days: int, per_day: int, seed: int) -> np.ndarray:
    arm = np.random.default_rng(seed).binomial(per_day, share, days).cumsum()
    return np.column_stack([arm, per_day * np.arange(1, days + 1) - arm])


def test_daily_looks_at_fair_arms_seldom_reach_twenty() -> None:
    streams = 400
    raised = daily = 0
    for seed in range(streams):
        counts = _daily_counts(0.1, days=180, per_day=150, seed=seed)
        raised += bool(e_values(counts, (0.1, 0.9)).max() >= 20)
        z = (counts[:, 0] - 0.1 * counts.sum(axis=1)) / np.sqrt(0.09 * counts.sum(axis=1))
        daily += bool((np.abs(z) > 1.96).any())
    assert raised <= stats.binom.ppf(0.999, streams, 0.05)
    assert daily > 0.25 * streams  # negative control: a test that is not meant for looking


def test_eleven_percent_instead_of_ten_is_noticed_within_a_quarter() -> None:
    reached = [
        e_values(_daily_counts(0.11, days=90, per_day=150, seed=seed), (0.1, 0.9)).max() >= 20
        for seed in range(200)
    ]
    assert np.mean(reached) > 0.5


def test_the_e_value_is_the_likelihood_ratio_of_drawing_from_an_urn() -> None:
    """Oracle: the product over customers of predictive probability by share."""
    arms = np.random.default_rng(3).choice(3, size=200, p=[0.2, 0.3, 0.5])
    shares, prior = np.array([0.25, 0.25, 0.5]), 40.0
    counts, product = np.zeros(3), 1.0
    for arm in arms:
        product *= (prior * shares[arm] + counts[arm]) / (prior + counts.sum()) / shares[arm]
        counts[arm] += 1
    last = e_values(counts[None].astype(np.int64), shares.tolist(), concentration=prior)
    assert last[0] == pytest.approx(product, rel=1e-9)


def test_without_customers_there_is_no_evidence() -> None:
    assert e_values(np.zeros((1, 2), dtype=np.int64), (0.1, 0.9)).tolist() == [1.0]
    assert e_values(np.zeros((0, 2), dtype=np.int64), (0.1, 0.9)).tolist() == []


@pytest.mark.parametrize(
    ("counts", "shares", "sentence"),
    [
        ([[1, 2]], (0.1, 0.2, 0.7), "3 shares and counts of shape"),
        ([[1, 2]], (0.1, 0.8), "numbers above 0 that add up to 1"),
        ([[1, 2]], (0.0, 1.0), "numbers above 0 that add up to 1"),
        ([[5, 2], [4, 9]], (0.5, 0.5), "fall or are negative"),
    ],
)
def test_counts_that_are_none_are_refused(
    counts: list[list[int]], shares: tuple[float, ...], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        e_values(np.array(counts, dtype=np.int64), shares)
