"""Whom an experiment drew is left in peace until the outcome of the decision is known."""

from datetime import timedelta
from typing import Any

import pytest

from retention_ml.experiments import ledger
from retention_ml.experiments.design import Design
from tests.worlds.decisions import DAY, DecisionShop

TIERS = ("medium", "high", "critical")


def _open(shop: DecisionShop, **changes: Any) -> None:
    design = Design(
        **{"experiment_id": "spring", "arms": {"none": 0.5, "mail": 0.5}, "tiers": TIERS, **changes}
    )
    with shop.warehouse.transaction() as transaction:
        ledger.add(
            transaction,
            design,
            question="",
            sizes=[],
            assumptions={},
            planned_count=100,
            missing_count=0,
            as_of=DAY,
            by="Kim",
            run_id="test",
        )
        ledger.move(transaction, "spring", "open", since=DAY, reason="r", by="Kim", run_id="test")


def _assign(shop: DecisionShop, days: tuple[int, ...]) -> list[set[str]]:
    """Who was drawn by the experiment on each of some days."""
    drawn = []
    for number in days:
        day = DAY + timedelta(days=number)
        if number:
            shop.publish(day)
        assert shop.assign(day).details["status"] == "released"
        rows = shop.rows(
            "SELECT customer_id FROM actions.assignments WHERE experiment_id = 'spring' "
            f"AND as_of = DATE '{day}'"
        )
        drawn.append({row["customer_id"] for row in rows})
    return drawn


def _contacted(shop: DecisionShop) -> list[dict[str, Any]]:
    return shop.rows(
        "SELECT customer_id, count(*) AS n FROM actions.assignments WHERE action_id <> 'none' "
        f"AND as_of >= DATE '{DAY}' GROUP BY customer_id"
    )


@pytest.fixture
def shop(shop: DecisionShop) -> DecisionShop:
    shop.set(actions={"budget_per_day": 3.0, "explore_share": 0.3})
    return shop


@pytest.mark.parametrize("fatigue_days", [28, 7, 0])
def test_nobody_is_drawn_twice_within_an_outcome_window(
    shop: DecisionShop, fatigue_days: int
) -> None:
    shop.set(actions={"fatigue_days": fatigue_days, "budget_per_day": 1.8})  # 90 a day
    _open(shop)
    first, second, third, last = _assign(shop, (0, 1, 28, 29))
    assert len(first) > 80
    assert min(len(second), len(third)) > 20
    assert len(first | second | third) == len(first) + len(second) + len(third)
    assert len(last & first) > 40  # the window of the first day has passed


def test_who_was_left_alone_is_not_contacted_by_the_policy_either(shop: DecisionShop) -> None:
    _open(shop)
    days = (0, 1, 2)
    _assign(shop, days)
    alone = {
        row["customer_id"]
        for row in shop.rows(
            "SELECT customer_id FROM actions.assignments WHERE experiment_id = 'spring' "
            "AND action_id = 'none'"
        )
    }
    assert len(alone) > 50
    assert not alone & {row["customer_id"] for row in _contacted(shop)}


def test_who_was_left_alone_has_had_no_contact_of_the_year(shop: DecisionShop) -> None:
    shop.set(actions={"contacts_per_year_max": 1})
    _open(shop)
    _assign(shop, (0,))
    [row] = shop.rows(
        "SELECT count(*) AS n FROM actions.assignments WHERE experiment_id = 'spring' "
        "AND action_id = 'none'"
    )
    later = DAY + timedelta(days=29)
    shop.publish(later)
    receipt = shop.assign(later)
    assert row["n"] > 40
    drawn_again = shop.rows(
        "SELECT count(*) AS n FROM actions.assignments AS first JOIN actions.assignments AS later "
        "USING (customer_id) WHERE first.experiment_id = 'spring' AND first.action_id = 'none' "
        f"AND first.as_of = DATE '{DAY}' AND later.as_of = DATE '{later}'"
    )
    assert drawn_again[0]["n"] > 20
    assert receipt.details["excluded"]["yearly_limit"] > 20


def test_a_shadow_day_draws_nobody_out_of_the_next(shop: DecisionShop) -> None:
    shop.set(actions={"enabled": False})
    _open(shop)
    assert shop.assign().details["status"] == "shadow"
    shop.publish(DAY + timedelta(days=1))
    assert "fatigue" not in shop.assign(DAY + timedelta(days=1)).details["excluded"]


def test_a_customer_drawn_once_keeps_the_arm_after_the_rest(shop: DecisionShop) -> None:
    _open(shop, unit="customer")
    first, second, last = _assign(shop, (0, 1, 29))
    assert not first & second
    assert len(first & last) > 40
    rows = shop.rows(
        "SELECT customer_id FROM actions.assignments WHERE experiment_id = 'spring' "
        "GROUP BY customer_id HAVING count(DISTINCT action_id) > 1"
    )
    assert rows == []
