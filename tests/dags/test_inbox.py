"""The watched folder."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from retention_airflow import inbox
from retention_airflow.inbox import PATIENCE_LOOKS, InboxTrigger, Looks, Parcel, parcels

SOURCES = ("other", "shop")


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


def looked(*looks: dict[Path, inbox.Stamp]) -> Looks:
    """Several looks in a row."""
    result = Looks()
    for stamps in looks:
        result.add(stamps)
    return result


def complete(looks: Looks, reported: dict[Path, inbox.Stamp] | None = None) -> list[list[str]]:
    """The names of the complete files, a list per parcel."""
    return [[Path(name).name for name in parcel.files] for parcel in parcels(looks, reported or {})]


def test_files_being_written_files_put_away_and_litter_are_not_looked_at(folder: Path) -> None:
    for name in (
        "shop/.a.csv", "shop/b.csv.part", "shop/done/c.csv", "d.csv", "shop/x/e.csv",
        "shop/refused/f.csv", "shop/held/g.csv", "shop/Thumbs.db", "shop/~$orders.xlsx",
        "shop/desktop.ini", "shop/history/Thumbs.db",
    ):  # fmt: skip
        drop(folder, name)
    Path(os.fsdecode(bytes(folder / "shop") + b"/caf\xe9.csv")).write_text("x", encoding="utf-8")
    path = drop(folder, "shop/h.csv")
    assert list(inbox.look(folder, SOURCES)) == [path]


def test_a_file_that_goes_away_while_it_is_looked_at_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay, gone = drop(folder, "shop/a.csv"), folder / "shop/gone.csv"
    monkeypatch.setattr(inbox, "_is_delivery", lambda path: True)
    monkeypatch.setattr(Path, "glob", lambda *_: [stay, gone])
    assert list(inbox.look(folder, ["shop"])) == [stay]


def test_a_file_is_complete_when_two_looks_find_it_unchanged(folder: Path) -> None:
    path = drop(folder, "shop/a.csv")
    first = inbox.look(folder, SOURCES)
    assert parcels(looked(first), {}) == []
    assert parcels(looked(first, inbox.look(folder, SOURCES)), {}) == [
        Parcel(source="shop", files=(str(path),), history=False)
    ]


def test_a_growing_file_holds_back_the_others_of_its_source_only(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    growing = drop(folder, "shop/b.csv")
    drop(folder, "other/c.csv")
    before = inbox.look(folder, SOURCES)
    growing.write_text("xx", encoding="utf-8")
    assert complete(looked(before, inbox.look(folder, SOURCES))) == [["c.csv"]]


def test_the_others_do_not_wait_for_ever_for_a_file_that_grows(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    growing, looks = drop(folder, "shop/b.csv"), Looks()
    for number in range(PATIENCE_LOOKS):
        looks.add(inbox.look(folder, SOURCES))
        assert complete(looks) == []
        growing.write_text("x" * (number + 2), encoding="utf-8")
    looks.add(inbox.look(folder, SOURCES))
    assert complete(looks) == [["a.csv"]]


def test_what_was_told_is_not_told_again_unless_it_changes(folder: Path) -> None:
    path = drop(folder, "shop/a.csv")
    now = inbox.look(folder, SOURCES)
    assert complete(looked(now, now), now) == []
    path.write_text("corrected", encoding="utf-8")
    after = inbox.look(folder, SOURCES)
    assert complete(looked(after, after), now) == [["a.csv"]]


class Clock:
    """Stands in for `time` and `asyncio`: notes every pause, and writes to files meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.writers: list[tuple[float, Path]] = []
        monkeypatch.setattr(inbox.time, "sleep", self.sleep)

    def write_every(self, seconds: float, path: Path) -> None:
        self.writers.append((seconds, path))

    def sleep(self, seconds: float) -> None:
        for every, path in self.writers:
            pieces = int((self.seconds + seconds) // every) - int(self.seconds // every)
            with path.open("a", encoding="utf-8") as stream:
                stream.write("y" * pieces)
        self.seconds += seconds


def test_two_looks_are_at_least_five_seconds_apart_wherever_files_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, "shop/a.csv")
    clock = Clock(monkeypatch)
    assert [parcel.source for parcel in inbox.waiting(folder, SOURCES)] == ["shop"]
    assert clock.seconds >= 5
    assert InboxTrigger(str(folder), "sources").poll_seconds >= 5


