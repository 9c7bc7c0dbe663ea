"""The file of a day's features: as Postgres has them, or read from there again with one line."""

import logging
import stat
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.errors import AccountingError
from retention_ml.features import build, store
from retention_ml.features.cache.day_files import day_folder
from retention_ml.features.cache.origin import Origin
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops

DAY = date(2025, 1, 15)


@pytest.fixture
def file(warehouse: Warehouse, settings: Settings) -> Path:
    """The file of a built day."""
    shops.random_shop(warehouse, customers=60, seed=5)
    build.build(warehouse, settings=settings, as_of=DAY)
    return day_folder(settings.home) / f"{DAY}.arrow"


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "The file of the features" in each.message]


def _stored(warehouse: Warehouse) -> pa.Table:
    return store.read(warehouse, [DAY])


def test_a_build_leaves_the_rows_that_it_stored(
    warehouse: Warehouse, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _stored(warehouse)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    monkeypatch.setattr(store, "rows_of", lambda *_: pytest.fail("Postgres was read"))
    rows, digest = build.ensure_rows(warehouse, settings=settings, as_of=DAY)
    assert rows.equals(expected)
    assert rows.schema.equals(expected.schema, check_metadata=True)
    assert digest == store.digest(expected)


def _gone(file: Path) -> None:
    file.unlink()


def _torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-500])


def _changed(file: Path, metadata: dict[bytes, bytes] | None = None) -> None:
    """A valid file in which a customer has other features, or that is of something else."""
    with pa.OSFile(str(file)) as source:
        rows = pa.ipc.open_file(source).read_all()
    if metadata is None:
        values = [1e6, *rows["orders_count_30d"].to_pylist()[1:]]
        at = rows.column_names.index("orders_count_30d")
        rows = rows.set_column(at, "orders_count_30d", pa.array(values, pa.float64()))
    rows = rows.replace_schema_metadata({**rows.schema.metadata, **(metadata or {})})
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)


@pytest.mark.fault("files of a day's features torn, changed, gone, of another build", promises="P7")
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_gone, "there is none yet"),
        (_torn, "it is torn"),
        (_changed, "its values are not those that the build recorded"),
        (lambda file: _changed(file, {b"warehouse_id": b"another"}), "another build or warehouse"),
        (lambda file: _changed(file, {b"features_digest": b"0"}), "another build or warehouse"),
    ],
)
def test_what_is_damaged_or_of_others_is_read_from_postgres_and_kept_again(
    warehouse: Warehouse,
    settings: Settings,
    file: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    expected = _stored(warehouse)
    damage(file)
    with caplog.at_level(logging.INFO):
        rows, _ = build.ensure_rows(warehouse, settings=settings, as_of=DAY)
    assert rows.equals(expected)
    [line] = _lines(caplog)
    assert words in line
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert build.ensure_rows(warehouse, settings=settings, as_of=DAY)[0].equals(expected)
    assert _lines(caplog) == []


def test_rows_changed_by_hand_are_noticed_although_there_is_a_file(
    warehouse: Warehouse, settings: Settings, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = _stored(warehouse)
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.customer_daily SET orders_count_30d = 1000")
    with pytest.raises(AccountingError, match="changed by hand"):
        store.read_day(warehouse, DAY, file.parent)
    rows, _ = build.ensure_rows(warehouse, settings=settings, as_of=DAY)
    assert rows.equals(expected)
    assert "They are built again" in caplog.text


def test_files_of_earlier_days_make_room(
    warehouse: Warehouse, settings: Settings, file: Path
) -> None:
    for days in range(1, 5):
        build.build(warehouse, settings=settings, as_of=DAY - timedelta(days=days))
    names = sorted(path.name for path in file.parent.iterdir())
    assert names == [f"{DAY - timedelta(days=days)}.arrow" for days in (4, 3, 2)]


def test_a_folder_that_cannot_be_written_is_done_without(
    warehouse: Warehouse, settings: Settings, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("in the way")
    rows, _ = build.ensure_rows(warehouse, settings=settings, as_of=DAY)
    assert rows.equals(_stored(warehouse))
    assert "cannot be kept as a file" in caplog.text


def test_a_naive_reader_that_trusts_the_file_returns_other_features(
    warehouse: Warehouse, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the digest, what was changed in the file is what is scored."""
    expected = _stored(warehouse)
    _changed(file)
    recorded = store.digest(expected)
    monkeypatch.setattr(store, "digest", lambda _: recorded)
    assert not store.read_day(warehouse, DAY, file.parent)[0].equals(expected)
    assert Origin(warehouse_id="a", changes_count=0) != Origin(warehouse_id="a", changes_count=1)
