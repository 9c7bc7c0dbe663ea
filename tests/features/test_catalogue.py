"""The catalogue of features."""

import re
from pathlib import Path

import pytest

from retention_ml.features.assemble import customer_daily
from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES, FEATURES, Feature
from retention_ml.features.document import DOCUMENT, as_markdown
from retention_ml.features.inputs import registered

_PROJECT = Path(__file__).resolve().parents[2]


def test_names_are_unique_and_speak_plainly() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) >= 90
    assert all(re.fullmatch(r"[a-z][a-z0-9_]+", name) for name in FEATURE_NAMES)


def test_every_family_is_there() -> None:
    assert {feature.family for feature in CATALOGUE} == {
        "recency", "frequency", "monetary", "gaps", "basket", "breadth", "returns", "discounts",
        "trend", "habits", "assortment", "events", "campaigns", "feedback", "season",
    }  # fmt: skip


def test_the_expression_has_exactly_the_features_of_the_catalogue() -> None:
    wide = customer_daily(registered(), active_days=90)
    assert wide.columns == ("as_of_day", "customer_id", *FEATURE_NAMES)
    assert {str(wide[name].type()) for name in FEATURE_NAMES} == {"float64"}


@pytest.mark.parametrize("feature", CATALOGUE, ids=lambda feature: feature.name)
def test_a_window_in_the_name_is_the_window_it_looks_at(feature: Feature) -> None:
    named = re.search(r"_(\d+)d$", feature.name)
    if named and "decayed" not in feature.name:
        assert feature.window_days is not None
        assert feature.window_days >= int(named[1])
    assert feature.meaning
    assert feature.unit != "cents" or "_cents" in feature.name
    assert feature.unit != "share" or "_share" in feature.name
    assert feature.unit != "days" or feature.name.endswith("_days")


@pytest.mark.parametrize("value", [None, 0.0, 1.0, 12.5, float("nan")])
def test_every_feature_can_be_said_in_words(value: float | None) -> None:
    for feature in CATALOGUE:
        said = feature.say(value)
        assert said
        assert "{" not in said
        assert "nan" not in said.split()


def test_phrases_show_money_in_whole_units_and_shares_in_percent() -> None:
    assert FEATURES["revenue_cents_90d"].say(123_456.0) == "spent 1,235 in the last 90 days"
    assert FEATURES["orders_weekend_share_365d"].say(0.25) == "25 % of orders at the weekend"
    assert FEATURES["orders_count_30d"].say(1.0) == "1 order in the last 30 days"
    assert FEATURES["orders_count_30d"].say(0.0) == "no orders in the last 30 days"
    assert FEATURES["categories_count_90d"].say(1.0) == "1 different category in the last 90 days"
    assert FEATURES["gap_mean_days"].say(None) == "has bought on one day only"


def test_the_document_is_the_catalogue() -> None:
    path = _PROJECT / DOCUMENT
    assert path.read_text(encoding="utf-8") == as_markdown(), (
        f"{DOCUMENT} differs from the catalogue. Write it anew with "
        "`python -m retention_ml.features.document`."
    )
