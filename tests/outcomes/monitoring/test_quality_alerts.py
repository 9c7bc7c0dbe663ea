"""A warning of the daily checks is seen by somebody."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.outcomes.monitoring.quality_alerts import quality_alerts
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.reports.read import status
from retention_ml.scores import reasons
from retention_ml.scores import served as served_module
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import PlainBundle, World
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.suites

DAY = date(2024, 12, 1)
_AT = datetime(2024, 12, 1, 1, tzinfo=UTC)


def _record(warehouse: Warehouse, **changes: Any) -> None:
    row = {
        "batch_id": None,
        "as_of": DAY,
        "run_id": "test",
        "suite": "scores.customer_daily",
        "expectation": "expect_column_stdev_to_be_between",
        "expected": "the standard deviation of churn_probability is at least 0.005",
        "column_name": "churn_probability",
        "severity": "warning",
        "is_success": False,
        "observed": "found 0.001",
        "reason": "The model tells nobody apart.",
        "checked_at": _AT,
    }
    with warehouse.transaction() as transaction:
        transaction.insert_row("quality.results", row | changes)


def test_a_failed_warning_of_the_day_is_an_alert(warehouse: Warehouse) -> None:
    _record(warehouse)
    [alert] = quality_alerts(warehouse, DAY)
    assert (alert.kind, alert.severity) == ("failed_expectation", "warning")
    assert alert.sentence.startswith(
        "scores.customer_daily of 2024-12-01 is not as expected: found 0.001; expected: the "
        "standard deviation of churn_probability is at least 0.005. The model tells nobody apart."
    )
    assert quality_alerts(warehouse, DAY + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "changes",
    [{"is_success": True}, {"severity": "critical"}, {"severity": "info"}, {"as_of": None}],
)
def test_what_holds_what_stops_the_day_and_what_is_only_recorded_is_none(
    warehouse: Warehouse, changes: dict[str, Any]
) -> None:
    _record(warehouse, **changes)
    assert quality_alerts(warehouse, DAY) == []


def test_only_the_newest_check_of_each_table_counts(warehouse: Warehouse) -> None:
    _record(warehouse)
    _record(warehouse, suite="features.customer_daily")
    _record(warehouse, is_success=True, checked_at=_AT + timedelta(hours=1))
    assert [alert.subject.split(":")[0] for alert in quality_alerts(warehouse, DAY)] == [
        "features.customer_daily"
    ]


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """A random shop, and a champion that sees a weekday only: nobody would call that a risk."""
    random_shop(warehouse, customers=150, days=400)
    world = World(warehouse, settings)
    world.champion(PlainBundle({"orders_monday_share_365d": 3.0}, bias=0.2))
    monkeypatch.setattr(served_module, "served", lambda w, s, alias: world.models.get(alias))
    return world


def _failed(world: World) -> list[dict[str, Any]]:
    world.score_and_publish(DAY)
    receipt = watch(world.warehouse, settings=world.settings, as_of=DAY)
    alerts = receipt.details["alerts"]
    return [alert for alert in alerts if alert["kind"] == "failed_expectation"]


def test_the_expectation_on_reasons_holds_for_a_model_that_gives_none(shop: World) -> None:
    assert _failed(shop) == []
    tiers = shop.rows("SELECT risk_tier, reason_1 FROM reports.customer_risk")
    assert {row["risk_tier"] for row in tiers} > {"medium"}
    assert all(row["reason_1"] for row in tiers if row["risk_tier"] != "low")


def test_customers_at_risk_without_a_reason_are_alerted_and_shown_by_status(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallback = ["fallback_code", "fallback"]
    monkeypatch.setattr(
        reasons, "with_one_reason", lambda rows, *_, **__: rows.drop_columns(fallback)
    )
    [alert] = _failed(shop)
    assert alert["subject"] == (
        "scores.customer_daily: reason_1 is given where risk_tier is not low"
    )
    assert "rows differ; expected: reason_1 is given" in alert["sentence"]
    assert alert["runbook"] == "docs/runbook.md#failed-expectation"
    shown = status(shop.warehouse, shop.settings)["alerts"]
    assert alert["sentence"] in shown.values()
