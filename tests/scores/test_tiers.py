"""Risk tiers: plain bounds, hysteresis, since when."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from retention_ml.errors import SettingsError
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.scores.tiers import NO_TIER, TIERS, TierPolicy, places, tier_since
from retention_ml.settings import PROJECT, Tiers, load

POLICY = TierPolicy(medium=0.35, high=0.6, critical=0.8, hysteresis=0.03)
BY_SHARE = TierPolicy(by="share", medium=0.5, high=0.8, critical=0.95, hysteresis=0.2)
BY_VALUE = replace(BY_SHARE, by="value")


def _places(names: list[str | None]) -> npt.NDArray[np.int64]:
    return places(pa.array(names, pa.string()))


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
    tier = POLICY.tier_of(np.array([probability]), _places([previous]))
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
        _places(["high", "high", "low"]),
        _places(["high", "medium", None]),
        np.array([earlier, earlier, None], dtype="datetime64[D]"),
        today,
    )
    assert since.tolist() == [earlier, today, today]


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


def _counts(policy: TierPolicy, probability: np.ndarray, value: np.ndarray) -> list[int]:
    tier = policy.tier_of(policy.position(probability, value))
    return np.bincount(tier, minlength=len(TIERS)).tolist()


@pytest.mark.parametrize("policy", [BY_SHARE, BY_VALUE])
@pytest.mark.parametrize(
    "probability",
    [np.linspace(0.01, 0.3, 200), np.full(200, 0.5), np.repeat([0.1, 0.2, 0.3, 0.4], 50)],
)
def test_by_rank_every_tier_has_its_share_however_low_or_alike_the_probabilities(
    policy: TierPolicy, probability: np.ndarray
) -> None:
    value = np.random.default_rng(1).integers(0, 3, 200)
    assert _counts(policy, probability, value) == [100, 60, 30, 10]
    assert _counts(POLICY, probability, value)[3] == 0  # by probability nobody is critical


@given(st.integers(10, 400), st.floats(0, 0.33), st.data())
def test_by_rank_no_tier_is_empty_from_ten_customers_on_whatever_the_tiers_were_before(
    n: int, hysteresis: float, data: st.DataObject
) -> None:
    policy = replace(BY_SHARE, hysteresis=hysteresis)
    probability = data.draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.1, 0.2])))
    same = [np.full(n, tier) for tier in range(NO_TIER, 4)]
    previous = data.draw(
        st.sampled_from(same) | hnp.arrays(np.int64, n, elements=st.integers(NO_TIER, 3))
    )
    position = policy.position(probability, np.zeros(n, dtype=np.int64))
    assert set(policy.tier_of(position, previous).tolist()) == {0, 1, 2, 3}


def _ranks(n: int) -> np.ndarray:
    return BY_SHARE.position(np.arange(n, dtype=np.float64), np.zeros(n, dtype=np.int64))


@pytest.mark.parametrize(
    ("previous", "counts"),
    [
        # A fifth of the smaller tier: 10 of 50 around critical, 30 of 150 around high, 60 of 300.
        ("high", [500, 270, 190, 40]),
        ("critical", [500, 300, 140, 60]),
        ("medium", [440, 390, 120, 50]),
        ("low", [560, 240, 150, 50]),
    ],
)
def test_by_rank_a_border_holds_back_a_fifth_of_the_smaller_tier(
    previous: str, counts: list[int]
) -> None:
    tier = BY_SHARE.tier_of(_ranks(1000), _places([previous] * 1000))
    assert np.bincount(tier, minlength=4).tolist() == counts


def test_by_rank_less_than_one_place_holds_nobody_back() -> None:
    few = _ranks(99)  # a fifth of the smallest tier is 0.99 customers
    tier = BY_SHARE.tier_of(few, _places(["high"] * 99))
    assert (tier == 3).sum() == (BY_SHARE.tier_of(few) == 3).sum() == 5
    assert (BY_SHARE.tier_of(_ranks(100), _places(["high"] * 100)) == 3).sum() == 4


def test_by_share_the_riskiest_come_first_and_of_equals_those_with_more_at_risk() -> None:
    probability, value = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1, 1, 9, 100])
    assert BY_SHARE.position(probability, value).argsort().tolist() == [3, 1, 2, 0]
    assert BY_VALUE.position(probability, value).argsort().tolist() == [1, 0, 2, 3]


def test_by_rank_a_customer_near_an_end_stays_and_one_past_it_leaves() -> None:
    rank = _ranks(1000)
    near = [945, 955, 935, 965]
    critical, high = np.full(1000, 3), np.full(1000, 2)
    assert BY_SHARE.tier_of(rank, critical)[near].tolist() == [3, 3, 2, 3]
    assert BY_SHARE.tier_of(rank, high)[near].tolist() == [2, 2, 2, 3]


def test_a_policy_says_what_it_goes_by() -> None:
    assert str(BY_SHARE) == (
        "critical the riskiest 5 % of the customers, high the next 15 %, medium the next 30 %, "
        "hysteresis 20 % of the smaller tier"
    )
    assert str(BY_VALUE).startswith("critical those with most value at risk, 5 % of the customers")
    assert len({policy.sha256 for policy in (POLICY, BY_SHARE, BY_VALUE)}) == 3


def test_the_digest_of_a_policy_by_probability_is_what_it_always_was() -> None:
    assert POLICY.sha256 == "eb6df083ea0829ff65a707c082a531a4b5f67a078a9c1b5ced884616f2111ea7"


def test_the_shares_of_the_settings_are_the_sizes_of_the_tiers() -> None:
    settings = load({"RETENTION_TIERS__BY": "share"})
    policy = TierPolicy(**configured_policy(settings))
    assert policy == BY_SHARE
    assert TierPolicy(**configured_policy(load({}))) == POLICY


def test_the_example_of_the_runbook_gives_what_it_says() -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    [(wanted, customers, share)] = re.findall(
        r"(\d+) of ([\d,]+) customers are `critical_share = ([\d.]+)`", runbook
    )
    n = int(customers.replace(",", ""))
    settings = load({"RETENTION_TIERS__BY": "share", "RETENTION_TIERS__CRITICAL_SHARE": share})
    policy = TierPolicy(**configured_policy(settings))
    assert (policy.tier_of(_ranks(n)) == 3).sum() == int(wanted)
    # Who had no other tier before can enter it as in any shop.
    assert (policy.tier_of(_ranks(n), np.full(n, 2)) == 3).sum() == 0.8 * int(wanted)


def test_several_keys_that_do_not_fit_together_are_refused_in_one_sentence() -> None:
    variables = {"RETENTION_TIERS__BY": "share", "RETENTION_TIERS__MEDIUM_SHARE": "0.9"}
    with pytest.raises(SettingsError) as refused:
        load(variables)
    assert str(refused.value) == (
        "[tiers] as set in RETENTION_TIERS__BY and RETENTION_TIERS__MEDIUM_SHARE cannot be used: "
        "critical_share, high_share and medium_share are 1.1 of the customers together; expected "
        "less than 1, the rest is low. See docs/settings.md."
    )


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"critical_share": 0.5, "high_share": 0.3, "medium_share": 0.2}, "1 of the customers"),
        ({"hysteresis_share": 0.5}, "less than or equal to 0.33"),
        ({"by": "capacity"}, "'probability', 'share' or 'value'"),
    ],
)
def test_shares_that_leave_no_room_are_refused(shares: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tiers(**shares)
