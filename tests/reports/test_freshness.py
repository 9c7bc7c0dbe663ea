"""Whether scores of today are there in time, at whatever hour the test runs: it is noon somewhere."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from retention_ml import clock
from retention_ml.reports import read
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import World, make_world

BEFORE_NOON, AFTER_NOON = "10:30", "13:30"


@pytest.fixture
def world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """A shop in the time zone where it is between twelve and one."""
    world = make_world(warehouse, settings, monkeypatch)
    ahead = 12 - clock.now().hour
    world.set("calendar", timezone=f"Etc/GMT{-ahead:+d}")
    return world


def _today(world: World) -> date:
    return clock.now().astimezone(ZoneInfo(world.settings.calendar.timezone)).date()


def _publish(world: World, days_ago: int, due_time: str, seed: int = 1) -> None:
    world.set("monitoring", due_time=due_time)
    day = _today(world) - timedelta(days=days_ago)
    world.features(day, seed=seed)
    world.score_and_publish(day)


def _scores(world: World) -> dict[str, Any]:
    [row] = world.rows(
        "SELECT newest_as_of, due_at, verdict, sentence FROM reports.pipeline_freshness "
        "WHERE subject = 'publication' AND name = 'scores'"
    )
    return row


def test_scores_of_today_before_they_are_due_are_in_time(world: World) -> None:
    _publish(world, 0, AFTER_NOON)
    row = _scores(world)
    assert row["verdict"] == "in time"
    assert row["sentence"].startswith("Scores of today: published 12:")
    assert row["sentence"].endswith(", in time.")
    timezone = ZoneInfo(world.settings.calendar.timezone)
    assert f"{row['due_at'].astimezone(timezone):%H:%M}" == AFTER_NOON


def test_scores_of_today_that_came_later_are_late(world: World) -> None:
    _publish(world, 0, BEFORE_NOON)
    row = _scores(world)
    assert row["verdict"] == "late"
    assert row["sentence"].endswith(f"late: due by {BEFORE_NOON}.")


def test_a_day_made_again_later_was_in_time_all_the_same(world: World) -> None:
    _publish(world, 0, BEFORE_NOON)
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.snapshots SET published_at = published_at - interval '3 hours'"
        )
    _publish(world, 0, BEFORE_NOON, seed=2)
    assert len(world.rows("SELECT 1 FROM scores.snapshots WHERE status = 'published'")) == 2
    assert _scores(world)["verdict"] == "in time"


@pytest.mark.parametrize(
    ("days_ago", "due_time", "verdict", "sentence"),
    [
        (1, AFTER_NOON, "waiting", "not there yet, due by 13:30. The newest are of yesterday."),
        (1, BEFORE_NOON, "late", "missing, due since 10:30. The newest are of {day}, 1 day ago."),
        (9, AFTER_NOON, "late", "due by 13:30. The newest are late: of {day}, 9 days ago."),
        (9, BEFORE_NOON, "late", "missing, due since 10:30. The newest are of {day}, 9 days ago."),
    ],
)
def test_what_is_missing_is_said_with_its_age(
    world: World, days_ago: int, due_time: str, verdict: str, sentence: str
) -> None:
    _publish(world, days_ago, due_time)
    day = _today(world) - timedelta(days=days_ago)
    row = _scores(world)
    assert (row["newest_as_of"], row["verdict"]) == (day, verdict)
    assert row["sentence"] == "Scores of today: " + sentence.format(day=day)


def test_status_opens_with_the_verdict(world: World) -> None:
    empty = read.status(world.warehouse, world.settings)
    assert list(empty)[:2] == ["verdict", "sentence"]
    assert (empty["verdict"], empty["model_grade"]) == ("missing", None)
    assert "No scores are published yet" in empty["sentence"]
    _publish(world, 0, AFTER_NOON)
    state = read.status(world.warehouse, world.settings)
    assert (state["verdict"], state["sentence"][:16]) == ("in time", "Scores of today:")
    assert state["model_grade"].startswith("C: Not compared with the recency rule")


def test_the_promise_is_kept_with_the_day_it_was_made_for(world: World) -> None:
    _publish(world, 0, AFTER_NOON)
    [pointer] = world.rows(
        "SELECT timezone, CAST(due_time AS text) AS due_time, outcome_from FROM scores.published"
    )
    # The model of this world predicts another churn definition than that of the settings.
    assert pointer == {
        "timezone": world.settings.calendar.timezone,
        "due_time": f"{AFTER_NOON}:00",
        "outcome_from": None,
    }
