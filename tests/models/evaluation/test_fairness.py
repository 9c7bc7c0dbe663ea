"""Groups of customers: an unfair model is found, a fair one is not, small groups are only counted."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.models.evaluation.fairness import (
    ATTRIBUTES,
    CUSTOMERS_MIN,
    Fairness,
    fairness,
    fairness_check,
)
from retention_ml.models.evaluation.fairness_table import fairness_markdown
from retention_ml.models.evaluation.group_sample import GROUPS_MAX, NOT_GIVEN, OTHERS
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.metrics import Predictions

BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
MODEL, CHAMPION = "candidate", "champion"


class World:
    """Customers of six ages and eight incomes on two days; the model predicts the truth."""

    def __init__(self, seed: int, count: int = 1_500, days: int = 2) -> None:
        rng = np.random.default_rng(seed)
        self.age = rng.integers(len(BANDS), size=count)
        self.income = rng.integers(8, size=count)
        churn = sigmoid(rng.normal(-0.5, 1.2, size=count) + 0.15 * self.age)
        # Rows of one customer are not independent: half of them end the same way on both days.
        first = rng.random(count)
        draws = [first, np.where(rng.random(count) < 0.5, first, rng.random(count))]
        self.customers = np.tile(np.arange(count), days)
        self.truth = np.tile(churn, days)
        self.predictions = Predictions(
            days=np.repeat(np.arange(days), count),
            groups=self.customers,
            outcome=(np.concatenate(draws[:days]) < self.truth).astype(np.float64),
            models={MODEL: self.truth},
        )

    def attributes(self, **columns: Sequence[str | None]) -> pa.Table:
        """Of each row; `columns` by customer replace those that were drawn."""
        count = len(self.age)
        values: dict[str, Sequence[str | None]] = {
            "age_band": [BANDS[each] for each in self.age],
            "income_band": [f"band {each}" for each in self.income],
            "country": [None] * count,
            **columns,
        }
        return pa.table(
            {name: pa.array([values[name][at] for at in self.customers]) for name in ATTRIBUTES}
        )

    def off(self, shift: float, band: int = 5) -> Predictions:
        """A model whose risk of one age is higher by `shift`, and what is true as champion."""
        old = np.tile(self.age == band, len(self.customers) // len(self.age))
        probability = np.clip(self.truth + shift * old, 0.001, 0.999)
        return replace(self.predictions, models={MODEL: probability, CHAMPION: self.truth})


def _fairness(
    world: World,
    predictions: Predictions | None = None,
    attributes: pa.Table | None = None,
    tolerance: float = 0.05,
    champion: str | None = None,
) -> Fairness:
    predictions = predictions or world.predictions
    return fairness(
        predictions,
        MODEL,
        attributes or world.attributes(),
        predictions.models[MODEL] >= 0.6,
        tolerance=tolerance,
        champion=champion,
    )


@pytest.mark.parametrize("shift", [0.2, -0.2])
def test_a_model_that_is_off_for_one_group_is_refused_and_the_group_is_named(shift: float) -> None:
    world = World(1)
    result = _fairness(world, world.off(shift))
    assert [group.label for group in result.beyond] == ["age 65+"]
    check = fairness_check(result)
    assert check.status == "failed"
    direction = "high" if shift > 0 else "low"
    assert f"group age 65+ are given a risk that is too {direction}" in check.message
    assert "at most 0.05 is accepted" in check.message


def test_a_fair_model_is_flagged_no_more_often_than_the_error_rate() -> None:
    flagged = [bool(_fairness(World(seed), tolerance=0).beyond) for seed in range(400)]
    # Of 400 at a rate of 5 % more than 36 come up with a chance of 1 in 3,000 (binomial).
    assert sum(flagged) <= 36
    # Uncorrected intervals of 14 groups would flag half of them: the correction is not void.
    assert not any(_fairness(World(seed)).beyond for seed in range(100))


def test_few_who_churn_do_not_make_a_fair_model_look_unfair() -> None:
    flagged = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        world = World(seed, count=700, days=1)
        rare = np.full(700, 0.02)
        predictions = replace(
            world.predictions,
            outcome=(rng.random(700) < rare).astype(np.float64),
            models={MODEL: rare},
        )
        flagged += bool(_fairness(world, predictions, tolerance=0).beyond)
    assert flagged <= 25  # of 200 at 5 %: more with a chance below 1 in 10,000


def test_without_correction_a_fair_model_would_be_flagged() -> None:
    beyond = 0
    for seed in range(100):
        for group in _fairness(World(seed)).evaluated:
            gap = group.figures["gap"]
            beyond += gap.lower > 0 or gap.upper < 0
    assert beyond > 36, "fourteen intervals of 95 % a model: about 70 are expected"


def test_a_champion_that_is_as_far_off_leaves_it_to_outcomes() -> None:
    world = World(2)
    unfair = world.off(0.2).models[MODEL]
    both = replace(world.predictions, models={MODEL: unfair, CHAMPION: unfair + 1e-6})
    check = fairness_check(_fairness(world, both, champion=CHAMPION))
    assert check.status == "open"
    assert "The champion is not clearly closer" in check.message


def test_a_champion_that_is_clearly_closer_stays() -> None:
    world = World(2)
    check = fairness_check(_fairness(world, world.off(0.2), champion=CHAMPION))
    assert check.status == "failed"
    assert "The champion is clearly closer." in check.message


def test_a_candidate_that_is_closer_than_the_champion_is_not_kept_out() -> None:
    world = World(2)
    both = replace(
        world.predictions,
        models={MODEL: world.off(0.15).models[MODEL], CHAMPION: world.off(0.3).models[MODEL]},
    )
    assert fairness_check(_fairness(world, both, champion=CHAMPION)).status == "open"


@pytest.mark.parametrize(("count", "has_figures"), [(99, False), (100, True)])
def test_a_group_of_99_is_named_and_counted_and_nothing_is_said_of_it(
    count: int, has_figures: bool
) -> None:
    world = World(3)
    country: Sequence[str | None] = ["Malta"] * count + ["France"] * (1_500 - count)
    result = _fairness(world, attributes=world.attributes(country=country))
    [malta] = [group for group in result.groups if group.name == "Malta"]
    [france] = [group for group in result.groups if group.name == "France"]
    assert malta.customers_count == count, "two rows of one customer are one"
    assert bool(malta.figures) is has_figures
    # What is said of France against all others would be said of Malta.
    assert ("gap_to_others" in france.figures) is has_figures
    line = [line for line in fairness_markdown(result.to_dict()).splitlines() if "Malta" in line]
    assert ("too few" in line[0]) is not has_figures


def test_customers_without_a_value_are_a_group() -> None:
    world = World(4)
    ages: Sequence[str | None] = [None] * 200 + [" "] * 50 + ["45-54"] * 1_250
    result = _fairness(world, attributes=world.attributes(age_band=ages))
    counts = {group.name: group.customers_count for group in result.groups}
    assert counts[NOT_GIVEN] == 250
    assert "age not given" in {group.label for group in result.evaluated}


def test_what_the_shop_does_not_deliver_is_said_and_keeps_nobody_out() -> None:
    world = World(5)
    nothing: Sequence[str | None] = [None] * 1_500
    attributes = world.attributes(age_band=nothing, income_band=nothing)
    result = _fairness(world, world.off(0.3), attributes=attributes)
    assert result.groups == ()
    assert fairness_check(result).status == "passed"
    assert fairness_markdown(result.to_dict()) == (
        "Age: not delivered. Income: not delivered. Country: not delivered."
    )


def test_an_attribute_of_one_value_has_no_others_to_compare_with() -> None:
    world = World(6)
    country: Sequence[str | None] = ["France"] * 1_500
    [france] = [
        group
        for group in _fairness(world, attributes=world.attributes(country=country)).groups
        if group.name == "France"
    ]
    assert "gap" in france.figures
    assert "gap_to_others" not in france.figures


def test_of_many_small_groups_the_smallest_are_one() -> None:
    world = World(7)
    country: Sequence[str | None] = [f"country {each % 300}" for each in range(1_500)]
    result = _fairness(world, attributes=world.attributes(country=country))
    names = [group.name for group in result.groups if group.attribute == "country"]
    assert len(names) == GROUPS_MAX + 1
    [others] = [group for group in result.groups if group.name == OTHERS]
    assert others.customers_count == 1_500 - GROUPS_MAX * 5


def test_rows_that_stand_for_nobody_are_left_out_and_others_count_as_their_weight_says() -> None:
    world = World(8)
    rng = np.random.default_rng(8)
    weights = rng.choice([0.0, 1.0, 3.0], size=len(world.customers))
    weighted = _fairness(world, replace(world.predictions, weights=weights))
    rows = np.flatnonzero(weights > 0)
    [group] = [each for each in weighted.groups if each.name == "18-24"]
    inside = rows[np.tile(world.age == 0, 2)[rows]]
    outcome = world.predictions.outcome
    assert group.figures["churn_rate"].value == pytest.approx(
        np.average(outcome[inside], weights=weights[inside])
    )
    assert group.customers_count == len(np.unique(world.customers[inside]))


def test_errors_and_offers_are_those_counted_by_hand() -> None:
    world = World(9)
    [group] = [each for each in _fairness(world).groups if each.name == "25-34"]
    inside = np.tile(world.age == 1, 2)
    offered, churned = world.truth >= 0.6, world.predictions.outcome == 1
    by_hand = {
        "offered": offered[inside].mean(),
        "missed": (~offered)[inside & churned].mean(),
        "false_alarms": offered[inside & ~churned].mean(),
        "churn_rate": churned[inside].mean(),
    }
    for name, value in by_hand.items():
        interval = group.figures[name]
        assert interval.value == pytest.approx(value)
        assert 0 <= interval.lower < interval.value < interval.upper <= 1


def test_the_table_holds_every_group_and_no_value_breaks_it() -> None:
    world = World(10)
    country: Sequence[str | None] = ["A|B\nC"] * 700 + ["D"] * 800
    result = _fairness(world, world.off(0.2), attributes=world.attributes(country=country))
    stored = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    text = fairness_markdown(stored)
    assert "age 65+ (!)" in text
    assert "country A\\|B C" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(result.groups)
    assert CUSTOMERS_MIN == 100
