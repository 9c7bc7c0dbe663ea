"""Risk tiers: plain bounds, hysteresis, since when."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from retention_ml.scores.tiers import NO_TIER, TIERS, TierPolicy, positions, tier_since
from retention_ml.settings import Tiers

POLICY = TierPolicy(medium=0.35, high=0.6, critical=0.8, hysteresis=0.03)


@st.composite
def policies(draw: st.DrawFn) -> TierPolicy:
    bounds = sorted(draw(st.lists(st.floats(0.001, 1), min_size=3, max_size=3, unique=True)))
    return TierPolicy(
        medium=bounds[0], high=bounds[1], critical=bounds[2],
        hysteresis=draw(st.floats(0, 0.5)),
    )  # fmt: skip


shares = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1))


@given(policies(), shares)
def test_without_a_previous_tier_the_plain_bounds_decide(
    policy: TierPolicy, probability: np.ndarray
) -> None:
    nobody = np.full(len(probability), NO_TIER)
    expected = [
        sum(p >= bound for bound in (policy.medium, policy.high, policy.critical))
        for p in probability
    ]
    assert policy.tier_of(probability).tolist() == expected
    assert policy.tier_of(probability, nobody).tolist() == expected


@given(policies(), shares, st.integers(NO_TIER, len(TIERS) - 1))
def test_tiers_are_monotone_in_probability_for_any_previous_tier(
    policy: TierPolicy, probability: np.ndarray, previous: int
) -> None:
    ordered = np.sort(probability)
    tier = policy.tier_of(ordered, np.full(len(ordered), previous))
    assert (np.diff(tier) >= 0).all()


@given(policies(), shares, st.data())
def test_hysteresis_is_never_more_than_one_tier_away_from_the_plain_one(
    policy: TierPolicy, probability: np.ndarray, data: st.DataObject
) -> None:
    n = len(probability)
    previous = data.draw(hnp.arrays(np.int64, n, elements=st.integers(NO_TIER, 3)))
    tier = policy.tier_of(probability, previous)
    plain = policy.tier_of(probability)
    assert (np.abs(tier - plain) <= 1).all()
    assert ((tier == plain) | (tier == previous)).all()


@given(policies(), shares, st.data())
def test_scoring_the_same_probability_again_changes_no_tier(
    policy: TierPolicy, probability: np.ndarray, data: st.DataObject
) -> None:
    previous = data.draw(hnp.arrays(np.int64, len(probability), elements=st.integers(-1, 3)))
    once = policy.tier_of(probability, previous)
    assert policy.tier_of(probability, once).tolist() == once.tolist()


@pytest.mark.parametrize(
    ("previous", "probability", "expected"),
    [
        ("medium", 0.62, "medium"),
        ("medium", 0.64, "high"),
        ("high", 0.58, "high"),
        ("high", 0.56, "medium"),
        ("high", 0.34, "low"),
        ("low", 0.81, "critical"),
        ("critical", 0.78, "critical"),
        (None, 0.62, "high"),
        ("a tier of an old policy", 0.62, "high"),
    ],
)
def test_a_customer_leaves_a_tier_only_when_past_its_bound(
    previous: str | None, probability: float, expected: str
) -> None:
    tier = POLICY.tier_of(np.array([probability]), positions([previous]))
    assert TIERS[tier[0]] == expected


def test_a_naive_policy_without_hysteresis_flaps_where_ours_does_not() -> None:
    wobble = np.array([0.59, 0.61, 0.59, 0.61, 0.59])
    naive = POLICY.tier_of(wobble)
    tier, steady = np.array([NO_TIER]), []
    for probability in wobble:
        tier = POLICY.tier_of(np.array([probability]), tier)
        steady.append(int(tier[0]))
    assert (np.diff(naive) != 0).sum() == 4
    assert (np.diff(steady) != 0).sum() == 0


def test_tier_since_is_kept_while_the_tier_is_and_starts_anew_otherwise() -> None:
    today, earlier = date(2025, 3, 1), date(2025, 1, 7)
    since = tier_since(
        positions(["high", "high", "low"]),
        positions(["high", "medium", None]),
        [earlier, earlier, None],
        today,
    )
    assert since == [earlier, today, today]


def test_policies_differ_by_digest_and_only_by_what_decides() -> None:
    same = TierPolicy(medium=0.35, high=0.6, critical=0.8, hysteresis=0.03)
    assert same.sha256 == POLICY.sha256
    assert TierPolicy(medium=0.35, high=0.6, critical=0.8, hysteresis=0).sha256 != POLICY.sha256


def test_bounds_that_do_not_rise_are_refused_with_their_values() -> None:
    with pytest.raises(ValueError, match=r"\(0.0, 0.7, 0.6, 0.8\)"):
        TierPolicy(medium=0.7, high=0.6, critical=0.8, hysteresis=0)
    with pytest.raises(ValueError, match=r"hysteresis is -0\.1"):
        TierPolicy(medium=0.3, high=0.6, critical=0.8, hysteresis=-0.1)


def test_the_tier_names_are_those_of_the_settings() -> None:
    assert set(TIERS) <= set(Tiers.model_fields)
