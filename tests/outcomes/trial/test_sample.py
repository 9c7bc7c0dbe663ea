"""Which forecasts count: one per customer and outcome window, none overlapping."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa

from retention_ml.outcomes.contacts import Contamination
from retention_ml.outcomes.forecasts import Forecasts, ScoredSnapshot
from retention_ml.outcomes.trial.sample import NonOverlappingSampler, TrialSample, codes_of

FIRST = date(2025, 1, 1)


def _day(offset: int, names: list[str]) -> Forecasts:
    n = len(names)
    return Forecasts(
        snapshot=ScoredSnapshot(
            snapshot_id=offset,
            as_of=FIRST + timedelta(days=offset),
            champion_version="1",
            champion_sha256="a",
            challenger_version="2",
            challenger_sha256="b",
            challenger_share=0.1,
        ),
        customer_ids=pa.array(names),
        champion=np.full(n, 0.5),
        challenger=np.full(n, 0.4),
        assigned_to_challenger=np.zeros(n, dtype=bool),
        churned=np.zeros(n),
        is_abnormal=np.zeros(n, dtype=bool),
        contamination=Contamination(
            is_contacted=np.zeros(n, dtype=bool),
            weights=None,
            without_holdout_count=0,
            left_alone=np.ones(n),
        ),
        segments={"all_here": np.ones(n, dtype=bool)},
        revenue_cents=np.zeros(n),
        recency_days=np.full(n, np.nan),
        unlabelled_count=0,
    )


def _sample(*days: tuple[int, list[str]], window: int = 28, salt: str = "1") -> TrialSample:
    sampler = NonOverlappingSampler(window_days=window)
    for offset, names in days:
        forecasts = _day(offset, names)
        sampler.add(forecasts, codes_of(forecasts.customer_ids, salt), forecasts.is_paired)
    return sampler.sample()


def _names(sample: TrialSample, salt: str = "1") -> list[tuple[int, str]]:
    codes = {int(codes_of(pa.array([name]), salt)[0]): name for name in "abcdef"}
    first = FIRST.toordinal()
    return [
        (int(day) - first, codes[int(code)])
        for day, code in zip(sample.days, sample.codes, strict=True)
    ]


def test_a_customer_counts_again_only_when_the_window_has_closed() -> None:
    counted = _names(_sample(*[(7 * week, ["a"]) for week in range(9)]))
    assert counted == [(0, "a"), (28, "a"), (56, "a")]


def test_a_newcomer_counts_on_the_first_day_there_is() -> None:
    counted = _names(_sample((0, ["a"]), (7, ["a", "b"]), (28, ["a", "b"]), (35, ["a", "b"])))
    assert sorted(counted) == [(0, "a"), (7, "b"), (28, "a"), (35, "b")]


def test_no_two_counted_windows_of_a_customer_overlap() -> None:
    draw = np.random.default_rng(1)
    days = [(d, [n for n in "abcdef" if draw.random() < 0.6]) for d in range(0, 120, 3)]
    counted = _names(_sample(*days, window=17))
    for name in "abcdef":
        days_counted = [day for day, who in counted if who == name]
        assert all(later - earlier >= 17 for earlier, later in pairwise(days_counted))
        # ... and nobody waits longer than needed.
        free = -1
        for day, names in days:
            if name in names and day >= free:
                assert day in days_counted
                free = day + 17


def test_the_order_within_a_day_depends_on_the_salt_and_not_on_the_rows() -> None:
    names = list("abcdef")
    one, other = _sample((0, names)), _sample((0, names[::-1]))
    assert one.codes.tolist() == other.codes.tolist() == sorted(one.codes.tolist())
    salted = _sample((0, names), salt="2")
    assert _names(salted, "2") != _names(one)


def test_a_day_on_which_few_count_is_no_whole_day() -> None:
    names = list("abcdef")
    sample = _sample((0, names[:4]), (7, names), (28, names))
    first = FIRST.toordinal()
    assert [day - first for day in sample.whole_days] == [0, 28]


def test_nothing_counted_is_empty() -> None:
    sample = NonOverlappingSampler(window_days=28).sample()
    assert len(sample) == 0
    assert sample.segments == {}


def test_windows_are_spans_one_after_the_other_whoever_counts_on_which_day() -> None:
    everybody, half = list("abcd"), list("ab")
    # Most were left out on the first day and come eleven days later: one span still.
    newsletter = _sample((0, half), (11, everybody), (27, everybody))
    assert [len(newsletter), newsletter.windows_count(28)] == [4, 1]
    # Nobody is free on one day alone, and yet a second span has passed.
    dribble = _sample((0, ["a"]), (9, ["b"]), (20, ["c"]), (29, ["a"]), (38, ["b"]))
    assert dribble.windows_count(28) == 2
    assert _sample((0, everybody), (30, ["a"])).windows_count(28) == 1
    assert _sample().windows_count(28) == 0
