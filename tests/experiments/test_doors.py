"""Plan, start, stop, list: a design is fixed, lots are never drawn twice, nothing is lost."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.errors import NotReady, UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.design import Design
from retention_ml.experiments.plan import decision_windows, plan
from retention_ml.experiments.power import Price
from retention_ml.experiments.start import start
from retention_ml.experiments.stop import stop
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import FIRST, Shop

DAY = FIRST + timedelta(days=100)
TIERS = ("critical", "high", "low", "medium")
DESIGN = Design(
    experiment_id="spring_coupon",
    arms={"none": 0.5, "coupon": 0.5},
    tiers=TIERS,
    metric="retained",
    mde_save_rate=0.9,
)


@pytest.fixture
def scored(warehouse: Warehouse, settings: Settings) -> Warehouse:
    """A day with 400 published scores in four tiers."""
    shop = Shop(warehouse, settings, customers=400)
    shop.publish(DAY, shop.truth)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.customer_daily SET risk_tier = CASE WHEN churn_probability > 0.8 "
            "THEN 'critical' WHEN churn_probability > 0.6 THEN 'high' "
            "WHEN churn_probability > 0.35 THEN 'medium' ELSE 'low' END"
        )
    return warehouse


def _plan(warehouse: Warehouse, settings: Settings, **changes: Any) -> DecisionReceipt:
    arguments: dict[str, Any] = {
        "as_of": DAY,
        "design": DESIGN,
        "question": "Does the coupon bring customers back?",
        "prices": {"coupon": Price(cost=0.02, discount_share=0.1)},
        "by": "Kim",
    }
    return plan(warehouse, settings=settings, **{**arguments, **changes})


def _start(warehouse: Warehouse, settings: Settings, **changes: Any) -> DecisionReceipt:
    arguments = {"as_of": DAY, "experiment_id": "spring_coupon", "by": "Kim", **changes}
    return start(warehouse, settings=settings, **arguments)


def _stop(warehouse: Warehouse, settings: Settings, **changes: Any) -> DecisionReceipt:
    arguments = {
        "as_of": DAY + timedelta(days=9),
        "experiment_id": "spring_coupon",
        "by": "Kim",
        "reason": "The coupon has a misprint.",
        **changes,
    }
    return stop(warehouse, settings=settings, **arguments)


def test_an_experiment_is_planned_started_and_stopped(
    scored: Warehouse, settings: Settings
) -> None:
    receipt = _plan(scored, settings)
    assert receipt.details["missing_count"] == 0
    assert {one["tier"] for one in receipt.details["sizes"]} == {"all", *TIERS}
    _start(scored, settings)
    [one] = ledger.all_experiments(scored)
    assert (one.state, one.began_on, one.design) == ("open", DAY, DESIGN)
    assert list(one.design.arms) == ["none", "coupon"]  # the order decides the lots
    _stop(scored, settings)
    [one] = ledger.all_experiments(scored)
    assert (one.state, one.reason) == ("stopped", "The coupon has a misprint.")


def test_every_door_may_be_run_again(scored: Warehouse, settings: Settings) -> None:
    assert _plan(scored, settings).details["is_new"]
    assert not _plan(scored, settings).details["is_new"]
    assert _start(scored, settings).details["is_new"]
    assert not _start(scored, settings, as_of=DAY + timedelta(days=3)).details["is_new"]
    assert _stop(scored, settings).details["is_new"]
    assert not _stop(scored, settings, reason="Another reason.").details["is_new"]
    [one] = ledger.all_experiments(scored)
    assert (one.began_on, one.reason) == (DAY, "The coupon has a misprint.")


def test_an_open_experiment_decides_its_days_also_when_they_are_decided_again(
    scored: Warehouse, settings: Settings
) -> None:
    _plan(scored, settings)
    _start(scored, settings)
    _stop(scored, settings)
    with scored.transaction() as transaction:
        on = {
            k: [o.experiment_id for o in ledger.open_on(transaction, DAY + timedelta(days=k))]
            for k in (-1, 0, 8, 9)
        }
    assert on == {-1: [], 0: ["spring_coupon"], 8: ["spring_coupon"], 9: []}


def test_too_few_customers_are_counted_and_held_back(scored: Warehouse, settings: Settings) -> None:
    small = dataclasses.replace(DESIGN, mde_save_rate=0.05)
    receipt = _plan(scored, settings, design=small)
    missing = receipt.details["missing_count"]
    assert missing > 0
    with pytest.raises(NotReady, match=rf"Too few customers.* {missing:,} are missing"):
        _start(scored, settings)
    _start(scored, settings, is_small_accepted=True)
    [one] = ledger.all_experiments(scored)
    assert one.state == "open"
    assert f"{missing:,} are missing" in str(one.reason)


def test_what_no_number_of_customers_can_show_is_said_so(
    scored: Warehouse, settings: Settings
) -> None:
    dear = {"coupon": Price(cost=1_000.0)}
    details = _plan(
        scored,
        settings,
        design=dataclasses.replace(DESIGN, metric="margin", mde_save_rate=0.05),
        prices=dear,
    ).details
    assert (details["planned_count"], details["missing_count"]) == (None, None)
    assert {one["needed"] for one in details["sizes"] if one["metric"] == "margin"} == {None}
    with pytest.raises(NotReady, match="no number of decisions shows a gain"):
        _start(scored, settings)
    with scored.transaction() as transaction:
        rows = transaction.execute("SELECT planned_count, missing_count FROM reports.experiments")
    assert [tuple(row) for row in rows] == [(None, None)]


def test_a_plan_is_fixed(scored: Warehouse, settings: Settings) -> None:
    _plan(scored, settings)
    other = dataclasses.replace(DESIGN, arms={"none": 0.2, "coupon": 0.8})
    with pytest.raises(UsageError, match="was planned otherwise"):
        _plan(scored, settings, design=other)
    [one] = ledger.all_experiments(scored)
    assert one.design == DESIGN


def test_a_plan_made_again_shows_what_was_planned(scored: Warehouse, settings: Settings) -> None:
    first = _plan(scored, settings)
    again = _plan(scored, settings, prices={"coupon": Price(cost=500.0)})
    assert not again.details["is_new"]
    for name in ("planned_count", "missing_count", "sizes"):
        assert again.details[name] == first.details[name]


def test_two_open_experiments_have_no_tier_in_common(scored: Warehouse, settings: Settings) -> None:
    _plan(scored, settings)
    _start(scored, settings)
    other = dataclasses.replace(DESIGN, experiment_id="autumn_mail")
    _plan(scored, settings, design=other)
    with pytest.raises(UsageError, match="spring_coupon is open and has tier"):
        _start(scored, settings, experiment_id="autumn_mail")
    _stop(scored, settings)  # from nine days later on
    with pytest.raises(UsageError, match=f"is open until {DAY + timedelta(days=9)}"):
        _start(scored, settings, experiment_id="autumn_mail", as_of=DAY + timedelta(days=8))
    _start(scored, settings, experiment_id="autumn_mail", as_of=DAY + timedelta(days=9))


def test_an_experiment_that_has_ended_is_not_started_again(
    scored: Warehouse, settings: Settings
) -> None:
    _plan(scored, settings)
    _stop(scored, settings)
    with pytest.raises(UsageError, match="has ended"):
        _start(scored, settings)


@pytest.mark.parametrize(
    ("door", "changes", "sentence"),
    [
        (_plan, {"by": " "}, "Nobody is named"),
        (_plan, {"as_of": DAY + timedelta(days=1)}, "No scores are published"),
        (_plan, {"design": dataclasses.replace(DESIGN, tiers=("gold",))}, "No customer is in tier"),
        (_plan, {"design": dataclasses.replace(DESIGN, days_max=20)}, "lasts 20 days"),
        (_start, {"by": ""}, "Nobody is named"),
        (_start, {"experiment_id": "autumn"}, "There is no experiment 'autumn'"),
        (_stop, {"reason": " "}, "expected both"),
        (_stop, {"experiment_id": "autumn"}, "There is no experiment 'autumn'"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    door: Any, changes: dict[str, Any], sentence: str, scored: Warehouse, settings: Settings
) -> None:
    with pytest.raises((UsageError, NotReady), match=sentence):
        door(scored, settings, **changes)
    assert ledger.all_experiments(scored) == []


def test_a_day_before_the_start_cannot_be_the_end(scored: Warehouse, settings: Settings) -> None:
    _plan(scored, settings)
    _start(scored, settings)
    with pytest.raises(UsageError, match="is before that"):
        _stop(scored, settings, as_of=DAY - timedelta(days=1))


def test_a_customer_counts_once_a_window_or_once_at_all(settings: Settings) -> None:
    assert decision_windows(settings, DESIGN) == 1 + (181 - 28) // 29
    assert decision_windows(settings, dataclasses.replace(DESIGN, unit="customer")) == 1
