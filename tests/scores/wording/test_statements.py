"""What is said of a customer compares, is true, and would be called a risk by a person."""

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES, FEATURES
from retention_ml.scores.wording.evidence import Evidence, usual_values
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.scores.wording.statements import statements_of

_WITH_A_RISK = [name for name in FEATURE_NAMES if PHRASES[name].risk]


def _say(name: str, features: dict[str, list[float | None]], **usual: float) -> list[str | None]:
    """What a feature says of each customer: the first of its statements that is true."""
    table = pa.table({key: pa.array(values, pa.float64()) for key, values in features.items()})
    evidence = Evidence(table, usual, 100)
    texts: list[str | None] = [None] * table.num_rows
    for statement in statements_of(name):
        if not evidence.suffices(statement):
            continue
        for row in np.flatnonzero(evidence.holds(statement)).tolist():
            texts[row] = texts[row] or evidence.sentences(statement, np.array([row]))[0]
    return texts


def test_a_feature_speaks_exactly_if_a_side_of_it_is_a_risk() -> None:
    for name in FEATURE_NAMES:
        assert bool(statements_of(name)) == (PHRASES[name].risk is not None), name


def test_a_silence_is_compared_with_the_usual_pause_else_with_other_customers() -> None:
    features = {
        "recency_days": [63.0, 63.0, 63.0, 9.0, 4.0],
        "gap_median_days": [21.0, 60.0, None, 1.2, 4.0],
        "purchase_days_count": [4.0, 8.0, 1.0, 8.0, 8.0],
    }
    assert _say("recency_days", features, recency_days=7.0) == [
        "No order for 63 days; usually every 21 days",
        "No order for 63 days; half of the active customers ordered within 7 days",
        "No order for 63 days; half of the active customers ordered within 7 days",
        "No order for 9 days; usually every day",
        None,
    ]


def test_the_longest_silence_so_far_is_told_beside_the_longest_before() -> None:
    features = {
        "recency_days": [60.0, 60.0],
        "gap_max_days": [40.0, 90.0],
        "gap_median_days": [9.0, 9.0],
        "purchase_days_count": [8.0, 8.0],
    }
    assert _say("gaps_longer_30_days_share", features) == [
        "No order for 60 days; longest pause before this one 40 days",
        "No order for 60 days; usually every 9 days",
    ]


def test_one_pause_is_no_habit_and_is_one_fact() -> None:
    """Said once, whatever features it comes from: its statements share the topic of the silence."""
    features = {
        "recency_days": [63.0],
        "gap_median_days": [21.0],
        "gap_mean_days": [21.0],
        "gap_max_days": [21.0],
        "gap_last_days": [21.0],
        "purchase_days_count": [2.0],
    }
    silence = "No order for 63 days; the only pause before was 21 days"
    pause = (
        "The only pause between orders was 21 days; half of the active customers never had one of "
        "more than 9 days"
    )
    usual = {"gap_max_days": 9.0, "gap_mean_days": 4.0, "gap_median_days": 4.0}
    assert _say("recency_days", features, **usual, recency_days=7.0) == [silence]
    assert _say("recency_over_gap_mean_ratio", features | {"x": [1.0]}, **usual) == [silence]
    for name in ("gap_mean_days", "gap_median_days", "gap_max_days", "silent_14_days_share"):
        assert _say(name, features, **usual) == [pause]
    assert _say("gap_last_days", features, **usual) == [None]
    table = pa.table(features)
    evidence = Evidence(table, usual | {"recency_days": 7.0}, 100)
    topics = {
        statement.topic
        for name in ("recency_days", "gap_mean_days", "gap_max_days", "silent_14_days_share")
        for statement in statements_of(name)
        if evidence.suffices(statement) and evidence.holds(statement)[0]
    }
    assert topics == {"silence"}


