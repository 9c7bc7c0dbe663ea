"""Stages and the heat map as lines of a screen."""

from datetime import date
from typing import Any

from retention_ml.reports.profiles import heat_map, stage_table, value_table


def row(month: int, period: int, ratio: float, **more: Any) -> dict[str, Any]:
    return {
        "as_of": date(2026, 3, 1), "cohort_on": date(2025, month, 1), "period": period,
        "period_days": 30, "customers_count": 10 * month, "cohort_ratio": ratio,
        "is_left_truncated": month == 1, "is_incomplete": False, **more,
    }  # fmt: skip


def test_a_cell_has_its_percentage_and_is_darker_the_higher_it_is() -> None:
    title, columns, lines = heat_map(
        [row(1, 0, 1.0), row(1, 1, 0.4), row(1, 2, 0.1), row(2, 0, 1.0),
         row(2, 1, 0.0, is_incomplete=True)]
    )  # fmt: skip
    assert "in each 30 days after their first order" in title
    assert columns == ("month", "customers", "1", "2")
    assert lines == [("2025-01*", 10, "█ 40", "░ 10"), ("2025-02", 20, "   0?", "")]


def test_of_many_cohorts_and_periods_the_newest_and_first_are_shown() -> None:
    months = [date(2024 + number // 12, number % 12 + 1, 1) for number in range(30)]
    rows = [
        {**row(2, period, 1.0 if period == 0 else 0.2), "cohort_on": month}
        for number, month in enumerate(months)
        for period in range(30 - number)
    ]
    _, columns, lines = heat_map(rows)
    assert len(columns) == 2 + 12
    assert [line[0] for line in lines] == [f"{month:%Y-%m}" for month in months[-18:]]
    assert {len(line) for line in lines} == {14}


def test_without_cohorts_there_are_no_lines() -> None:
    assert heat_map([])[2] == []


def test_a_stage_without_customers_that_nobody_left_is_not_shown() -> None:
    def stage(name: str, count: int, left: int) -> dict[str, Any]:
        return {
            "lifecycle_stage": name, "customers_count": count, "customers_share": count / 10,
            "entered_count": 1, "left_count": left, "revenue_28d": 1234.5,
        }  # fmt: skip

    lines = stage_table([stage("visitor", 0, 0), stage("one_time", 10, 0), stage("new", 0, 2)])
    assert [line[0] for line in lines] == ["one time", "new"]
    assert lines[0][1:] == (10, "100.0%", 1, 0, "1,234.50")


def test_tiers_show_what_they_are_expected_to_bring() -> None:
    def tier(name: str, count: int, value: float) -> dict[str, Any]:
        return {
            "as_of": date(2026, 3, 1), "horizon_days": 180, "value_tier": name,
            "customers_count": count, "value": value, "revenue": 2 * value,
        }  # fmt: skip

    title, columns, lines = value_table([tier("top", 10, 7_500.0), tier("low", 90, 2_500.0)], "EUR")
    assert "in the 180 days from 2026-03-01 on (amounts in EUR)" in title
    assert len(columns) == len(lines[0])
    assert lines == [
        ("top", 10, "7,500", "750.00", "75.0%", "15,000"),
        ("low", 90, "2,500", "27.78", "25.0%", "5,000"),
    ]
