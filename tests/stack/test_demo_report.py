"""The results that the demonstration prints, also where there is little to print."""

import io
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from retention_ml.settings import Settings
from retention_ml.stack import demo_report
from retention_ml.warehouse import Warehouse

TIER = {
    "risk_tier": "critical", "customers_count": 12, "customers_share": 0.25,
    "expected_value_at_risk": 1234.5, "mean_churn_probability": 0.875, "value_share": 1.0,
    "tiers_by": "probability", "entered_count": 1, "left_count": 0,
}  # fmt: skip
EMPTY_TIER = TIER | {
    "risk_tier": "high", "customers_count": 0, "customers_share": 0.0,
    "expected_value_at_risk": 0.0, "mean_churn_probability": None, "value_share": None,
}  # fmt: skip
CUSTOMER = {
    "customer_id": "c1", "churn_probability": 0.91, "risk_tier": "critical",
    "expected_value_at_risk": 55.125, "reason_1": "no order for 60 days", "reason_2": None,
    "reason_3": "fewer baskets",
}  # fmt: skip
CANDIDATE = {
    "model": "lightgbm", "is_selected": True, "roc_auc": 0.8, "roc_auc_lower": 0.75,
    "roc_auc_upper": 0.85, "brier": 0.1, "brier_lower": None, "brier_upper": None,
    "roc_auc_minus_recency": 0.05, "roc_auc_minus_recency_lower": 0.01,
    "roc_auc_minus_recency_upper": 0.09,
}  # fmt: skip
NOTHING: dict[str, Any] = {
    "ingestion": [], "quarantine": [], "churn_rates": [], "comparison": [], "decision": None,
    "tiers": [], "most_at_risk": [], "quality_report": None,
    "status": {"published_as_of": None, "currency": "EUR", "value_horizon_days": 90},
    "mlflow_pages": {}, "seconds": {}, "airflow_url": "http://airflow",
    "airflow_user": "admin", "airflow_password": "secret", "mlflow_url": "http://mlflow",
    "bi_dsn": "postgresql://bi",
}  # fmt: skip


def shown(**outcome: Any) -> str:
    out = io.StringIO()
    demo_report.show(NOTHING | outcome, Console(file=out, width=200, highlight=False))
    return out.getvalue()


def delivered(source: str, feed: str, count: int) -> dict[str, Any]:
    quarantined = min(9307, count)
    return {
        "source": source, "feed": feed, "delivered_count": count,
        "accepted_count": count - quarantined, "quarantined_count": quarantined,
        "left_out_count": 0, "duplicate_count": 0,
    }  # fmt: skip


def line(text: str, begins: str) -> list[str]:
    (match,) = [one for one in text.splitlines() if one.strip().startswith(begins)]
    return match.split()


def test_an_outcome_with_nothing_in_it_is_shown_as_such() -> None:
    text = shown()
    assert "The ten customers most at risk: none" in text
    assert "Risk tiers of the latest day: none" in text
    assert "postgresql://bi" in text


def test_a_tier_without_customers_is_told_in_words() -> None:
    status = NOTHING["status"] | {"published_as_of": date(2026, 3, 1)}
    text = shown(tiers=[TIER, EMPTY_TIER], status=status)
    assert "Risk tiers of 2026-03-01, by probability" in text
    assert line(text, "critical") == (
        ["critical", "12", "25.0%", "0.88", "1,234", "100.0%", "1", "0"]
    )
    assert line(text, "high") == ["high", "nobody", "–", "–", "–", "–", "1", "0"]
    assert "Nobody is in tier high: no customer's probability reaches it." in text


def test_a_candidate_is_shown_with_its_intervals_and_a_dash_where_there_is_no_value() -> None:
    cells = line(shown(comparison=[CANDIDATE]), "►")
    assert cells[:4] == ["►", "lightgbm", "0.800", "0.750…0.850"]
    assert cells[4] == "–"  # PR AUC was not measured
    assert "0.100" in cells  # a value without an interval
    assert cells[-2:] == ["+0.050", "+0.010…+0.090"]


def test_reasons_that_are_missing_leave_no_gap() -> None:
    text = shown(most_at_risk=[CUSTOMER])
    assert "no order for 60 days. fewer baskets" in text


def test_the_decision_is_printed_with_its_reason() -> None:
    assert "keep: too close to call" in shown(
        decision={"verdict": "keep", "reason": "too close to call"}
    )


def test_rows_are_counted_with_thousands_apart() -> None:
    row = delivered("shop", "transactions", 1469307)
    cells = line(shown(ingestion=[row]), "transactions")
    assert cells == ["transactions", "1,469,307", "1,460,000", "9,307", "0", "0"]


