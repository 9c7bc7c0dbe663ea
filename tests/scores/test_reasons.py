"""Reasons: what moves this customer most, three different things, risks only, in words."""

import re

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES, FEATURES
from retention_ml.scores.reasons import (
    REASONS_COUNT,
    Reasons,
    by_family,
    reasons,
    sentence,
    with_one_reason,
)
from retention_ml.scores.wording.evidence import Evidence, usual_values
from retention_ml.scores.wording.statements import statements_of


def _random(n: int, seed: int = 1) -> tuple[np.ndarray, pa.Table]:
    draw = np.random.default_rng(seed)
    values = {name: draw.integers(0, 60, n).astype(float) for name in FEATURE_NAMES}
    return draw.normal(size=(n, len(FEATURE_NAMES))), pa.table(values)


def _one(pushes: dict[str, float], usual: dict[str, float], **features: float) -> Reasons:
    table = pa.table({name: [value] for name, value in features.items()})
    return reasons(np.array([list(pushes.values())]), tuple(pushes), table, usual, minor_units=100)


def _sentences(result: Reasons) -> list[str | None]:
    return [sentences[0] for sentences in result.sentences]


USUAL = {
    "recency_days": 5.0,
    "purchase_days_count": 37.0,
    "orders_count_30d": 4.0,
    "revenue_cents_90d": 300.0,
    "tenure_days": 300.0,
}


def test_the_largest_push_of_the_customer_comes_first() -> None:
    """The case that was wrong: 61 shopping days before 78 days of silence."""
    result = _one(
        {"purchase_days_count": 0.33, "orders_count_30d": 0.25, "recency_days": 1.34},
        USUAL,
        purchase_days_count=61.0,
        orders_count_30d=1.0,
        recency_days=78.0,
        gap_median_days=3.0,
    )
    assert _sentences(result) == [
        "No order for 78 days; usually every 3 days",
        "1 order in the last 30 days; half of the active customers 4 or more",
        None,
    ]


def test_one_large_push_counts_more_than_many_small_ones_of_a_family() -> None:
    few = {"orders_count_30d": 0.2, "purchase_days_count": 0.2, "recency_days": 0.3}
    result = _one(
        few,
        USUAL,
        orders_count_30d=1.0,
        purchase_days_count=2.0,
        recency_days=78.0,
        gap_median_days=3.0,
    )
    assert [codes[0] for codes in result.codes] == [
        "recency/recency_days",
        "frequency/orders_count_30d",
        None,
    ]


def test_two_customers_have_their_own_reasons_not_the_models() -> None:
    names = ("recency_days", "purchase_days_count")
    features = pa.table({"recency_days": [63.0, 63.0], "purchase_days_count": [4.0, 2.0]})
    result = reasons(np.array([[1.0, -0.5], [-1.0, 0.5]]), names, features, USUAL, minor_units=100)
    assert result.codes[0] == ["recency/recency_days", "frequency/purchase_days_count"]
    assert result.codes[1] == [None, None]


def test_a_push_that_nobody_would_call_a_risk_is_no_reason() -> None:
    pushes = {"orders_sunday_share_365d": 2.0, "season_sin": 2.0, "revenue_cents_90d": 1.0}
    result = _one(
        pushes, USUAL, orders_sunday_share_365d=0.9, season_sin=1.0, revenue_cents_90d=900_00.0
    )
    assert _sentences(result) == [None, None, None]


def test_a_push_too_small_to_matter_is_no_reason() -> None:
    assert _sentences(_one({"recency_days": 0.019}, USUAL, recency_days=60.0)) == [None] * 3


def test_what_says_the_same_is_said_once() -> None:
    result = _one(
        {"recency_days": 0.9, "gaps_longer_30_days_share": 0.8, "revenue_cents_90d": 0.7},
        USUAL,
        recency_days=95.0,
        gap_median_days=6.0,
        gap_max_days=20.0,
        purchase_days_count=9.0,
        gaps_longer_30_days_share=0.5,
        revenue_cents_90d=0.0,
    )
    assert _sentences(result) == ["No order for 95 days; usually every 6 days", None, None]


