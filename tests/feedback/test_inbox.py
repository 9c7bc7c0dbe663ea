"""The views on messages: who should read what, what is urgent, what weeks were about."""

from datetime import date
from typing import Any

import pytest

from retention_ml.feedback.label import label
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import deliver
from tests.worlds.scores import DAY, World, make_world
from tests.worlds.shops import at


@pytest.fixture
def world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """Customer c00000 is calm on the first day and about to leave on the second."""
    world = make_world(warehouse, settings, monkeypatch)
    for day, recency in ((DAY, 1.0), (date(2025, 3, 5), 89.0)):
        world.set("tiers", share_change_max=1.0)
        world.features(
            day,
            customers=4,
            recency_days=[recency, 2.0, 2.0, 2.0],
            recency_over_gap_mean_ratio=[recency / 20, 0.1, 0.1, 0.1],
        )
        world.score_and_publish(day)
    return world


def _say(
    number: int, comment: str | None, kind: str = "complaint", customer: str = "c00000"
) -> dict[str, list[dict[str, Any]]]:
    return {
        "feedback": [
            {
                "feedback_id": f"f{number}",
                "customer_id": customer,
                "event_at": at("2025-02-20"),
                "kind": kind,
                "rating_share": None,
                "comment": comment,
            }
        ]
    }


def _inbox(world: World, columns: str) -> list[dict[str, object]]:
    label(world.warehouse, settings=world.settings)
    return world.rows(f"SELECT {columns} FROM reports.feedback_inbox ORDER BY feedback_id")


def test_urgent_is_a_complaint_of_a_customer_at_risk_as_published_when_it_came(
    world: World,
) -> None:
    for number, day in ((1, "2025-02-27"), (2, "2025-03-02"), (3, "2025-03-06")):
        deliver(world.warehouse, _say(number, "The parcel came late"), loaded_at=at(day))
    deliver(
        world.warehouse,
        _say(4, "The parcel came late", customer="c00001"),
        _say(5, "The parcel came early", "survey"),
        _say(6, "The parcel came late", customer="nobody"),
        loaded_at=at("2025-03-06"),
    )
    tiers = {row["feedback_id"]: row for row in _inbox(world, "feedback_id, risk_tier, is_urgent")}
    assert tiers["f1"]["risk_tier"] is None
    assert tiers["f2"]["risk_tier"] not in ("high", "critical")
    assert tiers["f3"]["risk_tier"] in ("high", "critical")
    assert tiers["f6"]["risk_tier"] is None
    assert [name for name, row in tiers.items() if row["is_urgent"]] == ["f3"]


def test_praise_and_what_is_about_nothing_need_no_reader_but_a_complaint_does(
    world: World,
) -> None:
    deliver(
        world.warehouse,
        _say(1, "Lovely, I am so happy", "review"),
        _say(2, "zzz", "survey"),
        _say(3, None),
        _say(4, "Nobody answers the phone", "survey"),
        _say(5, "Parcel came early, great", "survey"),
        _say(6, "Parcel came early, great", "complaint"),
    )
    assert _inbox(world, "feedback_id, topic, route") == [
        {"feedback_id": "f3", "topic": "other", "route": "none"},
        {"feedback_id": "f4", "topic": "service", "route": "service"},
        {"feedback_id": "f6", "topic": "delivery", "route": "logistics"},
    ]


def test_only_the_newest_version_of_a_message_is_shown(world: World) -> None:
    deliver(world.warehouse, _say(1, "The parcel came late"), loaded_at=at("2025-03-02"))
    deliver(world.warehouse, _say(1, "The cup is broken"), loaded_at=at("2025-03-06"))
    assert [row["topic"] for row in _inbox(world, "topic")] == ["damage"]


def test_no_view_shows_a_text(world: World) -> None:
    deliver(world.warehouse, _say(1, "Xylophon came late"))
    label(world.warehouse, settings=world.settings)
    for view in ("feedback_inbox", "feedback_topics_weekly"):
        rows = world.rows(f"SELECT * FROM reports.{view}")
        assert len(rows) == 1
        assert "Xylophon" not in repr(rows)


def test_weeks_count_messages_with_a_text_by_topic(world: World) -> None:
    deliver(
        world.warehouse,
        _say(1, "The parcel came late"),
        _say(2, "Parcel came early", "review", "c00001"),
        _say(3, "The cup is broken"),
        _say(4, None),
    )
    label(world.warehouse, settings=world.settings)
    rows = world.rows(
        "SELECT week_from, topic, language, messages_count, complaints_count, customers_count, "
        "messages_share FROM reports.feedback_topics_weekly ORDER BY topic"
    )
    week = {"week_from": date(2025, 2, 17), "language": "en"}
    assert rows == [
        week | {"topic": "damage", "messages_count": 1, "complaints_count": 1, "customers_count": 1, "messages_share": 1 / 3},
        week | {"topic": "delivery", "messages_count": 2, "complaints_count": 1, "customers_count": 2, "messages_share": 2 / 3},
    ]  # fmt: skip
