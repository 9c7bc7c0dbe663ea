"""What counts as a change: nothing of a living shop's ordinary days, any shift of three deviations."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache, partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.outcomes.monitoring.alerts import persistent
from retention_ml.outcomes.monitoring.drift import (
    Key,
    Values,
    code_drift,
    drift_threshold,
    missing_drift,
    share_drift,
    value_drift,
)
from retention_ml.outcomes.monitoring.feature_reach import (
    CAMPAIGNS,
    EVENTS,
    FEEDBACK,
    ORDERS,
    FeedStart,
    ShopAge,
)
from retention_ml.outcomes.monitoring.reference_days import select_reference_days
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.distances import (
    counts_in,
    edges_of,
    jensen_shannon,
    psi,
    psi_by_chance,
)
from tests.worlds.seasonal_shop import SeasonalShop, seasonal_shop

FIRST = date(2025, 1, 6)
BEGINS = 240  # the day of the shop on which watching begins
CUTOFFS = [BEGINS - 30 - 14 * place for place in range(10)]
GROWING = frozenset(
    {
        "tenure_days",
        "purchase_span_days",
        "orders_count",
        "is_one_time_buyer",
        "gap_mean_days",
        "recency_over_gap_mean_ratio",
        "orders_count_180d",
        "revenue_cents_180d",
    }
)


class Watching:
    """The pure part of a watch, day after day.

    Parameters
    ----------
    values : callable
        From the number of a day to its features.
    has_baseline : bool
        False: one fixed threshold for everything, as a naive watch has it.
    """

    def __init__(
        self, values: Callable[[int], Values], cutoffs: Sequence[int], *, has_baseline: bool = True
    ) -> None:
        self.values, self.has_baseline = values, has_baseline
        self.stored = {FIRST + timedelta(days=number): values(number) for number in cutoffs}
        self.windows: list[set[Key]] = []

    def run(self, number: int, **shift: float) -> set[Key]:
        """What would be alerted on a day; `shift` moves features by so many deviations."""
        day = FIRST + timedelta(days=number)
        reference_days = select_reference_days(day, self.stored)
        now = dict(self.values(number))
        for name, deviations in shift.items():
            now[name] = now[name] + deviations * np.nanstd(now[name])
        self.stored[day] = now
        if reference_days is None:
            return set()
        pair, baseline_pairs = reference_days.pairs(self.stored)
        baseline_pairs = baseline_pairs if self.has_baseline else []
        needs_baseline = GROWING if self.has_baseline else frozenset()
        names = list(shift or now)
        changes = value_drift(
            "input", names, pair, baseline_pairs, effect_min=0.1, needs_baseline=needs_baseline
        )
        changes += missing_drift(names, pair, baseline_pairs, effect_min=0.1)
        self.windows.append({c.key for c in changes if c.is_beyond})
        return persistent(self.windows[-3:], at_least=2)


def of_shop(shop: SeasonalShop) -> Callable[[int], Values]:
    @cache
    def values(number: int) -> Values:
        features = shop.features(number)[1]
        return features | {"score": shop.probability(features)}

    return values


@pytest.mark.parametrize(("every_days", "seed"), [(1, 1), (1, 2), (7, 3)])
def test_thirty_clean_runs_raise_at_most_one_alarm(every_days: int, seed: int) -> None:
    shop = seasonal_shop(days=BEGINS + 30 * every_days, seed=seed)
    watching = Watching(of_shop(shop), CUTOFFS)
    alarms = [watching.run(BEGINS + run * every_days) for run in range(30)]
    assert sum(map(bool, alarms)) <= 1


def test_thirty_clean_runs_without_any_history_raise_at_most_one_alarm() -> None:
    watching = Watching(of_shop(seasonal_shop(days=130, seed=4)), [])
    alarms = [watching.run(100 + run) for run in range(30)]
    assert sum(map(bool, alarms)) <= 1


@pytest.mark.parametrize("has_baseline", [True, False])
def test_only_a_watch_with_a_baseline_does_not_take_ageing_for_drift(
    has_baseline: bool,
) -> None:
    def ageing(number: int) -> Values:
        """A shop that nobody joins: all customers grow older together."""
        return {"tenure_days": number - np.linspace(0, 90, 500)}

    watching = Watching(ageing, CUTOFFS, has_baseline=has_baseline)
    alarms = [watching.run(BEGINS + 7 * run) for run in range(30)]
    assert sum(map(bool, alarms)) == (0 if has_baseline else 29)


@pytest.mark.parametrize("every_days", [1, 7])
def test_any_shift_of_three_deviations_is_found_within_three_runs(every_days: int) -> None:
    values = of_shop(seasonal_shop(customers=1_000, days=BEGINS + 14 * every_days, seed=5))
    before = Watching(values, CUTOFFS)
    for run in range(6):
        before.run(BEGINS + run * every_days)
    names = list(values(BEGINS))
    assert {"recency_days", "tenure_days", "revenue_cents_90d", "score"} < set(names)
    missed = []
    for name, deviations in product(names, (3.0, -3.0)):
        watching = Watching(values, [])
        watching.stored, watching.windows = dict(before.stored), list(before.windows)
        runs = range(6, 9)
        lasting_keys = [
            watching.run(BEGINS + run * every_days, **{name: deviations}) for run in runs
        ]
        if not any(("input", name, "psi") in each for each in lasting_keys):
            missed.append((name, deviations))
    assert missed == []


def test_days_that_lack_a_feature_are_no_baseline_for_it() -> None:
    draw = np.random.default_rng(1)
    low, high = {"x": draw.random(2_000)}, {"x": draw.random(2_000) + 0.2}
    zeros: Values = {"x": np.zeros(2_000)}
    for drifts in (value_drift, partial(value_drift, needs_baseline=frozenset("x"))):
        [index, _] = drifts("input", ["x"], (low, high), [(zeros, zeros)] * 3, effect_min=0.1)
        assert index.threshold == 0.1
    [index, _] = value_drift("input", ["x"], (low, high), [({}, zeros)] * 3, effect_min=0.1)
    assert index.threshold == 0.25
    [index, _] = drifts("input", ["x"], (low, high), [({}, zeros)] * 3, effect_min=0.1)
    assert index.threshold is None
    [_, index] = missing_drift(["x"], (low, high), [({}, zeros)] * 3, effect_min=0.1)
    assert index.threshold == 0.25
    for baseline, threshold in (([({}, zeros)] * 3, None), ([(zeros, zeros)] * 3, 0.1)):
        [_, index] = missing_drift(
            ["x"], (low, high), baseline, effect_min=0.1, needs_baseline=frozenset("x")
        )
        assert index.threshold == threshold


def test_a_feature_that_is_only_shown_has_sizes_and_no_threshold() -> None:
    draw = np.random.default_rng(1)
    pair: tuple[Values, Values] = ({"x": draw.random(500)}, {"x": np.full(500, np.nan)})
    shifted: tuple[Values, Values] = ({"x": draw.random(500)}, {"x": draw.random(500) + 1})
    only_shown = frozenset("x")
    for changes in (
        value_drift("input", ["x"], shifted, [], effect_min=0.1, only_shown=only_shown),
        missing_drift(["x"], pair, [], effect_min=0.1, only_shown=only_shown),
    ):
        assert len(changes) == 2
        assert all(change.threshold is None and not change.is_beyond for change in changes)


@pytest.mark.parametrize(
    ("name", "reach_days"),
    [
        ("revenue_cents_30d", 30),
        ("orders_trend_90d", 180),
        ("orders_year_ago_count_30d", 364),
        ("orders_year_ago_count_90d", 364),
        ("recency_days", 90),
        ("events_count_30d", 30),
        ("rating_mean_share_365d", 365),
    ],
)
def test_a_window_is_filled_once_its_feed_is_as_old_as_it(name: str, reach_days: int) -> None:
    start = FeedStart(event_on=FIRST, known_on=FIRST + timedelta(days=1))
    age = ShopAge(starts=dict.fromkeys((ORDERS, EVENTS, FEEDBACK), start), active_days=90)
    assert age.covers(name, FIRST + timedelta(days=reach_days))
    assert not age.covers(name, FIRST + timedelta(days=reach_days - 1))
    assert ShopAge(starts={}, active_days=90).covers(name, FIRST)


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("tenure_days", ORDERS),
        ("gaps_longer_90_days_share", ORDERS),
        ("event_recency_days", EVENTS),
        ("contact_recency_days", CAMPAIGNS),
        ("events_count_7d", EVENTS),
    ],
)
def test_what_a_feed_says_can_be_compared_with_days_that_knew_it(name: str, feed: str) -> None:
    known_on = FIRST + timedelta(days=100)  # connected with rows of a hundred days
    age = ShopAge(starts={feed: FeedStart(event_on=FIRST, known_on=known_on)}, active_days=90)
    for is_usable in (age.covers, age.is_observed):
        assert is_usable(name, known_on)
        assert not is_usable(name, known_on - timedelta(days=1))


def test_in_a_young_shop_only_windows_that_still_fill_are_hidden() -> None:
    start = FeedStart(event_on=FIRST, known_on=FIRST)
    age = ShopAge(
        starts=dict.fromkeys((ORDERS, EVENTS, CAMPAIGNS, FEEDBACK), start), active_days=180
    )
    hidden = [each for each in CATALOGUE if not age.covers(each.name, FIRST + timedelta(days=272))]
    assert {each.window_days for each in hidden} == {364, 365}
    assert len(hidden) < len(CATALOGUE) / 3
    assert all(age.is_observed(each.name, FIRST + timedelta(days=1)) for each in CATALOGUE)


def test_a_feature_that_stops_being_filled_is_found() -> None:
    draw = np.random.default_rng(1)
    full, emptied = {"gap": draw.random(500)}, {"gap": np.where(draw.random(500) < 0.4, np.nan, 1)}
    changes = missing_drift(["gap"], (full, emptied), [(full, full)] * 3, effect_min=0.1)
    assert [change.measure for change in changes if change.is_beyond] == ["psi"]
    assert not any(c.is_beyond for c in missing_drift(["gap"], (full, full), [], effect_min=0.1))


def test_a_new_code_is_found_and_rare_ones_that_come_and_go_are_not() -> None:
    before = {"web": 900, "store": 600, "phone": 2}
    new = code_drift(
        "orders.channel", (before, {"web": 500, "store": 500, "app": 300}), effect_min=0.1
    )
    assert {c.measure: c.is_beyond for c in new}["psi"]
    assert {c.measure: round(c.value, 4) for c in new}["new_share"] == round(300 / 1300, 4)
    assert {c.measure: round(c.value, 4) for c in new}["gone_share"] == round(2 / 1502, 4)
    rare = code_drift(
        "orders.channel", (before, {"web": 880, "store": 610, "fax": 1}), effect_min=0.1
    )
    assert not any(change.is_beyond for change in rare)


def test_shares_under_another_policy_are_only_shown() -> None:
    pair = ({"low": 500, "high": 100}, {"low": 100, "high": 500})
    assert any(c.is_beyond for c in share_drift("tier", pair, [], effect_min=0.1))
    changes = share_drift("tier", pair, [], effect_min=0.1, is_comparable=False)
    assert [c.threshold for c in changes] == [None] * len(changes)
    assert share_drift("tier", ({}, {"low": 1}), [], effect_min=0.1) == []


def test_the_baseline_raises_the_threshold_and_one_odd_pair_does_not() -> None:
    assert drift_threshold([0.2] * 5, effect_min=0.1, by_chance=0) == pytest.approx(0.4)
    assert drift_threshold([0.002] * 4 + [9.0], effect_min=0.1, by_chance=0) == 0.1
    assert drift_threshold([0.002] * 4, effect_min=0.1, by_chance=0.4) == 0.4


def test_few_customers_do_not_look_like_drift() -> None:
    draw = np.random.default_rng(7)
    beyond = 0
    for _ in range(300):
        pair = ({"x": draw.random(60)}, {"x": draw.random(60)})
        beyond += any(c.is_beyond for c in value_drift("input", ["x"], pair, [], effect_min=0.01))
    assert beyond <= 3
    naive = [psi(*_counts(draw.random(60), draw.random(60))) > 0.1 for _ in range(300)]
    assert sum(naive) > 100


def _counts(reference: Floats, current: Floats) -> tuple[np.ndarray, np.ndarray]:
    edges = edges_of(reference)
    return counts_in(edges, reference), counts_in(edges, current)


def test_the_index_of_a_normal_shift_is_about_its_square() -> None:
    draw = np.random.default_rng(3)
    reference = draw.normal(0, 1, 200_000)
    for shift in (0.1, 0.3, 0.5):
        index = psi(*_counts(reference, draw.normal(shift, 1, 200_000)))
        assert index == pytest.approx(shift**2, rel=0.15)


def test_chance_stays_below_its_bound_in_999_of_1000_cases() -> None:
    draw = np.random.default_rng(11)
    sizes = [psi(*_counts(draw.random(400), draw.random(300))) for _ in range(2_000)]
    bound = psi_by_chance(10, 400, 300)
    assert np.mean(np.array(sizes) > bound) < 0.005
    assert np.quantile(sizes, 0.95) < bound < 2.5 * np.quantile(sizes, 0.95)


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=8).flatmap(
        lambda first: st.tuples(
            st.just(first),
            st.lists(st.integers(0, 50), min_size=len(first), max_size=len(first)),
        )
    )
)
def test_distances_agree_with_scipy_and_are_symmetric(pair: tuple[list[int], list[int]]) -> None:
    first, second = (np.array(part, dtype=np.int64) for part in pair)
    if first.sum() and second.sum():
        oracle = jensenshannon(first, second, base=2)
        assert jensen_shannon(first, second) == pytest.approx(oracle, abs=1e-7)
    assert psi(first, second) == pytest.approx(psi(second, first))
    assert psi(first, second) >= 0
    assert psi(first, first) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_every_value_has_a_bin(values: list[float]) -> None:
    array = np.array(values)
    edges = edges_of(array)
    assert (np.diff(edges) > 0).all()
    assert counts_in(edges, array).sum() == len(array)
    assert counts_in(edges, np.array([-1e300, 1e300])).sum() == 2


def test_baseline_pairs_never_reach_beyond_the_reference() -> None:
    daily = [FIRST + timedelta(days=day) for day in range(200)]
    reference_days = select_reference_days(daily[-1], daily)
    assert reference_days is not None
    assert (reference_days.day - reference_days.reference).days == 28
    assert len(reference_days.baseline_pairs) == 8
    assert all(max(pair) <= reference_days.reference for pair in reference_days.baseline_pairs)
    assert all((day - reference).days == 28 for day, reference in reference_days.baseline_pairs)
    assert select_reference_days(daily[0], daily) is None
    few = select_reference_days(daily[5], daily[2:6])
    assert few is not None
    assert (few.reference, few.baseline_pairs) == (daily[2], ())
