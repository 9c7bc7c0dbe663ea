"""Tiers and ranks as people say them."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.reports.words import (
    percentile_in_words,
    tier_columns,
    tier_notes,
    tier_table,
    tier_title,
)
from retention_ml.scores.value import risk_percentile


def _tier(name: str, customers: int, value: float, share: float | None, **extra: Any) -> Any:
    return {
        "risk_tier": name, "customers_count": customers, "customers_share": customers / 2325,
        "expected_value_at_risk": value, "mean_churn_probability": 0.4 if customers else None,
        "value_share": share, "tiers_by": "probability", "entered_count": 3, "left_count": 0,
    } | extra  # fmt: skip


DEMO = [
    _tier("critical", 0, 0.0, None),
    _tier("high", 12, 310.5, 0.03),
    _tier("medium", 306, 2_890.0, 0.28),
    _tier("low", 2007, 7_120.25, 0.69),
]


def test_a_tier_without_customers_is_told_in_words_with_the_reason() -> None:
    critical, high, *_ = tier_table(DEMO)
    assert [cell.strip() for cell in critical] == [
        "critical", "nobody", "–", "–", "–", "–", "3", "0",
    ]  # fmt: skip
    assert dict(zip(tier_columns("EUR", 90), map(str.strip, high), strict=True)) == {
        "tier": "high", "customers": "12", "of all": "0.5%", "mean probability": "0.40",
        "value at risk (EUR, next 90 days)": "310", "of all value": "3.0%", "entered": "3",
        "left": "0",
    }  # fmt: skip
    empty, value = tier_notes(DEMO)
    assert empty.startswith("Nobody is in tier critical: no customer's probability reaches it.")
    assert 'by = "share"' in empty
    assert value.startswith("69% of the value at risk is with the many customers of tier low.")
    assert 'by = "value"' in value


def test_where_all_is_well_nothing_is_noted() -> None:
    full = [_tier("critical", 5, 500.0, 0.9), _tier("low", 50, 50.0, 0.1)]
    assert tier_notes(full) == []
    assert tier_notes([]) == []
    assert tier_table([]) == []


def test_by_rank_an_empty_tier_has_another_reason() -> None:
    few = [row | {"tiers_by": "value"} for row in DEMO]
    assert tier_notes(few) == ["Nobody is in tier critical: there are too few customers."]
    assert tier_title("2026-03-01", few) == "Risk tiers of 2026-03-01, by rank of value at risk"
    assert tier_title("the latest day", []) == "Risk tiers of the latest day"


@pytest.mark.parametrize(
    ("percentile", "words"),
    [
        (1, "at the greatest risk of all customers"),
        (0.9996, "at no less risk than 99 % of the customers"),
        (0.98, "at no less risk than 98 % of the customers"),
        (0.501, "at no less risk than 50 % of the customers"),
        (0.5, "at no greater risk than 50 % of the customers"),
        (0.0004, "at no greater risk than 99 % of the customers"),
    ],
)
def test_a_percentile_is_told_as_a_place_among_the_customers(percentile: float, words: str) -> None:
    assert percentile_in_words(percentile) == words


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]) | st.floats(0, 1), min_size=1))
def test_what_is_said_of_a_percentile_is_true_of_every_customer(probability: list[float]) -> None:
    every = np.array(probability)
    for one, percentile in zip(every, risk_percentile(every), strict=True):
        words = percentile_in_words(float(percentile))
        if words == "at the greatest risk of all customers":
            assert (every < one).sum() == len(every) - 1
            continue
        side, share = re.findall(r"at no (less|greater) risk than (\d+) % of", words)[0]
        others = every <= one if side == "less" else every >= one
        assert 100 * others.mean() >= int(share)
        assert int(share) >= 49
