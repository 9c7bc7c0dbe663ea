"""The churn definition and its hash."""

from datetime import UTC, date, datetime, timedelta

from retention_ml.labels.definition import ChurnDefinition, churn_definition
from retention_ml.settings import Settings

BASE = {"active_days": 90, "lead_days": 0, "horizon_days": 28}


def test_equal_definitions_have_equal_hashes_and_any_change_another() -> None:
    first = ChurnDefinition(**BASE)
    assert first.hash == ChurnDefinition(**BASE).hash
    assert len(first.hash) == 16
    others = [
        ChurnDefinition(**{**BASE, "active_days": 91}),
        ChurnDefinition(**{**BASE, "lead_days": 1}),
        ChurnDefinition(**{**BASE, "horizon_days": 29}),
        ChurnDefinition(**BASE, timezone="Europe/London"),
    ]
    assert len({first.hash, *(other.hash for other in others)}) == 5


def test_the_hash_is_that_of_the_canonical_text() -> None:
    assert ChurnDefinition(**BASE).canonical == (
        '{"active_days":90,"event":"order","horizon_days":28,"lead_days":0,"timezone":"UTC"}'
    )
    assert ChurnDefinition(**BASE).hash == "55222becce4a7dcc"


def test_a_window_counts_calendar_days_over_a_change_of_the_clock() -> None:
    london = ChurnDefinition(
        **{**BASE, "lead_days": 1, "horizon_days": 2}, timezone="Europe/London"
    )
    opens, closes = london.window_bounds(date(2026, 3, 28))
    assert opens == datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert closes == datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
    assert closes - opens == timedelta(hours=47)


def test_the_settings_give_the_definition(settings: Settings) -> None:
    assert churn_definition(settings).horizon_days == settings.churn.horizon_days
    assert churn_definition(settings).timezone == settings.calendar.timezone