def test_files_of_no_feed_and_feeds_of_several_sources_have_a_name() -> None:
    nothing = delivered("shop", "", 0)
    assert line(shown(ingestion=[nothing]), "no feed")[:3] == ["no", "feed", "0"]
    text = shown(ingestion=[nothing, delivered("till", "lines", 7)])
    assert line(text, "shop: no feed")[:4] == ["shop:", "no", "feed", "0"]
    assert line(text, "till: lines")[:3] == ["till:", "lines", "7"]


def test_amounts_are_shown_with_their_currency_and_horizon() -> None:
    text = shown(tiers=[TIER], most_at_risk=[CUSTOMER])
    assert text.count("value at risk (EUR, next 90 days)") == 2
    assert "because (amounts in EUR)" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (False, "no"), (0, "0"), (0.04, "0.0"), ("", "")],
)
def test_every_kind_of_value_has_a_text(value: Any, text: str) -> None:
    assert demo_report._text(value) == text


def test_the_pages_are_written_and_the_last_line_says_where_to_start(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_report, "page_links", lambda _: {})  # neither registry nor training
    monkeypatch.setattr(demo_report.read, "training_comparison", lambda _: [])
    outcome = demo_report.collect(warehouse, settings)
    assert Path(outcome["pages"]) == settings.home / "reports" / "pages" / "today.html"
    assert "<h1>" in Path(outcome["pages"]).read_text("utf-8")
    text = shown(**outcome)
    assert "pages as files" in text
    assert text.splitlines()[-1] == "Start here: http://airflow/plugin/retention"


def test_nothing_is_published_in_a_new_warehouse(warehouse: Warehouse) -> None:
    assert demo_report.published_days(warehouse) == set()


def test_the_newest_quality_report_is_named(settings: Settings) -> None:
    assert demo_report._newest_report(settings) is None
    folder = settings.home / "reports" / "quality"
    folder.mkdir(parents=True)
    for name in ("b.html", "a.html"):
        (folder / name).touch()
    older = (folder / "b.html").stat().st_mtime_ns - 10**9
    os.utime(folder / "b.html", ns=(older, older))
    assert Path(str(demo_report._newest_report(settings))).name == "a.html"


def test_stages_and_the_heat_map_of_cohorts_are_shown_where_there_are_any() -> None:
    stage = {
        "as_of": date(2026, 3, 1), "lifecycle_stage": "one_time", "customers_count": 1_250,
        "customers_share": 0.25, "entered_count": 7, "left_count": 3, "revenue_28d": 99.5,
    }  # fmt: skip
    cohort = {
        "cohort_on": date(2025, 11, 1), "period_days": 30, "customers_count": 80,
        "is_left_truncated": False, "is_incomplete": False,
    }  # fmt: skip
    cohorts = [{**cohort, "period": n, "cohort_ratio": share} for n, share in enumerate((1.0, 0.4))]
    text = shown(stages=[stage], cohorts=cohorts)
    assert "Lifecycle stages, 2026-03-01" in text
    assert line(text, "one")[:5] == ["one", "time", "1,250", "25.0%", "7"]
    assert line(text, "2025-11") == ["2025-11", "80", "█", "40"]
    assert "Lifecycle stages" not in shown()


def test_customers_who_may_be_none_are_shown_with_evidence() -> None:
    stranger = {
        "as_of": date(2026, 3, 1), "customer_id": "12345", "kind": "returner", "status": "flagged",
        "is_excluded": False, "score": 0.99, "evidence": "Sent back 9 of 10 lines.",
    }  # fmt: skip
    text = shown(abnormal=[stranger])
    assert "Customers who may be none, 2026-03-01" in text
    assert line(text, "12345")[:4] == ["12345", "returner", "flagged", "no"]
    assert "Customers who may be none" not in shown()


def test_what_customers_want_next_is_shown_with_its_reason() -> None:
    offer = {
        "customer_id": "c7", "list": "new", "rank": 1, "product": "TEA", "as_of": date(2026, 3, 1),
        "purchase_probability": 0.123, "reason": "bought by 61 customers who, like you, bought MUG",
    }  # fmt: skip
    text = shown(offers=[offer])
    assert "What three customers want next, 2026-03-01" in text
    assert line(text, "c7")[:4] == ["c7", "new", "TEA", "0.12"]
    assert "like you, bought MUG" in text
    assert "want next" not in shown()


def test_tiers_of_value_are_shown_where_there_are_any() -> None:
    tier = {
        "as_of": date(2026, 3, 1), "horizon_days": 180, "value_tier": "top",
        "customers_count": 10, "value": 7_500.0, "revenue": 9_000.0,
    }  # fmt: skip
    text = shown(values=[tier])
    assert "expected to bring in the 180 days" in " ".join(text.split())
    assert line(text, "top") == ["top", "10", "7,500", "750.00", "100.0%", "9,000"]
    assert "expected to bring" not in shown()
