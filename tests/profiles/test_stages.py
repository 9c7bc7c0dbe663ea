"""Stages by facts: each by its rule, the whole life against a day-by-day oracle."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.profiles.stages import (
    NO_STAGE,
    STAGES,
    StageRules,
    interval_days,
    stage_on,
    stages,
)
from tests.worlds.histories import histories_of, random_purchases

RULES = StageRules(new_days=30, loyal_purchase_days=4, lapsed_days=90, slipping_intervals=2.0)


def oracle(
    days: Sequence[int], met: int | None, today: int, pause: float, rules: StageRules
) -> str:
    """The stage of one customer on a day, straight from the table of the module."""
    bought = [day for day in days if day < today]
    if not bought:
        return "visitor" if met is not None and met < today else ""
    if today - bought[-1] > rules.lapsed_days:
        return "lapsed"
    begins = [
        (day, number == 0)
        for number, day in enumerate(bought)
        if number == 0 or day - bought[number - 1] > rules.lapsed_days
    ]
    day, is_first = begins[-1]
    if today - day <= rules.new_days:
        return "new" if is_first else "reactivated"
    pauses = [b - a for a, b in itertools.pairwise(bought) if b - a <= rules.lapsed_days]
    interval = (pause + sum(pauses)) / (1 + len(pauses))
    if today - bought[-1] > rules.slipping_intervals * interval:
        return "slipping"
    if len(bought) == 1:
        return "one_time"
    return "loyal" if len(bought) >= rules.loyal_purchase_days else "repeat"


def shop_pause(purchases: dict[str, list[int]], today: int, rules: StageRules) -> float:
    pauses = [
        b - a
        for days in purchases.values()
        for a, b in itertools.pairwise(days)
        if b < today and b - a <= rules.lapsed_days
    ]
    return sum(pauses) / len(pauses) if pauses else float(rules.lapsed_days)


@pytest.mark.parametrize("seed", range(6))
def test_stage_since_and_before_are_those_of_a_day_by_day_walk(seed: int) -> None:
    draw = np.random.default_rng(seed)
    today = 400
    rules = StageRules(
        new_days=int(draw.integers(1, 120)),
        loyal_purchase_days=int(draw.integers(2, 6)),
        lapsed_days=int(draw.integers(10, 120)),
        slipping_intervals=float(draw.uniform(0.5, 4)),
    )
    purchases = random_purchases(draw, 40, today)
    contacts = {f"c{number:04d}": int(draw.integers(0, today)) for number in range(0, 60, 2)}
    history = histories_of(purchases, today, contacts=contacts)
    result = stages(history, rules)
    pause = shop_pause(purchases, today, rules)
    assert len(history.customer_ids) > 45
    observed: set[str] = set()
    for place, customer in enumerate(history.customer_ids.to_pylist()):
        life = [
            oracle(purchases.get(customer, []), contacts.get(customer), day, pause, rules)
            for day in range(today + 1)
        ]
        begins = max(day for day in range(today + 1) if day == 0 or life[day] != life[day - 1])
        assert STAGES[result.stage[place]] == life[today]
        assert history.today - result.since[place] == today - begins
        previous = life[begins - 1] if begins else ""
        code = result.previous[place]
        assert (STAGES[code] if code != NO_STAGE else "") == previous
        observed |= set(life)
    assert len(observed) >= 4


def test_on_any_earlier_day_everybody_has_the_stage_of_the_walk() -> None:
    purchases = random_purchases(np.random.default_rng(9), 30, 300)
    history = histories_of(purchases, 300)
    pause = shop_pause(purchases, 300, RULES)
    for day in range(0, 301, 7):
        codes = stage_on(history, RULES, history.today - 300 + day)
        expected = [
            oracle(purchases[customer], None, day, pause, RULES)
            for customer in history.customer_ids.to_pylist()
        ]
        assert ["" if code == NO_STAGE else STAGES[code] for code in codes] == expected


@pytest.mark.parametrize(
    ("days", "today", "stage"),
    [
        ([99], 100, "new"),
        ([70], 100, "new"),
        ([69], 100, "one_time"),  # silent for 31 days; the shop's interval is 20, twice that is 40
        ([59], 100, "slipping"),
        ([9], 100, "lapsed"),
        ([10], 100, "slipping"),
        ([40, 80], 100, "repeat"),
        ([20, 40, 60, 80], 100, "loyal"),
        ([0, 99], 100, "reactivated"),
        ([0, 91], 121, "reactivated"),
        ([0, 91], 122, "repeat"),  # and no pause of theirs counts: it was none of a rhythm
    ],
)
def test_each_stage_begins_on_its_day(days: list[int], today: int, stage: str) -> None:
    regular = {f"r{number}": list(range(0, today, 20)) for number in range(200)}
    history = histories_of({**regular, "one": days}, today)
    place = history.customer_ids.to_pylist().index("one")
    assert STAGES[stages(history, RULES).stage[place]] == stage


def test_a_visitor_becomes_new_with_the_first_order() -> None:
    history = histories_of({"a": [50]}, 60, contacts={"a": 10, "b": 20})
    result = stages(history, RULES)
    assert [STAGES[code] for code in result.stage] == ["new", "visitor"]
    assert [STAGES[code] if code >= 0 else None for code in result.previous] == ["visitor", None]
    assert (history.today - result.since).tolist() == [9, 39]


def test_the_interval_is_the_mean_of_the_pauses_with_that_of_the_shop_as_one_more() -> None:
    history = histories_of({"a": [0, 10, 30], "b": [0, 60], "c": [0, 200]}, 300)
    shop = (10 + 20 + 60) / 3
    expected = [
        *(shop, (shop + 10) / 2, (shop + 30) / 3),  # a
        *(shop, (shop + 60) / 2),  # b
        *(shop, shop),  # c: 200 days are no pause of a rhythm
    ]
    assert interval_days(history, 90) == pytest.approx(expected)


def test_a_shop_without_a_pause_has_nobody_slipping() -> None:
    history = histories_of({"a": [0], "b": [30], "c": [119]}, 120)
    assert [STAGES[code] for code in stages(history, RULES).stage] == ["lapsed", "one_time", "new"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sets(st.integers(0, 299), min_size=1, max_size=12).map(sorted),
        min_size=1,
    ),
    st.integers(1, 60),
)
def test_a_later_day_changes_no_stage_of_an_earlier_one(
    purchases: dict[str, list[int]], later: int
) -> None:
    """Whatever follows: with the shop's pause as it was, the past stays as it was."""
    rules = StageRules(
        new_days=30, loyal_purchase_days=4, lapsed_days=90, slipping_intervals=1_000.0
    )
    before = histories_of(purchases, 300)
    grown = {name: [*days, 300] for name, days in purchases.items()}
    after = histories_of(grown, 300 + later)
    assert stage_on(after, rules, before.today).tolist() == stages(before, rules).stage.tolist()
