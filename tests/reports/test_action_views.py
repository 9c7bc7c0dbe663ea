"""Views about actions: one row per thing, whatever was tried, stopped or looked at."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.switches import switch
from retention_ml.errors import ChannelError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import DAY, NOON, channel_settings, put, row
from tests.worlds.receivers import crm


def _rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    with warehouse.transaction() as transaction:
        return [each._asdict() for each in transaction.execute(sql)]


def test_a_message_tried_twice_and_stopped_twice_is_one_row(
    warehouse: Warehouse, settings: Settings
) -> None:
    with crm() as receiver:
        receiver.answers = [(500, False), (503, False)]
        sending = channel_settings(settings, webhook_url=receiver.url)
        put(warehouse, [row("ann", "webhook"), row("bob", "file")])
        for at in (NOON, NOON + timedelta(hours=1)):
            dispatch(warehouse, settings=sending, channels=["webhook"], now=lambda: at)  # noqa: B023
    for channel in ("all", "webhook"):
        switch(warehouse, channel=channel, is_stopped=True, who="kim", why=channel, run_id="r")
    contacts = _rows(warehouse, "SELECT * FROM reports.contacts ORDER BY customer_id")
    assert [(each["customer_id"], each["attempts_count"]) for each in contacts] == [
        ("ann", 2), ("bob", 0),
    ]  # fmt: skip
    health = _rows(warehouse, "SELECT * FROM reports.outbox_health ORDER BY channel")
    assert [(each["channel"], each["messages_count"]) for each in health] == [
        ("file", 1), ("webhook", 1),
    ]  # fmt: skip
    assert [(each["is_stopped"], each["stopped_why"]) for each in health] == [(True, "all")] * 2
    assert health[1]["trouble_code"] == "503"


def test_a_channel_that_is_down_is_seen_before_anything_was_tried(
    warehouse: Warehouse, settings: Settings
) -> None:
    put(warehouse, [row("ann", "webhook")])
    with pytest.raises(ChannelError, match="RETENTION_WEBHOOK_URL is not set"):
        dispatch(warehouse, settings=channel_settings(settings), now=lambda: NOON)
    [health] = _rows(warehouse, "SELECT * FROM reports.outbox_health")
    assert (health["pending_count"], health["attempts_count"], health["trouble"]) == (1, 0, None)


def _experiment(warehouse: Warehouse, name: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO experiments.experiments (experiment_id, question, arms, shares, tiers, "
            "metric, unit, error_rate, power, mde_save_rate, days_max, sizes, planned_count, "
            "missing_count, planned_as_of, planned_by, planned_at, run_id) VALUES (:name, '?', "
            "'{none,mail}', '{0.5,0.5}', '{low,high}', 'margin', 'decision', 0.05, 0.8, 0.1, 182, "
            "'{}', 100, 0, :day, 'kim', :at, 'test')",
            name=name,
            day=DAY,
            at=NOON,
        )


def _look(warehouse: Warehouse, name: str, day: date, metric: str, segment: str) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO experiments.looks (experiment_id, as_of, arm, metric, segment, "
            "decisions_count, treated_count, control_mean, effect, method, sample_ratio_e, "
            "verdict, reason, run_id, looked_at) VALUES (:name, :day, 'mail', :metric, :segment, "
            "10, 5, 1.0, 2.0, 'asymptotic', 1, 'open', 'Reason.', 'test', :at)",
            name=name,
            day=day,
            metric=metric,
            segment=segment,
            at=NOON,
        )


def test_an_experiment_nobody_has_looked_at_is_one_row_without_figures(
    warehouse: Warehouse,
) -> None:
    _experiment(warehouse, "spring")
    [only] = _rows(warehouse, "SELECT * FROM reports.experiments")
    assert (only["state"], only["is_newest"]) == ("planned", True)
    assert only["effect"] is None
    assert _rows(warehouse, "SELECT * FROM reports.incrementality") == []


def test_each_look_metric_and_segment_is_one_row_and_only_the_last_look_is_newest(
    warehouse: Warehouse,
) -> None:
    for name in ("spring", "autumn"):
        _experiment(warehouse, name)
        for days in range(3 if name == "spring" else 1):
            for metric in ("margin", "retained"):
                for segment in ("all", "low", "high"):
                    _look(warehouse, name, DAY + timedelta(days=days), metric, segment)
    rows = _rows(warehouse, "SELECT * FROM reports.experiments")
    keys = [(r["experiment_id"], r["as_of"], r["arm"], r["metric"], r["segment"]) for r in rows]
    assert len(keys) == len(set(keys)) == 4 * 6
    newest = {(r["experiment_id"], r["as_of"]) for r in rows if r["is_newest"]}
    assert newest == {("spring", DAY + timedelta(days=2)), ("autumn", DAY)}
    proofs = _rows(warehouse, "SELECT * FROM reports.incrementality WHERE is_newest")
    assert len(proofs) == 4
    assert {(each["control_count"], each["total_effect"]) for each in proofs} == {(5, 10.0)}


def test_an_alert_that_is_over_says_since_when(warehouse: Warehouse) -> None:
    times: list[datetime | None] = [NOON, None]
    for number, cleared_at in enumerate(times):
        with warehouse.transaction() as transaction:
            transaction.insert_row(
                "ops.alerts",
                {
                    "as_of": DAY, "kind": "failing_channel", "subject": "email",
                    "severity": "critical", "sentence": f"{number}", "runbook": "r",
                    "evidence": {}, "run_id": "test", "raised_at": NOON,
                    "cleared_at": cleared_at,
                },
            )  # fmt: skip
    rows = _rows(warehouse, "SELECT sentence, cleared_at FROM reports.alerts ORDER BY alert_id")
    assert [each["cleared_at"] for each in rows] == times
