"""Where files of the inbox go: by what the ledger says, never over another, safe to repeat."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from retention_airflow import inbox, put_away
from retention_airflow.put_away import TEXT

from retention_ml import atomic_files
from retention_ml.deliveries import archive
from retention_ml.deliveries.inbox import SHELVES
from retention_ml.deliveries.ledger.files import FileState
from retention_ml.errors import MachineError
from retention_ml.settings import Settings

SOURCES = ("shop", "linked", *SHELVES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inbox" / "shop").mkdir(parents=True)
    return tmp_path / "inbox"


def drop(path: Path, text: str = "x") -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def state(status: str, reason: str | None = None, reason_code: str | None = None) -> FileState:
    return FileState(
        delivery_id=7,
        source="shop",
        feed="lines",
        file_name="a.csv",
        status=status,
        reason=reason,
        reason_code=reason_code,
        landed_at=datetime(2026, 3, 1, 10, 2, tzinfo=UTC),
    )


def move(
    folder: Path,
    states: dict[Path, FileState],
    discard: Callable[[Path], bool] = lambda _: False,
) -> dict[str, list[str]]:
    """Put files away as they are now."""
    collected = json.loads(json.dumps(inbox.stamps(map(str, states))))
    by_name = {str(path): one for path, one in states.items()}
    moved = put_away.put_away(folder, collected, by_name, discard)
    return {
        shelf: [str(Path(name).relative_to(folder)) for name in names]
        for shelf, names in moved.items()
    }


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_only_what_the_ledger_accepted_is_done(folder: Path) -> None:
    statuses = ("accepted", "repeated", "refused", "held", "landed", "staged")
    files = {status: drop(folder / "shop" / f"{status}.csv") for status in statuses}
    moved = move(folder, {path: state(status, "Why.") for status, path in files.items()})
    assert moved == {
        "done": ["shop/done/accepted.csv", "shop/done/repeated.csv"],
        "refused": ["shop/refused/refused.csv"],
        "held": ["shop/held/held.csv"],
    }
    assert [path.name for path in inbox.look(folder, SOURCES)] == ["landed.csv", "staged.csv"]


def test_what_is_done_is_deleted_where_the_archive_holds_it_and_nothing_else_is(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    names = ("archived", "lost", "refused", "held")
    files = {name: drop(folder / "shop" / f"{name}.csv", f"a,b\n{name},2\n") for name in names}
    for name in ("archived", "refused", "held"):
        archive.store(files[name], settings)
    states = {
        path: state(name if name in ("refused", "held") else "accepted", "Why.")
        for name, path in files.items()
    }
    moved = move(folder, states, partial(archive.discard, settings=settings))
    assert moved == {
        "archived": ["shop/done/archived.csv"],
        "done": ["shop/done/lost.csv"],
        "refused": ["shop/refused/refused.csv"],
        "held": ["shop/held/held.csv"],
    }
    assert {name for name in content(folder) if not name.endswith(TEXT)} == {
        "shop/done/lost.csv",
        "shop/refused/refused.csv",
        "shop/held/held.csv",
    }


def test_a_refused_file_lies_beside_a_text_that_says_why_and_what_to_do(folder: Path) -> None:
    path = drop(folder / "shop" / "a.csv")
    move(folder, {path: state("refused", "a.csv lacks the column order. Deliver it again.")})
    text = content(folder)["shop/refused/a.csv" + TEXT]
    for words in (
        "a.csv",
        "refused on 2026-03-01 10:02 UTC",
        "lacks the column order",
        str(path.parent),
    ):
        assert words in text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("wrong_delimiter", "Put the corrected file into {0} under the same name."),
        ("no_feed", "Put it into {0} under a name that a feed expects, or under this one once "),
        ("missing_lookup", "Put it into {0} again, together with the file that it needs."),
    ],
)
def test_what_to_do_fits_why_the_file_was_refused(folder: Path, code: str, words: str) -> None:
    path = drop(folder / "shop" / "a.csv")
    move(folder, {path: state("refused", "Why.", code)})
    text = content(folder)["shop/refused/a.csv" + TEXT]
    assert words.format(path.parent) in text
    assert ("under the same name" in text) == (code == "wrong_delimiter")


def test_nothing_is_overwritten(folder: Path) -> None:
    for number in (1, 2, 3):
        path = drop(folder / "shop" / "a.csv", f"content {number}")
        move(folder, {path: state("refused" if number < 3 else "accepted", f"reason {number}")})
    files = content(folder)
    assert files["shop/refused/a.csv"] == "content 1"
    assert files["shop/refused/a.csv.1"] == "content 2"
    assert files["shop/done/a.csv"] == "content 3"
    assert "reason 1" in files["shop/refused/a.csv" + TEXT]
    assert "reason 2" in files["shop/refused/a.csv.1" + TEXT]


def test_a_run_that_is_killed_after_the_text_does_both_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(folder / "shop" / "a.csv", "content")

    def killed(*_: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            move(folder, {path: state("refused", "first try")})
    assert set(content(folder)) == {"shop/a.csv", "shop/refused/a.csv" + TEXT}
    move(folder, {path: state("refused", "second try")})
    files = content(folder)
    assert set(files) == {"shop/refused/a.csv", "shop/refused/a.csv" + TEXT}
    assert "second try" in files["shop/refused/a.csv" + TEXT]


def test_a_text_that_cannot_be_written_leaves_the_file_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(folder / "shop" / "a.csv")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(atomic_files, "write_text", full)
    with pytest.raises(MachineError, match="No space"):
        move(folder, {path: state("refused", "why")})
    assert path.is_file()


def test_a_file_that_cannot_be_put_away_stops_no_other_and_is_named(folder: Path) -> None:
    (folder / "other").mkdir()
    drop(folder / "shop" / "done")  # a file, not a folder
    files = [drop(folder / "shop" / "a.csv"), drop(folder / "other" / "b.csv")]
    with pytest.raises(MachineError, match=r"shop/a\.csv \(File exists\)"):
        move(folder, {path: state("accepted") for path in files})
    assert set(content(folder)) == {"shop/done", "shop/a.csv", "other/done/b.csv"}


def test_files_of_a_source_whose_folder_is_a_link_are_put_away(folder: Path) -> None:
    (folder.parent / "share").mkdir()
    (folder / "linked").symlink_to(folder.parent / "share")
    path = drop(folder / "linked" / "a.csv")
    assert list(inbox.look(folder, SOURCES)) == [path]
    assert move(folder, {path: state("refused", "why")}) == {"refused": ["linked/refused/a.csv"]}
    assert inbox.look(folder, SOURCES) == {}


@pytest.mark.parametrize("source", SHELVES)
def test_files_of_a_source_that_is_named_like_a_shelf_are_put_away(
    folder: Path, source: str
) -> None:
    (folder / source / "history").mkdir(parents=True)
    paths = [drop(folder / source / "a.csv"), drop(folder / source / "history" / "b.csv")]
    assert set(inbox.look(folder, SOURCES)) == set(paths)
    assert move(folder, {path: state("accepted") for path in paths}) == {
        "done": [f"{source}/done/a.csv", f"{source}/history/done/b.csv"]
    }
    assert inbox.look(folder, SOURCES) == {}


def test_a_file_that_was_replaced_since_stays_for_the_next_run(folder: Path) -> None:
    path = drop(folder / "shop" / "a.csv", "of today")
    collected = inbox.stamps([str(path)])
    drop(path, "of tomorrow")
    for status in ("accepted", "refused"):
        states = {str(path): state(status, "file changed")}
        assert put_away.put_away(folder, collected, states) == {}
    assert content(folder) == {"shop/a.csv": "of tomorrow"}


def test_files_elsewhere_and_those_put_away_before_stay(folder: Path) -> None:
    (folder / "shop" / "done").mkdir()
    files = [drop(folder.parent / "a.csv"), drop(folder / "shop" / "done" / "b.csv")]
    assert move(folder, {path: state("accepted") for path in files}) == {}
    assert all(path.is_file() for path in files)


def test_a_link_is_put_away_and_what_it_points_to_stays(folder: Path) -> None:
    elsewhere = drop(folder.parent / "elsewhere.csv")
    link = folder / "shop" / "a.csv"
    link.symlink_to(elsewhere)
    assert move(folder, {link: state("refused", "a.csv is a symbolic link.")}) == {
        "refused": ["shop/refused/a.csv"]
    }
    assert elsewhere.is_file()


def test_a_name_as_long_as_names_may_be_has_room_for_its_text(folder: Path) -> None:
    path = drop(folder / "shop" / ("ä" * 125 + ".csv"))
    move(folder, {path: state("refused", "why")})
    assert len(content(folder)) == 2
    assert not path.exists()
