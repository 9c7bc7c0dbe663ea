"""Personas and the activity ahead as lines of a screen."""

from datetime import date
from typing import Any

from retention_ml.reports.people import activity_table, persona_table

DAY = date(2026, 3, 1)


def persona(**more: Any) -> dict[str, Any]:
    return {
        "as_of": DAY, "decided_as_of": date(2026, 1, 1), "decided_by": "platform",
        "persona_name": "silent, young", "customers_count": 12, "customers_share": 0.25,
        "median_silent_days": 40.0, "median_purchase_days": 2.0, "median_revenue": 80.5,
        "median_day_revenue": 40.25, "revenue_28d": 1234.5, **more,
    }  # fmt: skip


def ahead(metric: str, **more: Any) -> dict[str, Any]:
    return {
        "as_of": DAY, "metric": metric, "days_ahead": 28, "uses_year_before": False,
        "past_error_share": 0.074, "expected": 1200.4, "lower": 1100.0, "upper": 1300.0, **more,
    }  # fmt: skip


def test_a_persona_is_a_line_with_medians() -> None:
    title, columns, lines = persona_table([persona()], "GBP")
    assert "amounts in GBP); decided for 2026-01-01 by platform" in title
    assert lines == [("silent, young", 12, "25.0%", "40", "2", "80.50", "40.25", "1,234.50")]
    assert len(columns) == len(lines[0])


def test_a_persona_without_customers_has_no_medians() -> None:
    nobody = dict.fromkeys(name for name in persona() if name.startswith("median"))
    [line] = persona_table([persona(customers_count=0, customers_share=None, **nobody)], "GBP")[2]
    assert line[2:7] == ("0.0%", "–", "–", "–", "–")


def test_the_activity_ahead_says_whether_a_year_before_shapes_it() -> None:
    customers = ahead("active_customers", past_error_share=None)
    title, columns, lines = activity_table([ahead("orders"), customers], "GBP")
    assert title == "Expected in the 28 days from 2026-03-01 on (amounts in GBP)"
    assert lines[0] == ("orders", "1,200", "1,100", "1,300", "7.4%")
    assert lines[1] == ("customers on one day", "1,200", "1,100", "1,300", "–")
    assert len(columns) == len(lines[0])
    shaped = activity_table([ahead("orders", uses_year_before=True)], "GBP")[0]
    assert shaped.endswith("(amounts in GBP), shaped like a year before")
    some = activity_table([ahead("orders", uses_year_before=True), ahead("revenue")], "GBP")[0]
    assert some.endswith("(amounts in GBP), orders shaped like a year before")
