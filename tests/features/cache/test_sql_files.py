"""Generated SQL that is kept: used only where it is whole and of this very code."""

import json
import logging
from pathlib import Path

import pytest

from retention_ml.features.cache import sql_files
from retention_ml.features.cache.sql_files import cached_sql


class Generator:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return "SELECT 1"


def test_sql_is_generated_once(tmp_path: Path) -> None:
    generate = Generator()
    folder = tmp_path / "cache" / "sql"
    assert [cached_sql(folder, "a", generate) for _ in range(3)] == ["SELECT 1"] * 3
    assert generate.times == 1
    cached_sql(folder, "b", generate)
    assert generate.times == 2
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "a.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.fault("generated SQL torn, changed, gone, of other code", promises="P7")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("SELECT 1", "SELECT 2"),
        lambda _: json.dumps({"sql": "SELECT 2"}),
        lambda _: "[]",
        lambda _: "",
    ],
    ids=["torn", "changed", "incomplete", "another document", "empty"],
)
def test_what_is_not_as_it_was_written_is_generated_anew(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    generate = Generator()
    cached_sql(tmp_path, "a", generate)
    path = tmp_path / "a.json"
    path.write_text(damage(path.read_text("utf-8")), "utf-8")  # type: ignore[operator]
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=sql_files.__name__):
        assert cached_sql(tmp_path, "a", generate) == "SELECT 1"
    assert generate.times == 2
    assert len(caplog.records) == 1
    assert "is generated anew" in caplog.text
    assert cached_sql(tmp_path, "a", generate) == "SELECT 1"
    assert generate.times == 2


def test_other_code_generates_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = Generator()
    cached_sql(tmp_path, "a", generate)
    monkeypatch.setattr(sql_files, "_code_sha256", lambda: "of another version")
    cached_sql(tmp_path, "a", generate)
    assert generate.times == 2


def test_without_a_folder_it_is_generated_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "sql"
    in_the_way.write_text("no folder")
    generate = Generator()
    for _ in range(2):
        assert cached_sql(in_the_way, "a", generate) == "SELECT 1"
    assert generate.times == 2
    assert "cannot be kept" in caplog.text
