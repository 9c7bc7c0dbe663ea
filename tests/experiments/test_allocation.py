"""Lots of an experiment: exact in every stratum, the same for all who ask again."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from retention_ml.errors import UsageError
from retention_ml.experiments.allocation import allocate
from retention_ml.experiments.design import Design

ARMS = {"none": 0.2, "mail": 0.5, "coupon": 0.3}
DESIGN = Design(experiment_id="spring", arms=ARMS, tiers=("high", "low"))
IDS = [str(number) for number in range(3_000)]
STRATA = ["high" if number % 3 else "low" for number in range(3_000)]


def test_every_stratum_gets_its_shares_to_within_one_customer() -> None:
    result = allocate(IDS, STRATA, DESIGN, day="2026-03-01")
    for stratum in ("high", "low"):
        rows = [i for i, name in enumerate(STRATA) if name == stratum]
        counts = np.bincount(result.arm[rows], minlength=3)
        assert np.abs(counts - len(rows) * np.array(list(ARMS.values()))).max() <= 1


def test_the_probability_of_an_arm_is_its_share_for_everybody() -> None:
    few = IDS[:7]
    drawn = np.array([allocate(few, STRATA[:7], DESIGN, day=f"day {k}").arm for k in range(2_000)])
    for customer in range(7):
        counts = np.bincount(drawn[:, customer], minlength=3)
        expected = 2_000 * np.array(list(ARMS.values()))
        assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_lots_do_not_depend_on_the_order_and_are_drawn_anew_each_day() -> None:
    first = allocate(IDS, STRATA, DESIGN, day="2026-03-01")
    mixed = np.random.default_rng(0).permutation(len(IDS))
    again = allocate([IDS[i] for i in mixed], [STRATA[i] for i in mixed], DESIGN, day="2026-03-01")
    assert np.array_equal(first.arm[mixed], again.arm)
    other = allocate(IDS, STRATA, DESIGN, day="2026-03-02")
    assert abs(np.corrcoef(first.arm == 0, other.arm == 0)[0, 1]) < 0.06


def test_a_customer_drawn_once_keeps_the_arm_whoever_else_is_there() -> None:
    once = Design(experiment_id="spring", arms=ARMS, tiers=("high", "low"), unit="customer")
    first = allocate(IDS, STRATA, once, day="2026-03-01")
    later = allocate(IDS[500:], STRATA[500:], once, day="2026-06-01")
    assert np.array_equal(first.arm[500:], later.arm)
    counts = Counter(first.arm.tolist())
    assert (
        stats.chisquare([counts[k] for k in range(3)], 3_000 * np.array(list(ARMS.values()))).pvalue
        > 1e-4
    )


def test_nobody_can_be_drawn() -> None:
    assert allocate([], [], DESIGN, day="2026-03-01").arm.tolist() == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"experiment_id": "Spring coupon"}, "no name of an experiment"),
        ({"arms": {"mail": 1.0}}, "expected 'none'"),
        ({"arms": {"none": 1.0}}, "at least one action"),
        ({"arms": {"none": 0.5, "mail": 0.4}}, "add up to 0.9"),
        ({"arms": {"none": 0.0, "mail": 1.0}}, "none has 0"),
        ({"arms": {"none": float("nan"), "mail": 1.0}}, "none has nan"),
        ({"arms": {"none": 0.5, "it's": 0.5}}, "no name of an action"),
        ({"tiers": ()}, "No tier takes part"),
    ],
)
def test_a_design_that_compares_nothing_is_refused(
    change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        Design(**{"experiment_id": "spring", "arms": ARMS, "tiers": ("high",), **change})