def test_a_trace_is_no_reason_where_the_usual_is_none() -> None:
    shares = {"discount_share_90d": [0.01, 0.12]}
    assert _say("discount_share_90d", shares, discount_share_90d=0.0) == [
        None,
        "12 % discount in the last 90 days; half of the active customers none",
    ]
    amounts = {"refund_cents_365d": [35_00.0, 35_00.0], "revenue_cents_365d": [900_00.0, 100_00.0]}
    assert _say("refund_cents_365d", amounts, refund_cents_365d=0.0) == [
        None,
        "35 refunded in the last 365 days; half of the active customers none",
    ]


def test_rounding_makes_nobody_have_none() -> None:
    name = "redemption_share_365d"
    assert _say(name, {name: [1 / 300, 0.0]}, **{name: 10.0}) == [
        "Less than 1 % of campaign contacts redeemed; half of the active customers 10 % or more",
        "0 % of campaign contacts redeemed; half of the active customers 10 % or more",
    ]


def test_a_quarter_more_of_a_small_number_is_no_reason() -> None:
    features = {
        "recency_days": [3.0, 5.0],
        "gap_median_days": [2.0, 2.0],
        "purchase_days_count": [9.0, 9.0],
    }
    assert _say("recency_days", features) == [None, "No order for 5 days; usually every 2 days"]
    weeks = {"orders_count_7d": [1.0, 1.0], "orders_count_14d": [3.0, 4.0]}
    assert _say("orders_count_7d", weeks) == [
        None,
        "1 order in the last 7 days, 3 in the 7 days before",
    ]


def test_last_year_is_said_of_who_was_a_customer_then() -> None:
    features = {"orders_year_ago_count_30d": [1.0, 1.0], "tenure_days": [363.0, 364.0]}
    assert _say("orders_year_ago_count_30d", features, orders_year_ago_count_30d=3.0) == [
        None,
        "1 order in the same 30 days last year; half of the active customers 3 or more",
    ]


@pytest.mark.parametrize("name", ["purchase_days_count", "gap_mean_days", "silent_30_days_share"])
def test_who_bought_on_one_day_only_is_said_to_have(name: str) -> None:
    features = {"purchase_days_count": [1.0], name: [1.0]}
    assert _say(name, features) == ["Bought on one day only so far"]


def test_many_orders_are_no_reason_and_few_are_one_beside_those_of_others() -> None:
    features = {"purchase_days_count": [61.0, 30.0, 8.0, 2.0]}
    assert _say("purchase_days_count", features, purchase_days_count=9.0) == [
        None,
        None,
        None,  # hardly less than what is usual
        "Bought on 2 days so far; half of the active customers on 9 or more",
    ]


def test_fewer_orders_than_before_are_told_with_both_counts() -> None:
    features = {"orders_count_90d": [2.0, 9.0, 5.0], "orders_count_180d": [11.0, 18.0, 7.0]}
    both = "2 orders in the last 90 days, 9 in the 90 days before"
    assert _say("orders_count_90d", features, orders_count_90d=1.0) == [both, None, None]
    assert _say("orders_trend_90d", features) == [both, None, None]


def test_rising_spending_is_no_reason() -> None:
    features = {
        "revenue_cents_90d": [120_00.0, 1_500_00.0],
        "revenue_cents_180d": [1_620_00.0, 1_620_00.0],
    }
    assert _say("revenue_trend_90d", features) == [
        "Spent 120 in the last 90 days, 1,500 in the 90 days before",
        None,
    ]


