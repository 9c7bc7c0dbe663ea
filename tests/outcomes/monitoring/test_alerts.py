"""When a change becomes an alert, and what the alert says."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.outcomes.monitoring.alerts import (
    KINDS,
    Alert,
    drift_alerts,
    persistent,
    raise_alerts,
)
from retention_ml.outcomes.monitoring.calibration_drift import (
    Cohort,
    calibration,
    expected_performance_drop,
    label_rate,
)
from retention_ml.outcomes.monitoring.drift import Change, Key
from retention_ml.outcomes.monitoring.freshness import Freshness, freshness_alerts
from retention_ml.outcomes.monitoring.reference_days import ReferenceDays
from retention_ml.warehouse import Warehouse

DAY = date(2026, 3, 1)
RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbook.md"
KEYS = st.sampled_from([("input", name, "psi") for name in "abc"])


@given(st.lists(st.sets(KEYS), min_size=1, max_size=6), st.integers(1, 6))
def test_an_alert_needs_the_newest_day_and_enough_others(
    windows: list[set[Key]], at_least: int
) -> None:
    keys = persistent(windows, at_least=at_least)
    assert keys == {
        key for key in windows[-1] if sum(key in window for window in windows) >= at_least
    }
    assert keys <= windows[-1]


def test_no_watched_day_is_no_alert() -> None:
    assert persistent([], at_least=1) == set()


def _changes(count: int) -> list[Change]:
    return [
        Change(
            kind="input",
            name=f"f{n}",
            measure="psi",
            value=0.2 + n,
            threshold=0.1,
            reference="the features of 2026-02-01",
        )
        for n in range(count)
    ]


def test_a_hundred_features_are_one_alert_that_names_the_worst() -> None:
    changes = _changes(100)
    lasting_keys = {change.key for change in changes}
    (alert,) = drift_alerts(changes, lasting_keys, as_of=DAY, windows=3, windows_beyond=2)
    assert (alert.kind, alert.subject, alert.severity) == ("input_drift", "input", "warning")
    assert "f99 (psi 99.20, counts from 0.10), f98 " in alert.sentence
    assert "and 95 more" in alert.sentence
    assert "2026-02-01" in alert.sentence
    assert alert.evidence["count"] == 100
    assert len(alert.evidence["worst"]) == 20
    assert alert.evidence["worst"][0]["name"] == "f99"


def test_what_has_not_lasted_is_not_named() -> None:
    changes = _changes(3)
    (alert,) = drift_alerts(
        changes, {("input", "f1", "psi")}, as_of=DAY, windows=3, windows_beyond=2
    )
    assert "f1" in alert.sentence
    assert "f2" not in alert.sentence
    assert drift_alerts(changes, set(), as_of=DAY, windows=3, windows_beyond=2) == []


def test_an_alert_about_the_calibration_says_observed_and_expected() -> None:
    cohort = Cohort(
        as_of=date(2026, 2, 1),
        customers_count=1_000,
        observed_rate=0.5,
        expected_rate=0.3,
        chance=0.01,
    )
    changes = calibration(cohort, rate_gap_min=0.1)
    lasting_keys = {("calibration", "all", "absolute_gap")}
    (alert,) = drift_alerts(changes, lasting_keys, as_of=DAY, windows=3, windows_beyond=2)
    assert alert.kind == "calibration_drift"
    assert "observed_rate 0.50, expected_rate 0.30, observed_minus_expected 0.20" in alert.sentence


def test_a_gap_within_chance_of_few_customers_does_not_count() -> None:
    few = Cohort(as_of=DAY, customers_count=20, observed_rate=0.5, expected_rate=0.3, chance=0.1)
    assert not any(change.is_beyond for change in calibration(few, rate_gap_min=0.1))


def test_a_churn_rate_that_always_swings_is_not_news() -> None:
    days = [date(2026, 1, day) for day in range(1, 9)]
    compared = ReferenceDays(
        day=days[7],
        reference=days[6],
        baseline_pairs=((days[5], days[4]), (days[3], days[2]), (days[1], days[0])),
    )
    swinging = {day: (5_000, 0.3 + 0.15 * (place % 2)) for place, day in enumerate(days)}
    calm = {day: (5_000, 0.45 if day == days[7] else 0.3) for day in days}
    assert not any(c.is_beyond for c in label_rate(compared, swinging, rate_gap_min=0.1))
    assert any(c.is_beyond for c in label_rate(compared, calm, rate_gap_min=0.1))
    aucs = {day: 0.7 if day == days[7] else 0.8 for day in days}
    assert expected_performance_drop(compared, aucs, auc_drop_min=0.05)[0].is_beyond
    assert not expected_performance_drop(compared, dict.fromkeys(days, 0.8), auc_drop_min=0.05)[
        0
    ].is_beyond
    assert expected_performance_drop(compared, {}, auc_drop_min=0.05) == []


def test_nothing_stale_and_nothing_refused_is_no_alert() -> None:
    freshness = Freshness(
        as_of=DAY,
        newest_published=date(2026, 2, 26),
        newest_input_age_days=2.9,
        refused_snapshot=None,
        refused_models=(),
    )
    assert list(freshness_alerts(freshness, stale_days_max=3)) == []
    assert [a.kind for a in freshness_alerts(freshness, stale_days_max=2)] == [
        "stale_scores",
        "stale_feed",
    ]


def test_a_reason_that_ends_with_a_full_stop_is_printed_with_one() -> None:
    freshness = Freshness(
        as_of=DAY,
        newest_published=None,
        newest_input_age_days=None,
        refused_snapshot="A tier jumped.",
        refused_models=(("champion", "9", "Its files were changed. Train anew."),),
    )
    alerts = list(freshness_alerts(freshness, stale_days_max=3))
    assert [alert.kind for alert in alerts] == ["refused_snapshot", "refused_model"]
    assert all(".." not in alert.sentence for alert in alerts)


def _is_news(warehouse: Warehouse, kind: str, sentence: str, day: int, run_id: str = "r") -> bool:
    alert = Alert(kind=kind, subject="s", severity="critical", sentence=sentence, evidence={})
    with warehouse.transaction() as transaction:
        return bool(
            raise_alerts(
                transaction,
                [alert],
                as_of=date(2026, 3, day),
                cooldown_days=7,
                run_id=run_id,
            )
        )


@pytest.mark.parametrize("kind", ["refused_snapshot", "refused_model"])
def test_a_second_refusal_within_the_cooldown_is_new_and_the_very_same_is_not(
    warehouse: Warehouse, kind: str
) -> None:
    assert _is_news(warehouse, kind, "A tier jumped.", 1)
    assert not _is_news(warehouse, kind, "A tier jumped.", 1, run_id="again")
    assert not _is_news(warehouse, kind, "A tier jumped.", 2)
    assert _is_news(warehouse, kind, "Nobody approved the model.", 3)
    assert not _is_news(warehouse, kind, "Nobody approved the model.", 3, run_id="again")


@pytest.mark.parametrize("kind", ["input_drift", "stale_scores", "stale_feed", "broken_invariant"])
def test_a_lasting_condition_is_new_once_in_the_cooldown_though_its_figures_change(
    warehouse: Warehouse, kind: str
) -> None:
    is_new = [_is_news(warehouse, kind, f"It is {day} days old.", day) for day in range(1, 10)]
    assert is_new == [True, *[False] * 6, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_every_alert_has_its_section_in_the_runbook(kind: str) -> None:
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in RUNBOOK.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }
    assert kind.replace("_", "-") in headings, f"docs/runbook.md has no section on {kind}."
