"""The file of a model's tables: as they would be filled, or filled anew with one line in the log."""

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.models.predictors import forest
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.compiled import table_files
from retention_ml.models.predictors.forest import Forest
from retention_ml.models.predictors.pieces import Booster
from retention_ml.models.predictors.threads import with_threads
from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FitContext
from tests.worlds import samples

ROWS = samples.rows(1_500)
K = len(ROWS.features)


GROWN = grow(ROWS, {"num_leaves": 8}, FitContext(seed=1, threads=1), rounds=6)


def _boosters(factor: float) -> list[Booster]:
    return [Booster(text=text, columns=np.arange(K), factor=factor) for text in GROWN.texts]


BOOSTERS = _boosters(0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "trees"


@pytest.fixture
def file(folder: Path) -> Path:
    """The file of a forest that was made."""
    Forest.cached(BOOSTERS, folder)
    [path] = folder.iterdir()
    return path


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "tables of a model's trees" in each.message]


def _require_filled(made: Forest | None) -> None:
    """Equal to the bit, in value and in kind, to one that was just filled."""
    expected = Forest.of(BOOSTERS)
    assert made is not None
    assert expected is not None
    assert made.pieces.base == expected.pieces.base
    for name, values in expected.arrays().items():
        read = made.arrays()[name]
        assert (read.dtype, read.shape, read.flags.writeable) == (values.dtype, values.shape, True)
        assert read.tobytes() == values.tobytes(), name


def test_the_next_process_reads_what_was_filled(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with monkeypatch.context() as patch:
        patch.setattr(Forest, "of", lambda *_: pytest.fail("The tables were filled again."))
        made = Forest.cached(BOOSTERS, folder)
    _require_filled(made)


def _gone(file: Path) -> None:
    file.unlink()


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-300])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _of_others(file: Path) -> None:
    others = _boosters(0.25)
    Forest.cached(others, file.parent)
    file.with_name(f"{table_files.key_of(others)}.arrow").replace(file)


def _changed(file: Path) -> None:
    """A whole file in which one leaf is worth something else."""
    with pa.OSFile(str(file)) as source:
        row = pa.ipc.open_file(source).read_all()
    values = row["worth"].to_pylist()
    values[0][0] += 1.0
    at = row.column_names.index("worth")
    row = row.set_column(at, row.schema.field(at), pa.array(values, row["worth"].type))
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, row.schema) as writer:
        writer.write_table(row)


def _without_rows(file: Path) -> None:
    with pa.OSFile(str(file)) as source:
        row = pa.ipc.open_file(source).read_all()
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, row.schema) as writer:
        writer.write_table(row.slice(0, 0))


DAMAGES = [
    (_gone, "there is none yet"),
    (_torn, "it is torn"),
    (_empty, "it is torn"),
    (_without_rows, "it is torn"),
    (_of_others, "it is of other trees"),
    (_changed, "its numbers are not those that were written"),
]


@pytest.mark.fault(
    "files of the tables of trees torn, changed, gone, of other trees or code", promises="P7"
)
@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_what_is_damaged_or_of_others_is_filled_anew_and_kept_again(
    file: Path,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    damage(file)
    with caplog.at_level(logging.INFO):
        _require_filled(Forest.cached(BOOSTERS, folder))
    [line] = _lines(caplog)[-1:]
    assert words in line
    caplog.clear()
    with caplog.at_level(logging.INFO):
        _require_filled(Forest.cached(BOOSTERS, folder))
    assert _lines(caplog) == []


def test_a_naive_reader_that_trusts_the_file_has_other_tables(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without its digest, what was changed in the file is what is predicted with."""
    _changed(file)
    recorded = pa.ipc.open_file(str(file)).schema.metadata[b"sha256"].decode()
    monkeypatch.setattr(table_files, "_sha256", lambda _: recorded)
    with pytest.raises(AssertionError, match="worth"):
        _require_filled(Forest.cached(BOOSTERS, folder))


def test_other_trees_weights_columns_or_code_are_another_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = BOOSTERS[0]
    others = [
        [Booster(text=one.text, columns=one.columns, factor=0.25)],
        [Booster(text=one.text, columns=one.columns[::-1], factor=one.factor)],
        [Booster(text=one.text + "\n", columns=one.columns, factor=one.factor)],
        [one, one],
    ]
    keys = [table_files.key_of(each) for each in ([one], *others)]
    monkeypatch.setattr(table_files, "_code_sha256", lambda: "other")
    keys.append(table_files.key_of([one]))
    assert len(set(keys)) == len(keys) == 6


def test_files_that_were_not_used_for_longest_make_room(folder: Path) -> None:
    boosters = [
        [Booster(text=BOOSTERS[0].text, columns=np.arange(K), factor=1.0 + number)]
        for number in range(table_files._FILES_MAX + 1)
    ]
    for age, each in enumerate(boosters[:-1]):
        Forest.cached(each, folder)
        path = folder / f"{table_files.key_of(each)}.arrow"
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    for name, age in ((".old.arrow.1f", 2 * table_files._DRAFT_SECONDS), (".new.arrow.2e", 0)):
        (folder / name).write_text("half")
        os.utime(folder / name, (time.time() - age,) * 2)
    Forest.cached(boosters[0], folder)  # the oldest, used again
    Forest.cached(boosters[-1], folder)
    drafts = [path for path in folder.iterdir() if path.suffix != ".arrow"]
    assert [path.name for path in drafts] == [".new.arrow.2e"]
    drafts[0].unlink()
    names = {path.stem for path in folder.iterdir()}
    assert names == {table_files.key_of(each) for each in [boosters[0], *boosters[2:]]}


def test_a_folder_that_cannot_be_written_is_done_without(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")
    _require_filled(Forest.cached(BOOSTERS, folder))
    assert "cannot be kept as a file" in caplog.text


def test_trees_too_deep_for_tables_leave_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forest, "of", lambda *_: None)
    assert Forest.cached(BOOSTERS, folder) is None
    assert not folder.exists()


def test_a_model_predicts_and_explains_from_the_file_to_the_bit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forest, "LOOK_UPS_MIN", 1)
    trees = Trees(texts=tuple(each.text for each in BOOSTERS))
    member = Member(name="trees", predictor=trees, features=ROWS.features, weight=0.7, slope=1.1)
    blend = Blend(members=(member,), features=ROWS.features, intercept=0.2)
    for model in (trees, blend):
        expected = model.margin(ROWS.values), model.contributions(ROWS.values)
        for _ in ("filled and kept", "read"):
            again = with_threads(model, 2, folder)
            np.testing.assert_array_equal(again.margin(ROWS.values), expected[0])
            added, base = again.contributions(ROWS.values)
            np.testing.assert_array_equal(added, expected[1][0])
            assert base == expected[1][1]
    assert len(list(folder.iterdir())) == 2