def test_a_window_without_orders_is_told_as_the_silence_that_it_is() -> None:
    features = {
        "orders_count_30d": [0.0, 0.0],
        "orders_count_60d": [3.0, 0.0],
        "recency_days": [41.0, 80.0],
        "gap_median_days": [6.0, 90.0],
        "purchase_days_count": [8.0, 8.0],
    }
    usual = {"orders_count_30d": 4.0, "recency_days": 5.0}
    for name in ("orders_count_30d", "orders_decayed_count_15d", "orders_trend_30d"):
        assert _say(name, features, **usual) == [
            "No order for 41 days; usually every 6 days",
            "No order for 80 days; half of the active customers ordered within 5 days",
        ]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (7, 3, "3 visits in the last 30 days, 7 in the 30 days before"),
        (0, 1, None),
        (1_234, 0, "No visits in the last 30 days, 1,234 in the 30 days before"),
    ],
)
def test_fewer_visits_are_told_with_both_counts(
    before: int, now: int, expected: str | None
) -> None:
    trend = round(np.log((now + 1) / (before + 1)), 9)
    features = {"sessions_trend_30d": [trend], "sessions_count_30d": [float(now)]}
    assert _say("sessions_trend_30d", features) == [expected]


def test_a_complaint_is_a_reason_and_none_is_not() -> None:
    features = {"complaints_count_365d": [0.0, 1.0]}
    assert _say("complaints_count_365d", features, complaints_count_365d=0.0) == [
        None,
        "1 complaint within a year; half of the active customers none",
    ]


def test_who_never_did_what_half_of_the_others_did_is_said_so() -> None:
    features = {"event_recency_days": [None, 40.0, 3.0]}
    assert _say("event_recency_days", features, event_recency_days=8.0) == [
        "Never seen on the site",
        "Last seen on the site 40 days ago; half of the active customers within 8 days",
        None,
    ]
    assert _say("event_recency_days", features, event_recency_days=np.inf) == [None, None, None]


def test_what_is_usual_is_true_of_half_of_the_customers() -> None:
    draw = np.random.default_rng(3)
    for n in (1, 2, 7, 40):
        values = {
            name: np.where(draw.random(n) < 0.2, np.nan, draw.gamma(2.0, 3.0, n)).round(3)
            for name in _WITH_A_RISK
        }
        usual = usual_values(
            pa.table({k: pa.array(v, from_pandas=True) for k, v in values.items()}), 100
        )
        assert len(usual) > 80
        for name, value in usual.items():
            scale = {"cents": 0.01, "share": 100.0}.get(FEATURES[name].unit, 1.0)
            with np.errstate(invalid="ignore"):
                is_so = (
                    values[name] * scale >= value
                    if PHRASES[name].risk == "low"
                    else values[name] * scale <= value
                )
            assert np.isinf(value) or is_so.mean() >= 0.5, name
    assert usual_values(pa.table({"recency_days": pa.array([], pa.float64())}), 100) == {}


def test_where_most_customers_have_no_value_nothing_is_usual() -> None:
    features = pa.table({"rating_mean_share_365d": [0.9, None], "event_recency_days": [3.0, None]})
    usual = usual_values(pa.concat_tables([features, features.slice(1), features.slice(1)]), 100)
    assert usual == {"event_recency_days": np.inf}


def _best(risk: str | None) -> float:
    return 1e6 if risk == "low" else 0.0


def test_of_a_customer_on_the_good_side_of_everything_nothing_is_said() -> None:
    """The control: of a customer on the bad side almost every feature says something."""
    best = {name: [_best(PHRASES[name].risk)] for name in FEATURE_NAMES}
    usual = dict.fromkeys(_WITH_A_RISK, 10.0)
    assert {name: text for name in FEATURE_NAMES if (text := _say(name, best, **usual)[0])} == {}
    worst = {name: [0.0 if PHRASES[name].risk == "low" else 1e6] for name in FEATURE_NAMES}
    worst |= {"purchase_days_count": [5.0], "tenure_days": [400.0]}
    usual["tenure_days"] = 900.0
    speaking = [name for name in _WITH_A_RISK if _say(name, worst, **usual)[0]]
    assert len(speaking) > 0.8 * len(_WITH_A_RISK)


def test_features_of_one_family_differ_in_more_than_the_window() -> None:
    assert len({feature.family for feature in CATALOGUE if PHRASES[feature.name].risk}) >= 12
