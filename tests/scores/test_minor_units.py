"""A shop whose money has other minor units than cents: all that a reader sees is in units."""

import re

import pytest

from retention_ml.models.training.comparison import offer_of
from retention_ml.scores.explain import explain
from retention_ml.settings import Settings
from tests.worlds.scores import DAY, PlainBundle, World

_COUNT = 60


def _published(world: World, minor_units: int) -> list[dict[str, object]]:
    """The day of a shop whose customers, but one, have spent 40,000 units, and that one 12,000."""
    world.set("calendar", minor_units=minor_units)
    world.champion(PlainBundle(weights={"revenue_cents_90d": 1e-5 / minor_units}))
    spent = [12_000.0 * minor_units] + [40_000.0 * minor_units] * (_COUNT - 1)
    world.features(revenue_cents_90d=spent)
    world.score_and_publish()
    return world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id")


@pytest.mark.parametrize("minor_units", [1, 100, 1_000])
def test_published_amounts_are_in_units_of_money(world: World, minor_units: int) -> None:
    rows = _published(world, minor_units)
    stored = world.rows("SELECT * FROM scores.customer_daily ORDER BY customer_id")
    shown = [float(row["expected_value_at_risk"]) for row in rows]
    assert shown == pytest.approx(
        [row["expected_value_at_risk_cents"] / minor_units for row in stored], abs=0.006
    )
    assert 500 < shown[0] < 12_000 * 0.3 < sum(shown)
    [total] = world.rows("SELECT sum(expected_value_at_risk) AS v FROM reports.risk_tier_daily")
    assert float(total["v"]) == pytest.approx(sum(shown), abs=0.5)


@pytest.mark.parametrize("minor_units", [1, 100, 1_000])
def test_reasons_are_in_units_of_money(world: World, minor_units: int) -> None:
    first = _published(world, minor_units)[0]
    assert first["reason_1"] == (
        "Spent 12,000 in the last 90 days; half of the active customers 40,000 or more"
    )
    explained = explain(world.warehouse, settings=world.settings, customer_id="c00000")
    assert "12,000" in explained["features"][0]["sentence"]


@pytest.mark.parametrize("minor_units", [1, 1_000])
def test_the_value_at_stake_is_in_units_of_money(world: World, minor_units: int) -> None:
    world.set("tiers", by="value")
    rows = _published(world, minor_units)
    codes = [row["reason_1_code"] for row in rows]
    row = rows[codes.index("fallback/expected_value_at_risk")]
    [value] = re.findall(r"stake: ([\d,]+) of", str(row["reason_1"]))
    shown = float(str(row["expected_value_at_risk"]))
    assert float(value.replace(",", "")) == pytest.approx(shown, abs=0.51)


def test_days_scored_before_keep_their_minor_units(world: World) -> None:
    before = _published(world, 100)
    world.set("calendar", minor_units=1)
    assert world.rows("SELECT * FROM reports.customer_risk ORDER BY customer_id") == before
    assert not world.score(DAY).details["is_repeat"]


@pytest.mark.parametrize("minor_units", [1, 1_000])
def test_an_offer_costs_what_the_settings_say_in_units(
    settings: Settings, minor_units: int
) -> None:
    calendar = settings.calendar.model_copy(update={"minor_units": minor_units})
    offer = offer_of(settings.model_copy(update={"calendar": calendar}))
    assert offer.cost_cents / offer.minor_units == settings.value.offer_cost
    assert offer.minor_units == minor_units
