"""Reasons: the customer's own, upwards only, three different things, in words."""

import re

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES, FEATURES
from retention_ml.scores.reasons import REASONS_COUNT, by_family, reasons, sentence


def _random(n: int, seed: int = 1) -> tuple[np.ndarray, pa.Table]:
    draw = np.random.default_rng(seed)
    values = {name: draw.integers(0, 60, n).astype(float) for name in FEATURE_NAMES}
    return draw.normal(size=(n, len(FEATURE_NAMES))), pa.table(values)


def test_two_customers_have_their_own_reasons_not_the_models() -> None:
    names = ("recency_days", "orders_count_90d")
    features = pa.table({"recency_days": [63.0, 3.0], "orders_count_90d": [4.0, 1.0]})
    result = reasons(np.array([[1.0, -0.5], [-1.0, 0.5]]), names, features)
    assert result.codes[0] == ["recency/recency_days", "frequency/orders_count_90d"]
    assert result.sentences[0] == ["No order for 63 days", "1 order in the last 90 days"]
    assert result.codes[1] == [None, None]


def test_the_usual_pause_follows_the_silence() -> None:
    features = pa.table({"recency_days": [63.0, 63.0, 9.0], "gap_median_days": [21.0, None, 1.2]})
    result = reasons(np.ones((3, 1)), ("recency_days",), features)
    assert result.sentences[0] == [
        "No order for 63 days; usually every 21 days",
        "No order for 63 days",
        "No order for 9 days; usually every day",
    ]


def test_a_silence_longer_than_the_pauses_before_is_worded_as_the_longest_of_them() -> None:
    features = pa.table({"gaps_longer_30_days_share": [0.5] * 3, "gap_max_days": [40.0, 1.0, None]})
    result = reasons(np.ones((3, 1)), ("gaps_longer_30_days_share",), features)
    assert result.sentences[0] == [
        "Longest pause before this one 40 days",
        "Longest pause before this one 1 day",
        "Has bought on one day only",
    ]


def test_what_is_the_same_for_everybody_is_no_reason() -> None:
    names = ("season_sin", "recency_days")
    result = reasons(np.array([[2.0, 0.1]]), names, pa.table({name: [1.0] for name in names}))
    assert [codes[0] for codes in result.codes] == ["recency/recency_days", None, None]


def test_windows_of_one_family_are_one_reason_worded_as_the_strongest() -> None:
    names = ("orders_count_30d", "orders_count_90d", "recency_days")
    features = pa.table({name: [2.0] for name in names})
    result = reasons(np.array([[0.3, 0.5, 0.6]]), names, features)
    assert [codes[0] for codes in result.codes] == [
        "frequency/orders_count_90d",
        "recency/recency_days",
        None,
    ]


def test_a_family_that_pulls_down_in_sum_is_no_reason_even_if_one_window_pushes_up() -> None:
    names = ("orders_count_30d", "orders_count_90d")
    result = reasons(np.array([[0.4, -0.9]]), names, pa.table({name: [2.0] for name in names}))
    assert all(codes == [None] for codes in (*result.codes, *result.sentences))


def test_features_that_say_little_are_worded_as_their_plain_sister() -> None:
    names = ("orders_decayed_count_45d",)
    features = pa.table({"orders_decayed_count_45d": [0.31], "orders_count_90d": [1.0]})
    result = reasons(np.array([[0.7]]), names, features)
    assert result.codes[0] == ["frequency/orders_decayed_count_45d"]
    assert result.sentences[0] == ["1 order in the last 90 days"]


def test_trends_are_worded_as_now_and_before() -> None:
    features = pa.table(
        {
            "orders_trend_30d": [-1.1],
            "orders_count_30d": [1.0],
            "orders_count_60d": [5.0],
            "revenue_trend_90d": [-0.5],
            "revenue_cents_90d": [120_00.0],
            "revenue_cents_180d": [1_620_00.0],
        }
    )
    assert sentence("orders_trend_30d", features) == (
        "1 order in the last 30 days, 4 in the 30 days before"
    )
    assert sentence("revenue_trend_90d", features) == (
        "Spent 120 in the last 90 days, 1,500 in the 90 days before"
    )


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (7, 3, "3 visits in the last 30 days, 7 in the 30 days before"),
        (0, 1, "1 visit in the last 30 days, 0 in the 30 days before"),
        (1_234, 0, "No visits in the last 30 days, 1,234 in the 30 days before"),
    ],
)
def test_the_trend_of_visits_is_worded_as_now_and_before(
    before: int, now: int, expected: str
) -> None:
    trend = round(np.log((now + 1) / (before + 1)), 9)
    features = pa.table({"sessions_trend_30d": [trend], "sessions_count_30d": [float(now)]})
    assert sentence("sessions_trend_30d", features) == expected


@pytest.mark.parametrize("value", [0.0, 1.0, 7.4, None])
def test_every_feature_of_the_catalogue_has_a_sentence(value: float | None) -> None:
    assert len(CATALOGUE) > 80
    features = pa.table({name: pa.array([value], pa.float64()) for name in FEATURE_NAMES})
    for name in FEATURE_NAMES:
        text = sentence(name, features)
        assert re.match(r"[A-Z0-9]", text), (name, text)
        assert "nan" not in text, (name, text)
        assert "_" not in text, (name, text)
        assert "{" not in text, (name, text)


def test_reasons_are_positive_distinct_families_in_falling_order() -> None:
    contributions, features = _random(300)
    result = reasons(contributions, FEATURE_NAMES, features)
    families, total = by_family(contributions, FEATURE_NAMES)
    assert len(families) == len({feature.family for feature in CATALOGUE})
    assert np.allclose(total.sum(axis=1), contributions.sum(axis=1))
    pushes = total[:, [family != "season" for family in families]]
    for row in range(300):
        codes = [result.codes[rank][row] for rank in range(REASONS_COUNT)]
        pairs = [code.split("/") for code in codes if code]
        sums = [total[row, families.index(family)] for family, _ in pairs]
        assert len({family for family, _ in pairs}) == len(pairs)
        assert sums == sorted(sums, reverse=True)
        assert all(value > 0 for value in sums)
        assert len(pairs) == min(REASONS_COUNT, int((pushes[row] > 0).sum()))
        assert all(FEATURES[name].family == family for family, name in pairs)


def test_reasons_do_not_depend_on_the_order_of_the_rows() -> None:
    contributions, features = _random(200)
    order = np.random.default_rng(2).permutation(200)
    forward = reasons(contributions, FEATURE_NAMES, features)
    shuffled = reasons(contributions[order], FEATURE_NAMES, features.take(order))
    for before, after in zip(forward.sentences, shuffled.sentences, strict=True):
        assert [before[i] for i in order] == after


def test_nobody_has_no_reasons() -> None:
    result = reasons(
        np.empty((0, 1)), ("recency_days",), pa.table({"recency_days": pa.array([], pa.float64())})
    )
    assert [len(codes) for codes in result.codes] == [0, 0, 0]
