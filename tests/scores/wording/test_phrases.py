"""The value of a feature in words, and on which side it is a risk."""

import re

import pytest

from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES, FEATURES
from retention_ml.features.feature import Feature
from retention_ml.scores.wording.phrase import fill
from retention_ml.scores.wording.phrases import PHRASES, describe
from tests.house.repository import reject


@pytest.mark.parametrize("value", [None, 0.0, 1.0, 12.5, float("nan")])
def test_every_feature_can_be_said_in_words(value: float | None) -> None:
    for feature in CATALOGUE:
        text = describe(feature, value, 100)
        assert text
        assert "{" not in text
        assert "nan" not in text.split()


def test_every_feature_declares_on_which_side_it_is_a_risk_or_that_it_is_none() -> None:
    assert len(PHRASES) > 150
    assert {phrase.risk for phrase in PHRASES.values()} == {"high", "low", None}
    reject(
        [f"  {name}" for name in FEATURE_NAMES if name not in PHRASES],
        "A feature needs an entry of PHRASES in retention_ml/scores/wording/phrases.py: its words, "
        "and with high(), low() or neutral() which of its values a person would call a risk:",
    )
    reject(
        [f"  {name}" for name in PHRASES if name not in FEATURES],
        "PHRASES of retention_ml/scores/wording/phrases.py has words for what is no feature:",
    )


def test_nobody_would_call_a_weekday_an_hour_or_the_season_a_risk() -> None:
    names = [one.name for one in CATALOGUE if one.family in ("habits", "season")]
    assert len(names) > 12
    assert {PHRASES[name].risk for name in names} == {None}


def test_phrases_show_money_in_whole_units_and_shares_in_percent() -> None:
    assert (
        describe(FEATURES["revenue_cents_90d"], 123_456.0, 100) == "spent 1,235 in the last 90 days"
    )
    assert (
        describe(FEATURES["orders_weekend_share_365d"], 0.25, 100)
        == "25 % of orders at the weekend"
    )


@pytest.mark.parametrize(("minor_units", "spent"), [(1, "12,300"), (100, "123"), (1_000, "12")])
def test_money_has_the_minor_units_of_the_shop(minor_units: int, spent: str) -> None:
    text = describe(FEATURES["revenue_cents_90d"], 12_300.0, minor_units)
    assert text == f"spent {spent} in the last 90 days"


def test_counts_have_a_singular_and_none() -> None:
    assert describe(FEATURES["orders_count_30d"], 1.0, 100) == "1 order in the last 30 days"
    assert describe(FEATURES["orders_count_30d"], 0.0, 100) == "no orders in the last 30 days"
    assert (
        describe(FEATURES["categories_count_90d"], 1.0, 100)
        == "1 different category in the last 90 days"
    )
    assert describe(FEATURES["gap_mean_days"], None, 100) == "has bought on one day only"


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("bought on {value:.0f|none} of the last 7 days", 0, "bought on none of the last 7 days"),
        ("spent {value:,.0f|nothing} so far", 0.0, "spent nothing so far"),
        ("spent {value:,.0f|nothing} so far", 0.3, "spent less than 1 so far"),
        ("{value:.0f} % of products", 0, "0 % of products"),
        ("{value:.0f} % of products", 0.33, "less than 1 % of products"),
        ("{value:.1f} items per order", 0.04, "less than 0.1 items per order"),
        ("no order for {value:.0f} [day|days]", 1, "no order for 1 day"),
        ("{value:.0f} or less", 1, "1 or less"),
        ("{value:.0f} [search|searches]", 1, "1 search"),
        ("{value:.0f} [search|searches]", 0, "no searches"),
        ("{value:,.0f} [search|searches]", 1_200, "1,200 searches"),
        ("{value:.1f} items per order", 1, "1.0 items per order"),
    ],
)
def test_none_and_one_are_worded_as_the_phrase_declares(
    text: str, value: float, expected: str
) -> None:
    assert fill(text, value=value) == expected


@pytest.mark.parametrize("value", [0, 1, 2])
def test_every_phrase_is_english_about_none_one_and_two(value: int) -> None:
    """Also of what is usual: "1 or less" is no plural."""
    for name, phrase in PHRASES.items():
        texts = [phrase.write(value), *([phrase.write_others(value)] if phrase.others else [])]
        for text in texts:
            assert not re.search(r"[{}\[\]|]", text), (name, text)
            assert not re.search(r"\b1 (?!or less)([a-z]+ )?[a-z]+(?<!as)s\b", text), (name, text)
            assert not re.search(r"\b1 or (?!less\b|more\b)", text), (name, text)
            assert not re.search(r"^0 (?!%)|\b(on|in) 0 of|\b2 [a-z]+(?<!s)$", text), (name, text)


@pytest.mark.parametrize(
    ("momentum", "expected"),
    [
        (0.12, "products bought in the last 30 days sell 13 % better than before, compared with all products"),
        (-0.69, "products bought in the last 30 days sell 50 % worse than before, compared with all products"),
        (0.001, "products bought in the last 30 days sell as before, compared with all products"),
    ],
)  # fmt: skip
def test_the_momentum_of_products_is_said_in_percent(momentum: float, expected: str) -> None:
    assert describe(FEATURES["products_momentum_30d"], momentum, 100) == expected


def test_a_trend_without_its_counts_is_said_by_its_direction() -> None:
    assert describe(FEATURES["sessions_trend_30d"], -0.69, 100) == (
        "fewer visits in the last 30 days than in the 30 days before"
    )
    assert describe(FEATURES["revenue_trend_90d"], 0.0, 100) == (
        "spent as much in the last 90 days as in the 90 days before"
    )


def test_a_feature_without_a_phrase_is_said_by_its_meaning() -> None:
    feature = Feature("bags_share_90d", "share", 90, "basket", "share of orders in a bag")
    assert describe(feature, 0.25, 100) == "share of orders in a bag: 25 %"
