"""Seven figures of behaviour."""

import numpy as np

from retention_ml.profiles.personas.behaviour import TRAITS, behaviour, behaviour_a_month_ago
from tests.worlds.histories import histories_of, random_purchases

NAMES = [trait.name for trait in TRAITS]


def test_the_figures_of_a_buyer_and_none_for_visitors() -> None:
    history = histories_of({"a": [0, 10, 190], "c": [150]}, 200, contacts={"b": 5})
    rows = behaviour(history, lapsed_days=90)
    assert rows.shape == (2, 7)
    first = dict(zip(NAMES, rows[0].tolist(), strict=True))
    assert (first["silent_days"], first["purchase_days"], first["tenure_days"]) == (10, 3, 200)
    assert (first["revenue_cents"], first["day_revenue_cents"]) == (3000, 1000)
    assert first["interval_days"] == 10  # the pause of 180 days is no rhythm
    assert first["purchase_days_90d"] == 1


def test_more_returned_than_bought_counts_as_nothing() -> None:
    history = histories_of({"a": [0], "b": [0]}, 100, cents=-500)
    assert behaviour(history, lapsed_days=90)[:, 2:4].tolist() == [[0, 0], [0, 0]]


def test_a_month_ago_is_what_the_day_itself_would_have_had() -> None:
    purchases = random_purchases(np.random.default_rng(5), 60, 300)
    history, before = (
        histories_of(purchases, 300),
        histories_of(
            {name: [day for day in days if day < 270] for name, days in purchases.items()}, 270
        ),
    )
    buyers, rows = behaviour_a_month_ago(history, lapsed_days=90)
    assert rows.tolist() == behaviour(before, lapsed_days=90).tolist()
    ids = history.customer_ids.take(history.buyers[buyers]).to_pylist()
    assert ids == before.customer_ids.take(before.buyers).to_pylist()
    assert 0 < len(buyers) < len(history.buyers)


def test_nobody_had_ordered_a_month_ago() -> None:
    buyers, rows = behaviour_a_month_ago(histories_of({"a": [9]}, 20), lapsed_days=90)
    assert len(buyers) == 0
    assert rows.shape == (0, 7)