def test_features_that_say_little_speak_through_a_plainer_one() -> None:
    result = _one(
        {"orders_decayed_count_15d": 0.7}, USUAL, orders_decayed_count_15d=0.3, orders_count_30d=1.0
    )
    assert result.codes[0] == ["frequency/orders_decayed_count_15d"]
    assert _sentences(result)[0] == (
        "1 order in the last 30 days; half of the active customers 4 or more"
    )


def test_reasons_are_true_pushes_of_different_families_in_falling_order() -> None:
    contributions, features = _random(300)
    usual = usual_values(features, 100)
    result = reasons(contributions, FEATURE_NAMES, features, usual, minor_units=100)
    evidence = Evidence(features, usual, 100)
    count = 0
    for row in range(300):
        codes = [code for rank in range(REASONS_COUNT) if (code := result.codes[rank][row])]
        families, names = zip(*(code.split("/") for code in codes), strict=True)
        pushes = [contributions[row, FEATURE_NAMES.index(name)] for name in names]
        assert len(set(families)) == len(codes)
        assert pushes == sorted(pushes, reverse=True)
        assert min(pushes) > 0
        topics = []
        for name, text in zip(names, (s[row] for s in result.sentences), strict=False):
            statement = next(one for one in statements_of(name) if evidence.holds(one)[row])
            assert evidence.sentences(statement, np.array([row])) == [text]
            topics.append(statement.topic)
        assert len(set(topics)) == len(topics)
        count += len(codes)
    assert count > 800


def test_the_strongest_thing_that_can_be_said_is_said_first() -> None:
    contributions, features = _random(200)
    usual = usual_values(features, 100)
    first = reasons(contributions, FEATURE_NAMES, features, usual, minor_units=100).codes[0]
    evidence = Evidence(features, usual, 100)
    may_speak = np.column_stack(
        [
            np.any([evidence.holds(one) for one in statements_of(name)] or [[False] * 200], axis=0)
            for name in FEATURE_NAMES
        ]
    )
    largest = np.where(may_speak, contributions, 0.0).argmax(axis=1)
    names = [FEATURE_NAMES[place] for place in largest]
    assert first == [f"{FEATURES[name].family}/{name}" for name in names]


def test_reasons_do_not_depend_on_the_order_of_the_rows() -> None:
    contributions, features = _random(200)
    order = np.random.default_rng(2).permutation(200)
    usual = usual_values(features, 100)
    forward = reasons(contributions, FEATURE_NAMES, features, usual, minor_units=100)
    shuffled = reasons(
        contributions[order], FEATURE_NAMES, features.take(order), usual, minor_units=100
    )
    assert usual_values(features.take(order), 100) == usual
    for before, after in zip(forward.sentences, shuffled.sentences, strict=True):
        assert [before[i] for i in order] == after


def test_nobody_has_no_reasons() -> None:
    empty = pa.table({"recency_days": pa.array([], pa.float64())})
    result = reasons(np.empty((0, 1)), ("recency_days",), empty, {}, minor_units=100)
    assert [len(codes) for codes in result.codes] == [0, 0, 0]
    assert not reasons(
        np.ones((1, 1)), ("an_old_feature",), empty.slice(0, 0), {}, minor_units=100
    ).codes[0][0]


def test_who_has_no_reason_gets_what_counts_least_in_their_favour_marked_as_weak() -> None:
    names = ("purchase_days_count", "recency_days", "revenue_cents_90d")
    features = pa.table(
        {
            "purchase_days_count": [9.0, 9.0, 9.0, 90.0],
            "recency_days": [40.0, 40.0, 40.0, 4.0],
            "gap_median_days": [6.0, 6.0, 6.0, 7.0],
            "revenue_cents_90d": [90_00.0, 90_00.0, 90_00.0, 900_00.0],
        }
    )
    contributions = np.array(
        [[-0.5, -0.1, -0.3], [-0.1, -0.5, 0.01], [-0.1, 0.2, -0.3], [0.4, 0.4, 0.4]]
    )
    result = reasons(contributions, names, features, USUAL, minor_units=100)
    assert result.codes[0] == [None, None, "recency/recency_days", None]
    assert result.fallback_codes == [
        "fallback/recency_days",
        "fallback/revenue_cents_90d",
        None,
        None,
    ]
    assert result.fallbacks == [
        "No order for 40 days; usually every 6 days (a weak sign)",
        "Spent 90 in the last 90 days; half of the active customers 300 or more (a weak sign)",
        None,
        None,
    ]


