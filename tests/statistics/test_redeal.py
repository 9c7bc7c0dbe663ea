"""A sticky holdout: other lots say what chance alone gives, at each of the planned looks."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from retention_ml.statistics.lots import places
from retention_ml.statistics.redeal import HoldoutLook, holdout_looks, other_draws

N, WINDOWS, SHARE = 2_000, 8, 0.2
IDS = [str(number) for number in range(N)]
BLOCKS = list(other_draws(IDS, "holdout:h1", SHARE, count=499))
DRAWS = np.concatenate(BLOCKS)


def _year(seed: int, lift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    is_holdout = places(IDS, f"holdout:year {seed}") < SHARE
    rate = random.gamma(0.7, 1 / 0.7, N)[:, None]
    basket = np.exp(random.normal(3, 0.5, (N, 1)))
    before = basket * random.poisson(4 * rate)
    values = basket * random.poisson(np.where(is_holdout[:, None], rate, rate * (1 + lift)), (N, 8))
    return values, is_holdout, before


def _looks(seed: int, lift: float = 0.0, *, adjusted: bool = False) -> list[HoldoutLook]:
    values, is_holdout, before = _year(seed, lift)
    return holdout_looks(
        values,
        is_holdout,
        BLOCKS,
        error_rate=0.05,
        windows_planned=WINDOWS,
        covariates=before if adjusted else None,
    )


def test_years_without_effect_are_seldom_called_different() -> None:
    years, beyond, naive = 120, 0, 0
    for seed in range(years):
        looks = _looks(seed, adjusted=True)
        beyond += looks[-1].is_beyond
        naive += any(abs(look.effect) > 1.96 * look.standard_error for look in looks)
    assert beyond <= stats.binom.ppf(0.999, years, 0.05)
    assert naive > 0.08 * years  # negative control: z at each look


def test_an_effect_is_reported_and_more_often_with_what_was_known_before() -> None:
    plain = sum(_looks(seed, 0.25)[-1].is_beyond for seed in range(40))
    adjusted = sum(_looks(seed, 0.25, adjusted=True)[-1].is_beyond for seed in range(40))
    assert adjusted > 1.2 * plain
    assert adjusted > 20


def test_the_interval_leaves_zero_out_exactly_where_a_look_crosses() -> None:
    for seed in range(30):
        looks = _looks(seed, 0.3, adjusted=True)
        crossed = [look.lower > 0 or look.upper < 0 for look in looks]
        first = crossed.index(True) if any(crossed) else WINDOWS
        assert [look.is_beyond for look in looks] == [k >= first for k in range(WINDOWS)]


def test_a_look_does_not_change_when_later_windows_close() -> None:
    values, is_holdout, before = _year(7)
    all_looks = _looks(7, adjusted=True)
    first = holdout_looks(
        values[:, :3],
        is_holdout,
        BLOCKS,
        error_rate=0.05,
        windows_planned=WINDOWS,
        covariates=before,
    )
    for look, again in zip(first, all_looks[:3], strict=True):
        assert astuple(look) == pytest.approx(astuple(again), rel=1e-9)
    assert math.isinf(first[0].critical)  # 0.05 / 64 of 500 draws is none


def test_the_effect_of_one_window_is_the_difference_of_means() -> None:
    values, is_holdout, _ = _year(3)
    look = _looks(3)[0]
    difference = values[~is_holdout, 0].mean() - values[is_holdout, 0].mean()
    assert look.effect == pytest.approx(difference, rel=1e-9)
    assert look.holdout_mean == pytest.approx(values[is_holdout, 0].mean(), rel=1e-12)


def test_who_joins_later_counts_from_then_on() -> None:
    values, is_holdout, _ = _year(4)
    joined = np.where(np.arange(N) % 2 == 0, 0, 2)
    values = np.where(joined[:, None] <= np.arange(WINDOWS), values, 0.0)
    looks = holdout_looks(
        values, is_holdout, BLOCKS, error_rate=0.05, windows_planned=WINDOWS, joined=joined
    )
    assert [look.customers_count for look in looks[:3]] == [N // 2, N // 2, N]
    early = joined == 0
    first = values[early & ~is_holdout, 0].mean() - values[early & is_holdout, 0].mean()
    assert looks[0].effect == pytest.approx(first, rel=1e-9)


def test_other_draws_are_fair_independent_and_repeatable() -> None:
    again = other_draws(IDS, "holdout:h1", SHARE, count=499)
    assert np.array_equal(DRAWS, np.concatenate(list(again)))
    assert (
        stats.kstest(
            (DRAWS.sum(axis=1) - N * SHARE) / math.sqrt(N * SHARE * (1 - SHARE)), "norm"
        ).pvalue
        > 1e-3
    )
    correlations = np.corrcoef(DRAWS[:60])[np.triu_indices(60, 1)] * math.sqrt(N)
    assert 0.9 < correlations.std() < 1.1
    real = places(IDS, "holdout:h1") < SHARE
    assert abs(np.corrcoef(real, DRAWS[0])[0, 1]) < 0.1


def test_draws_are_made_a_block_at_a_time_and_give_what_all_at_once_gave() -> None:
    """Known figures: of the same draws, held in memory all at once and added up by 64."""
    assert max(len(block) for block in BLOCKS) <= 16
    look = _looks(7, 0.3, adjusted=True)[3]
    assert look.effect == pytest.approx(37.54688185353258, rel=1e-12)
    assert look.standard_error == pytest.approx(4.504865878969637, rel=1e-12)
    assert look.critical == pytest.approx(2.656655465122081, rel=1e-12)
    last = _looks(7, 0.3)[7]
    assert last.effect == pytest.approx(55.03731124123054, rel=1e-12)
    assert last.critical == pytest.approx(2.038903941229241, rel=1e-12)


def test_money_that_nobody_spent_decides_nothing() -> None:
    nothing = np.zeros((N, 3))
    looks = holdout_looks(nothing, DRAWS[0], [DRAWS[1:]], error_rate=0.05, windows_planned=3)
    assert not looks[-1].is_beyond


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"draws": [DRAWS[:100]]}, "at least 400"),
        ({"windows_planned": 2}, "no more than planned"),
        ({"values": np.full((N, 3), np.nan)}, "missing or infinite"),
        ({"is_holdout": np.zeros(N, dtype=bool)}, "0 of 2000 customers are held out"),
        ({"is_holdout": np.zeros(3, dtype=bool)}, "expected the same customers"),
        ({"error_rate": 0.0}, "number between 0 and 1"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], sentence: str) -> None:
    arguments: dict[str, object] = {
        "values": np.ones((N, 3)),
        "is_holdout": DRAWS[0],
        "draws": BLOCKS,
        "error_rate": 0.05,
        "windows_planned": 3,
    }
    arguments.update(change)
    values, is_holdout, draws = (arguments.pop(key) for key in ("values", "is_holdout", "draws"))
    with pytest.raises(ValueError, match=sentence):
        holdout_looks(values, is_holdout, draws, **arguments)
