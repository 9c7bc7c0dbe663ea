"""What was compiled is kept; what is damaged is compiled anew, with one line in the log."""

import logging
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest

from retention_ml.models.predictors.compiled import cache
from retention_ml.models.predictors.compiled.cache import compiled
from retention_ml.statistics.arrays import Floats


def _doubled(values: Floats) -> Floats:
    return values * 2.0


def _run() -> int:
    """Compile, or load, and run; how often it was loaded."""
    function = compiled(_doubled)
    assert function(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    return sum(function.stats.cache_hits.values())  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled code is kept."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "code"))
    cache._warn.cache_clear()
    return tmp_path / "code"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_was_compiled_is_loaded_by_the_next_process(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert [_run(), _run()] == [0, 1]
    assert {path.suffix for path in folder.rglob("*.nb*")} == {".nbi", ".nbc"}
    assert caplog.text == ""


@pytest.mark.fault("compiled code torn, damaged or gone", promises="P6")
@pytest.mark.parametrize("damage", [_cut, _empty, _flip, Path.unlink])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_code_is_compiled_anew_and_kept_again(
    folder: Path,
    suffix: str,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _run()
    [path] = folder.rglob(f"*{suffix}")
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert [_run(), _run()] == [0, 1]
    warnings = [record.message for record in caplog.records]
    assert len(warnings) == (0 if damage == Path.unlink else 1)
    assert all("it is compiled anew" in message for message in warnings)


def test_a_folder_that_cannot_be_written_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.IndexDataCacheFile, "_save_index", full)
    assert [_run(), _run()] == [0, 0]
    assert "cannot be written (No space left on device)" in caplog.text


def test_without_any_folder_it_is_compiled_in_each_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(cache, "_CheckedCache", nowhere)
    assert [_run(), _run()] == [0, 0]
    assert not folder.exists()
