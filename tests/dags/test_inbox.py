"""The watched folder."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from retention_airflow import inbox
from retention_airflow.inbox import InboxTrigger, Parcel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop" / "history").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    return tmp_path


def drop(folder: Path, name: str, text: str = "x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_files_being_written_and_files_done_are_not_seen(folder: Path) -> None:
    for name in ("shop/.a.csv", "shop/b.csv.part", "shop/done/c.csv", "d.csv", "shop/x/e.csv"):
        drop(folder, name)
    path = drop(folder, "shop/f.csv")
    assert list(inbox.look(folder)) == [path]


def test_a_file_is_complete_when_two_looks_find_it_unchanged(folder: Path) -> None:
    path = drop(folder, "shop/a.csv")
    first = inbox.look(folder)
    assert inbox.parcels({}, first, {}) == []
    assert inbox.parcels(first, inbox.look(folder), {}) == [
        Parcel(source="shop", files=(str(path),), history=False)
    ]


def test_a_growing_file_holds_back_the_others_of_its_source_only(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    growing = drop(folder, "shop/b.csv")
    drop(folder, "other/c.csv")
    before = inbox.look(folder)
    growing.write_text("xx", encoding="utf-8")
    complete = inbox.parcels(before, inbox.look(folder), {})
    assert [parcel.source for parcel in complete] == ["other"]


def test_what_was_told_is_not_told_again_unless_it_changes(folder: Path) -> None:
    path = drop(folder, "shop/a.csv")
    now = inbox.look(folder)
    assert inbox.parcels(now, now, now) == []
    path.write_text("corrected", encoding="utf-8")
    after = inbox.look(folder)
    assert len(inbox.parcels(after, after, now)) == 1


def test_a_historical_import_is_told_from_live_files_and_goes_first(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    drop(folder, "shop/history/b.csv")
    assert [p.history for p in inbox.waiting(folder, pause_seconds=0)] == [True, False]


def test_a_run_ingests_the_files_it_names(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    named = {"source": "shop", "files": ["/elsewhere/b.csv"], "history": True}
    assert inbox.to_ingest(folder, {**named, "as_of": None}, "manual") == [{**named, "stamps": {}}]


def test_a_backfill_leaves_the_inbox_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox.time, "sleep", lambda _: None)
    drop(folder, "shop/a.csv")
    drop(folder, "other/b.csv")
    nothing = {"source": None, "files": [], "history": False}
    assert inbox.to_ingest(folder, nothing, "backfill") == []
    assert len(inbox.to_ingest(folder, nothing, "scheduled")) == 2
    only = inbox.to_ingest(folder, {**nothing, "source": "shop"}, "scheduled")
    assert [parcel["source"] for parcel in only] == ["shop"]


def test_curated_files_move_beside_and_overwrite_nothing(folder: Path) -> None:
    outside = drop(folder.parent, "elsewhere.csv")
    first = drop(folder, "shop/a.csv", "1")
    gone = str(folder / "shop/gone.csv")
    inbox.put_away(folder, inbox.stamps([str(first), str(outside), gone]) | {gone: [1, 1]})
    second = drop(folder, "shop/a.csv", "2")
    inbox.put_away(folder, inbox.stamps([str(second)]))
    done = {path.name: path.read_text() for path in (folder / "shop/done").iterdir()}
    assert done == {"a.csv": "1", "a.csv.1": "2"}
    assert outside.exists()
    assert inbox.look(folder) == {}


def test_a_file_that_was_replaced_while_its_forerunner_was_curated_stays(folder: Path) -> None:
    path = drop(folder, "shop/a.csv", "of today")
    collected = inbox.stamps([str(path)])
    path.write_text("of tomorrow", encoding="utf-8")
    assert inbox.put_away(folder, json.loads(json.dumps(collected))) == []
    assert path.read_text(encoding="utf-8") == "of tomorrow"
    assert inbox.put_away(folder, inbox.stamps([str(path)])) == [str(path.parent / "done/a.csv")]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-02"),
        (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "2026-03-03"),  # already the 2nd in Berlin
    ],
)
def test_a_file_counts_from_the_next_midnight_of_the_shop(now: datetime, day: str) -> None:
    assert inbox.day_of_arrival(now, "Europe/Berlin") == day


def test_the_trigger_wakes_once_for_all_that_became_complete(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, "shop/a.csv")
    drop(folder, "other/b.csv")
    looks = 0

    async def next_look(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            drop(folder, "shop/c.csv")
        if looks == 8:
            raise asyncio.CancelledError

    monkeypatch.setattr(inbox.asyncio, "sleep", next_look)

    async def collect() -> list[object]:
        events: list[object] = []
        try:
            async for event in InboxTrigger(str(folder)).run():
                events.append(event.payload)
        except asyncio.CancelledError:
            pass
        return events

    assert asyncio.run(collect()) == [
        {"files": ["other/b.csv", "shop/a.csv"]},
        {"files": ["shop/c.csv"]},
    ]


def test_the_triggerer_can_make_the_trigger_again(folder: Path) -> None:
    path, arguments = InboxTrigger(str(folder), 2.0).serialize()
    assert path == f"{InboxTrigger.__module__}.{InboxTrigger.__qualname__}"
    assert InboxTrigger(**arguments).serialize() == (path, arguments)