@pytest.mark.fault("a file that is still written to", promises="P1", row=24)
def test_a_writer_that_writes_every_three_seconds_is_not_taken_for_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = drop(folder, "shop/a.csv")
    drop(folder, "shop/b.csv")
    clock = Clock(monkeypatch)
    clock.write_every(3, stalled)
    assert [parcel.files for parcel in inbox.waiting(folder, SOURCES)] == [
        (str(folder / "shop/b.csv"),)
    ]
    assert clock.seconds <= 60
    clock.writers.clear()
    assert len(inbox.waiting(folder, SOURCES)[0].files) == 2


def test_an_empty_inbox_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert inbox.waiting(folder, SOURCES) == []
    assert clock.seconds == 0


def test_a_historical_import_is_told_from_live_files_and_goes_first(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    drop(folder, "shop/history/b.csv")
    assert [p.history for p in inbox.waiting(folder, SOURCES, pause_seconds=0)] == [True, False]


def test_a_run_ingests_the_files_it_names(folder: Path) -> None:
    drop(folder, "shop/a.csv")
    named = {"source": "shop", "files": ["/elsewhere/b.csv"], "history": True}
    entries = inbox.to_ingest(folder, {**named, "as_of": None}, "manual", ["shop"])
    assert entries == [{**named, "stamps": {}}]


def test_a_backfill_leaves_the_inbox_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    drop(folder, "shop/a.csv")
    drop(folder, "other/b.csv")
    sources, nothing = ["shop", "other"], {"source": None, "files": [], "history": False}
    assert inbox.to_ingest(folder, nothing, "backfill", sources) == []
    assert len(inbox.to_ingest(folder, nothing, "scheduled", sources)) == 2
    only = inbox.to_ingest(folder, {**nothing, "source": "shop"}, "scheduled", sources)
    assert [parcel["source"] for parcel in only] == ["shop"]


def test_what_is_in_no_source_stops_nobody_and_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Clock(monkeypatch)
    for name in (
        "shop/a.csv", "shop/done/b.csv", "shop/stray/c.csv", "Neuer Ordner/d.csv", "e.csv",
    ):  # fmt: skip
        drop(folder, name)
    nothing = {"source": None, "files": [], "history": False}
    entries = inbox.to_ingest(folder, nothing, "scheduled", ["shop", "other"])
    assert [entry["files"] for entry in entries] == [[str(folder / "shop/a.csv")]]
    assert (
        "Left alone in the inbox: Neuer Ordner (a folder of no source, with 1 file), "
        "e.csv (a file in no source's folder), shop/stray (a folder)." in caplog.text
    )


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-02"),
        (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "2026-03-03"),  # already the 2nd in Berlin
    ],
)
def test_a_file_counts_from_the_next_midnight_of_the_shop(now: datetime, day: str) -> None:
    assert inbox.day_of_arrival(now, "Europe/Berlin") == day


def test_the_trigger_wakes_once_for_all_that_became_complete_in_the_folders_of_sources(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions = tmp_path_factory.mktemp("sources")
    drop(folder, "shop/a.csv")
    drop(folder, "other/b.csv")
    drop(folder, "later/d.csv")
    for name in SOURCES:
        drop(descriptions, f"{name}.toml")
    looks = 0

    async def next_look(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            drop(folder, "shop/c.csv")
        if looks == 8:
            drop(descriptions, "later.toml")
        if looks == 12:
            raise asyncio.CancelledError

    monkeypatch.setattr(inbox.asyncio, "sleep", next_look)

    async def collect() -> list[object]:
        events: list[object] = []
        try:
            async for event in InboxTrigger(str(folder), str(descriptions)).run():
                events.append(event.payload)
        except asyncio.CancelledError:
            pass
        return events

    assert asyncio.run(collect()) == [
        {"files": ["other/b.csv", "shop/a.csv"]},
        {"files": ["shop/c.csv"]},
        {"files": ["later/d.csv"]},
    ]


def test_the_triggerer_can_make_the_trigger_again(folder: Path) -> None:
    path, arguments = InboxTrigger(str(folder), "sources", 2.0).serialize()
    assert path == f"{InboxTrigger.__module__}.{InboxTrigger.__qualname__}"
    assert InboxTrigger(**arguments).serialize() == (path, arguments)
