"""Evidence: what was drawn by lot, how probable it was among the drawn, and nothing from later."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from retention_ml.actions.assignment.decision import decide
from retention_ml.actions.assignment.rule import Expected
from retention_ml.actions.learning.evidence import Evidence, lot_chances
from retention_ml.actions.learning.load_evidence import load_evidence
from retention_ml.features.answers import ANSWER_NAMES
from retention_ml.features.roll_up import roll_up
from tests.actions.assignment.test_decision import none_open
from tests.worlds.answering import AFTER, ROUNDS, AnsweringShop
from tests.worlds.decisions import DAY

NAMES = ("none", "mail", "coupon")
SETTLED = DAY + timedelta(days=29)


def _evidence(shop: AnsweringShop, as_of: Any = AFTER) -> Evidence:
    return load_evidence(
        shop.warehouse,
        shop.settings,
        as_of=as_of,
        actions=["none", "letter"],
        effect_days={"letter": 28},
    )


@pytest.mark.parametrize("budget", [30.0, 12.0])
def test_among_the_drawn_each_action_comes_as_often_as_its_chance_says(budget: float) -> None:
    """Mail is chosen for all who are not drawn: taken as logged, it would be nearly certain."""
    n, rng = 40, np.random.default_rng(2)
    cost = np.tile([0.0, 1.0, 3.0], (n, 1))
    margin = np.tile([0.0, 5.0, 1.0], (n, 1))
    expected = Expected(
        effect=margin, cost_cents=cost, margin_cents=margin, slope=None, is_measured=True
    )
    places = rng.random(n)
    counts, chances = np.zeros((n, 3)), np.zeros((n, 3))
    for _ in range(400):
        decision = decide(
            NAMES, np.ones((n, 3), dtype=np.bool_), np.full(n, None, dtype=object), expected,
            is_holdout=np.zeros(n, dtype=np.bool_), experiments=none_open(n), lots=rng.random(n),
            places=places, explore_share=0.3, budget_cents=budget, quotas=np.full(3, np.inf),
        )  # fmt: skip
        rows = np.flatnonzero(decision.is_explored & ~decision.is_capped)
        texts = decision.propensities.to_pylist()
        counts[rows, decision.action[rows]] += 1
        for row in rows:
            chances[row] += lot_chances(
                NAMES, json.loads(texts[row]), explore_share=0.3, is_as_logged=False
            )
    total = counts.sum(axis=1)
    is_drawn = total > 60
    assert is_drawn.sum() >= 10
    observed, stated = counts[is_drawn], chances[is_drawn]
    spread = np.sqrt(np.maximum(stated * (1 - stated / total[is_drawn][:, None]), 0.0))
    assert (abs(observed - stated) < 4.5 * spread + 1e-6).all()
    assert stated.sum() == pytest.approx(total[is_drawn].sum())


def test_every_decision_drawn_by_lot_counts_once_its_window_has_settled(
    shop: AnsweringShop,
) -> None:
    assert len(_evidence(shop, SETTLED - timedelta(days=1))) == 0
    first, both = _evidence(shop, SETTLED), _evidence(shop)
    assert 300 < len(first) < len(both)
    drawn = shop.rows(
        "SELECT customer_id, action_id, cost_cents, expected_value_at_risk_cents AS at_risk_cents, "
        "churn_probability FROM actions.assignments AS assignment JOIN scores.customer_daily "
        "USING (snapshot_id, as_of, customer_id) WHERE is_explored AND NOT is_capped "
        f"AND as_of IN (DATE '{ROUNDS[0]}', DATE '{ROUNDS[1]}') ORDER BY as_of, customer_id"
    )
    assert len(both) == len(drawn)
    assert both.action.tolist() == [int(row["action_id"] == "letter") for row in drawn]
    np.testing.assert_allclose(both.chances, 0.5)
    np.testing.assert_allclose(both.cost, [row["cost_cents"] / 100 for row in drawn])
    values = [row["at_risk_cents"] / max(row["churn_probability"], 0.01) / 100 for row in drawn]
    np.testing.assert_allclose(both.value, values)
    responds = shop.are_responders([row["customer_id"] for row in drawn])
    assert both.retained[responds & (both.action == 1)].all()
    assert 0.2 < both.retained[responds & (both.action == 0)].mean() < 0.8


def test_evidence_of_an_earlier_day_is_what_was_known_then(shop: AnsweringShop) -> None:
    before = _evidence(shop, SETTLED)
    silent = [
        row["customer_id"]
        for row in shop.rows(
            "SELECT customer_id FROM actions.assignments WHERE action_id = 'none' "
            f"AND as_of = DATE '{DAY}' ORDER BY customer_id"
        )
    ]
    late = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=40)
    at = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=9)
    shop.shop.order(silent, [at] * len(silent), available_at=late)
    # A contact of long ago that is known from between the two days on.
    between = at + timedelta(days=1)
    shop.shop.contact(shop.shop.names, shop.shop.moment(50), available_at=between)
    roll_up(shop.warehouse, settings=shop.settings)
    again = _evidence(shop, SETTLED)
    np.testing.assert_array_equal(again.retained, before.retained)
    np.testing.assert_array_equal(again.values, before.values)
    later = _evidence(shop)
    assert later.retained[(later.day == DAY.toordinal()) & (later.action == 0)].all()
    columns = [later.features.index(name) for name in ANSWER_NAMES]
    is_first = later.day == DAY.toordinal()
    assert (later.values[is_first][:, columns] == 0).all()  # the features of the day itself
    assert (later.values[~is_first][:, columns[0]] == 28).all()


def test_days_that_were_not_released_and_limits_are_no_evidence(shop: AnsweringShop) -> None:
    total = len(_evidence(shop))
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE actions.assignments SET is_capped = true WHERE customer_id = ANY (SELECT "
            "customer_id FROM actions.assignments WHERE as_of = :day ORDER BY customer_id LIMIT 50)",
            day=ROUNDS[1],
        )
        transaction.execute(
            "UPDATE actions.days SET status = 'shadow', released_at = NULL WHERE as_of = :day",
            day=ROUNDS[0],
        )
    evidence = _evidence(shop)
    assert set(evidence.day.tolist()) == {ROUNDS[1].toordinal()}
    assert len(evidence) < total / 2