def test_what_the_model_does_not_read_is_no_fallback() -> None:
    features = pa.table({"tenure_days": [20.0], "recency_days": [40.0], "orders_count_30d": [9.0]})
    result = reasons(np.array([[-0.1]]), ("orders_count_30d",), features, USUAL, minor_units=100)
    assert result.fallbacks == [None]


def _rows(first: list[str | None], weak: list[str | None], cents: list[int]) -> pa.Table:
    return pa.table(
        {
            "expected_value_at_risk_cents": cents,
            "reason_1_code": pa.array([text and "trend/x" for text in first], pa.string()),
            "reason_1": pa.array(first, pa.string()),
            "fallback_code": pa.array([text and "fallback/y" for text in weak], pa.string()),
            "fallback": pa.array(weak, pa.string()),
        }
    )


def test_everybody_at_risk_has_a_reason_and_nobody_else_gets_one() -> None:
    rows = with_one_reason(
        _rows(["Spent less", None, None, None], [None, "Weak", "Weak", None], [5, 5, 5, 5]),
        np.array([True, False, True, True]),
        pa.table({"recency_days": [40.0, 40.0, 40.0, 8.0]}),
        by_value=False,
        minor_units=100,
    )
    assert rows.column_names == ["expected_value_at_risk_cents", "reason_1_code", "reason_1"]
    assert rows["reason_1"].to_pylist() == [
        "Spent less",
        None,
        "Weak",
        "Last order 8 days ago; nothing else stands out",
    ]
    assert rows["reason_1_code"].to_pylist() == [
        "trend/x",
        None,
        "fallback/y",
        "fallback/recency_days",
    ]


def test_where_tiers_follow_the_value_at_stake_it_is_the_reason_of_who_has_no_other() -> None:
    rows = with_one_reason(
        _rows(["Spent less", None, None], [None, "Weak", "Weak"], [9_900, 123_456, 0]),
        np.array([True, True, True]),
        pa.table({"recency_days": [40.0, 40.0, 40.0]}),
        by_value=True,
        minor_units=100,
    )
    assert rows["reason_1"].to_pylist() == [
        "Spent less",
        "At risk by the value at stake: 1,235 of margin expected to be lost",
        "Weak",
    ]
    assert rows["reason_1_code"].to_pylist()[1] == "fallback/expected_value_at_risk"


def test_the_contributions_of_families_add_up() -> None:
    contributions, _ = _random(50)
    families, total = by_family(contributions, FEATURE_NAMES)
    assert len(families) == len({feature.family for feature in CATALOGUE})
    assert np.allclose(total.sum(axis=1), contributions.sum(axis=1))


@pytest.mark.parametrize("value", [0.0, 1.0, 7.4, None])
def test_every_feature_of_the_catalogue_has_a_sentence(value: float | None) -> None:
    assert len(CATALOGUE) > 80
    features = pa.table({name: pa.array([value], pa.float64()) for name in FEATURE_NAMES})
    for name in FEATURE_NAMES:
        text = sentence(name, features, 100)
        assert re.match(r"[A-Z0-9]", text), (name, text)
        assert "nan" not in text, (name, text)
        assert "_" not in text, (name, text)
        assert "{" not in text, (name, text)


def test_a_feature_is_explained_whether_or_not_it_is_a_risk() -> None:
    features = pa.table({"orders_decayed_count_15d": [0.3], "orders_count_30d": [9.0]})
    assert sentence("orders_decayed_count_15d", features, 100) == "9 orders in the last 30 days"
    assert sentence("orders_sunday_share_365d", features, 100) == (
        "Share of the purchases of the last 365 days made on a Sunday"
    )
    silent = pa.table(
        {"recency_days": [63.0], "gap_median_days": [21.0], "purchase_days_count": [8.0]}
    )
    assert sentence("recency_days", silent, 100) == "No order for 63 days; usually every 21 days"
