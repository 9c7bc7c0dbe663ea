"""Alerts about delivered files that cannot be used."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.outcomes.monitoring.delivery_alerts import (
    UnusableFile,
    delivery_alerts,
    unusable_files,
)
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import DAY, make_world

CAME = datetime(2026, 3, 1, 10, 2, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def unusable(**changes: Any) -> UnusableFile:
    file = {
        "source": "shop",
        "feed": "ratings",
        "file_name": "ratings.csv",
        "status": "refused",
        "reason": "ratings.csv lacks the column stars. Deliver it again.",
        "unusable_since": CAME,
        "landed_at": CAME,
    }
    return UnusableFile(**{**file, **changes})


def refuse(warehouse: Warehouse, name: str, feed: str = "ratings", *, at: datetime = CAME) -> None:
    """Enter a refused file in the ledger."""
    with warehouse.transaction() as transaction:
        batch = transaction.insert_row(
            "raw.batches",
            {"source": "shop", "is_history": False, "status": "held", "created_at": at},
            returning="batch_id",
        )
        assert batch is not None
        transaction.insert_row(
            "raw.deliveries",
            {
                "batch_id": batch[0], "source": "shop", "feed": feed, "file_name": name,
                "file_sha256": "", "size_bytes": 0, "mapping_sha256": "m", "is_history": False,
                "status": "refused", "reason_code": "missing_column",
                "reason": f"{name} lacks the column stars.", "landed_at": at,
            },
        )  # fmt: skip


def test_a_refused_file_and_its_feed_are_named_with_what_to_do(settings: Settings) -> None:
    refused, incomplete = delivery_alerts([unusable()], settings, as_of=TODAY)
    assert (refused.kind, refused.subject) == ("refused_file", "shop/ratings.csv")
    assert refused.sentence == (
        "ratings.csv of shop, which came at 2026-03-01 10:02 UTC, was refused and nothing of it is "
        "used. ratings.csv lacks the column stars. Deliver it again."
    )
    assert (incomplete.kind, incomplete.subject) == ("incomplete_feed", "shop.ratings")
    assert "without all rows of shop.ratings since 2026-03-01 10:02 UTC" in incomplete.sentence
    assert "ratings.csv cannot be used. Deliver corrected files" in incomplete.sentence


def test_a_held_file_makes_its_feed_incomplete_and_a_nameless_one_is_only_refused(
    settings: Settings,
) -> None:
    files = [unusable(status="held"), unusable(feed=None, file_name="notes.doc")]
    alerts = list(delivery_alerts(files, settings, as_of=TODAY))
    assert [(alert.kind, alert.subject) for alert in alerts] == [
        ("refused_file", "shop/notes.doc"),
        ("incomplete_feed", "shop.ratings"),
    ]


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["refused", "refused"], "or correct sources/shop.toml and deliver them again."),
        (["held"], "or correct sources/shop.toml and replay the quarantine."),
        (["held", "refused"], "deliver the refused ones again and replay the quarantine for the"),
    ],
)
def test_only_held_files_have_rows_to_replay(
    settings: Settings, statuses: list[str], words: str
) -> None:
    files = [unusable(status=status, file_name=f"{n}.csv") for n, status in enumerate(statuses)]
    *_, incomplete = delivery_alerts(files, settings, as_of=TODAY)
    assert words in incomplete.sentence
    assert ("quarantine" in incomplete.sentence) == ("held" in statuses)


def test_an_old_refusal_is_remembered_by_its_feed_alone(settings: Settings) -> None:
    later = TODAY + timedelta(days=settings.monitoring.cooldown_days + 1)
    alerts = list(delivery_alerts([unusable()], settings, as_of=later))
    assert [alert.kind for alert in alerts] == ["incomplete_feed"]


@pytest.fixture
def raised(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Watches a day; the kinds and subjects of the new alerts about deliveries."""
    make_world(warehouse, settings, monkeypatch)

    def watched(as_of: date) -> list[tuple[str, str]]:
        receipt = watch(warehouse, settings=settings, as_of=as_of)
        return [
            (alert["kind"], alert["subject"])
            for alert in receipt.details["alerts"]
            if alert["kind"] in ("refused_file", "incomplete_feed")
        ]

    return watched


def test_watch_raises_each_once_and_a_file_refused_again_anew(
    warehouse: Warehouse, raised: Any
) -> None:
    assert raised(TODAY) == []
    refuse(warehouse, "ratings.csv")
    both = [("refused_file", "shop/ratings.csv"), ("incomplete_feed", "shop.ratings")]
    assert raised(TODAY) == both
    assert raised(TODAY + timedelta(days=1)) == []
    refuse(warehouse, "ratings.csv", at=CAME + timedelta(days=1))
    assert raised(TODAY + timedelta(days=1)) == both[:1]


def test_files_that_lie_astray_are_one_alert_of_the_newest_day(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)

    def raised(as_of: date) -> list[str]:
        receipt = watch(warehouse, settings=settings, as_of=as_of)
        alerts = receipt.details["alerts"]
        return [alert["sentence"] for alert in alerts if alert["kind"] == "stray_files"]

    assert raised(DAY) == []
    folder = settings.home / "inbox" / "cd-now"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("x", encoding="utf-8")
    assert raised(DAY - timedelta(days=1)) == []
    (sentence,) = raised(DAY)
    assert "cd-now (a folder of no source, with 1 file; did you mean cdnow?)" in sentence
    assert raised(DAY + timedelta(days=1)) == []


def test_a_day_before_the_newest_published_has_no_alert_about_files_of_today(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)
    refuse(warehouse, "ratings.csv")
    assert unusable_files(warehouse, DAY - timedelta(days=1)) == []
    assert len(unusable_files(warehouse, DAY)) == 1
