"""The cached rollups hold what Postgres holds, whatever came when and whatever befell the files."""

import json
import logging
import os
import stat
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.features.cache import manifest, rollup_cache
from retention_ml.features.cache.rollup_cache import CachedRollups, open_rollups, rollup_folder
from retention_ml.features.engines import compute, summarize
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.inputs import stored_inputs
from retention_ml.features.roll_up import roll_up
from retention_ml.features.rollups import COUNTERS
from retention_ml.limits import Limits
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.databases import NewWarehouse
from tests.worlds.features import buy, deliver, in_zone, late_shop

_DAYS = (date(2025, 6, 1), date(2025, 9, 1))


def _opened(warehouse: Warehouse, folder: Path) -> CachedRollups:
    with warehouse.snapshot() as select:
        rollups = open_rollups(select, folder)
    assert rollups is not None
    return rollups


def _cached_rows(rollups: CachedRollups, table: str) -> list[tuple[object, ...]]:
    """The rows of a cached rollup with the ids of Postgres, sorted."""
    with duckdb.connect() as connection:
        rows = connection.sql(f"FROM read_parquet({rollups.files(table)})").to_arrow_table()
    for name in ("customer_id", "product_id"):
        if name in rows.column_names:
            ids = rollups.ids(name).take(rows[name].combine_chunks())
            rows = rows.set_column(rows.column_names.index(name), name, ids)
    return sorted(zip(*rows.to_pydict().values(), strict=True))


def _stored_rows(warehouse: Warehouse, table: str) -> list[tuple[object, ...]]:
    names = [
        "(extract(epoch FROM newest_event_at) * 1000000)::bigint AS newest_event_us"
        if name == "newest_event_us"
        else name
        for name in rollup_cache.ROLLUPS[table]
    ]
    rows = warehouse.read(f"SELECT {', '.join(names)} FROM features.{table}")
    return sorted(zip(*rows.to_pydict().values(), strict=True))


def _require_equal(warehouse: Warehouse, rollups: CachedRollups) -> None:
    for table in rollup_cache.ROLLUPS:
        assert _cached_rows(rollups, table) == _stored_rows(warehouse, table), table


def _features(
    warehouse: Warehouse, days: Sequence[date], cache: Path | None, engine: str = "duckdb"
) -> pa.Table:
    rows = compute(
        warehouse,
        engine=engine,
        days=[day_number(day) for day in days],
        active_days=90,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=Limits(threads=2),
        cache=cache,
    )
    return rows.sort_by([("as_of_day", "ascending"), ("customer_id", "ascending")])


def _counts(warehouse: Warehouse, cache: Path | None) -> list[dict[str, object]]:
    rows = summarize(
        warehouse,
        days=[day_number(day) for day in _DAYS],
        active_days=90,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=Limits(threads=2),
        cache=cache,
    )
    return list(rows.sort_by("as_of_day").to_pylist())


def test_the_columns_are_those_of_the_rollups(warehouse: Warehouse) -> None:
    for table in ("customer_day", "customer_product_day", "product_category"):
        stored = set(warehouse.read(f"SELECT * FROM features.{table}").column_names)
        cached = {
            "newest_event_at" if name == rollup_cache.NEWEST_EVENT else name
            for name in rollup_cache.ROLLUPS[table]
        }
        assert cached == stored


@examples(
    max_examples=4, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    seed=st.integers(0, 1_000),
    passes=st.sets(st.integers(1, 6)),
    opened=st.sets(st.integers(1, 6), min_size=1),
    small=st.sampled_from([1, 50_000]),
)
def test_kept_up_pass_by_pass_it_equals_one_made_at_once_and_postgres(
    new_warehouse: NewWarehouse,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    passes: set[int],
    opened: set[int],
    small: int,
) -> None:
    """Late rows and corrections among them; the cache is opened after some of the deliveries."""
    settings = in_zone(settings, "Europe/London")
    folder, other = (tmp_path_factory.mktemp("cache") for _ in range(2))
    with new_warehouse() as warehouse, pytest.MonkeyPatch.context() as patch:
        patch.setattr("retention_ml.features.cache.parts._SMALL", small)
        late_shop(
            warehouse,
            settings,
            seed=seed,
            passes=sorted(passes),
            after=lambda number: number in opened and _opened(warehouse, folder),
        )
        roll_up(warehouse, settings=settings)
        kept_up, at_once = _opened(warehouse, folder), _opened(warehouse, other)
        _require_equal(warehouse, kept_up)
        _require_equal(warehouse, at_once)
        from_cache = _features(warehouse, _DAYS, folder)
        assert from_cache.num_rows > 5
        assert from_cache.equals(_features(warehouse, _DAYS, other))
        assert from_cache.equals(_features(warehouse, _DAYS, None))
        in_postgres = _features(warehouse, _DAYS, None, engine="postgres")
        assert from_cache.to_pylist() == in_postgres.to_pylist()
        assert _counts(warehouse, folder) == _counts(warehouse, None)


def test_a_pass_adds_a_part_and_large_parts_stay_as_they_are(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retention_ml.features.cache.parts._SMALL", 0)
    shops.random_shop(warehouse, customers=60, seed=5)
    roll_up(warehouse, settings=settings)
    before = _opened(warehouse, tmp_path).files("customer_day")
    deliver(warehouse, buy("late", shops.at("2024-03-01")))
    roll_up(warehouse, settings=settings)
    rollups = _opened(warehouse, tmp_path)
    after = rollups.files("customer_day")
    assert len(before) == 1
    assert after[:1] == before
    assert [part.rows_count for part in rollups.manifest.of("customer_day")][1:] == [1]
    _require_equal(warehouse, rollups)


def test_passes_after_the_one_asked_for_are_not_known(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(3,))
    expected = _features(warehouse, _DAYS, None)
    roll_up(warehouse, settings=settings)
    _opened(warehouse, tmp_path)
    rows = compute(
        warehouse,
        engine="duckdb",
        days=[day_number(day) for day in _DAYS],
        active_days=90,
        newest_rollup_id=1,
        limits=Limits(threads=2),
        cache=tmp_path,
    )
    assert rows.sort_by([("as_of_day", "ascending"), ("customer_id", "ascending")]).equals(expected)


def test_only_its_owner_reads_it(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    folder = rollup_folder(tmp_path)
    _opened(warehouse, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}


def _torn(folder: Path) -> None:
    [part] = folder.glob("customer_day-*")
    part.write_bytes(part.read_bytes()[:-100])


def _changed(folder: Path) -> None:
    """A valid file in which everybody paid twice as much."""
    [part] = folder.glob("customer_day-*")
    rows = pq.read_table(part)
    at = rows.column_names.index("revenue_cents")
    doubled = pa.compute.multiply(rows["revenue_cents"], 2)
    pq.write_table(rows.set_column(at, "revenue_cents", doubled), part)


def _without_a_part(folder: Path) -> None:
    [part] = folder.glob("product_category-*")
    part.unlink()


def _torn_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:200])


def _edited_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    content["parts"] = content["parts"][1:]
    path.write_text(json.dumps(content))


def _of_another_warehouse(folder: Path) -> None:
    stated = manifest.read_manifest(folder)
    origin = rollup_cache.Origin(warehouse_id="another", changes_count=0)
    manifest.write_manifest(folder, rollup_cache.replace(stated, origin=origin))


def _of_another_pass(folder: Path) -> None:
    stated = manifest.read_manifest(folder)
    manifest.write_manifest(folder, rollup_cache.replace(stated, passes_sha256="0" * 64))


@pytest.mark.fault(
    "files of the rollups torn, changed, gone, of another warehouse or pass", promises="P7"
)
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_torn, "is torn or was changed"),
        (_changed, "is torn or was changed"),
        (_without_a_part, "is missing"),
        (_torn_manifest, "its manifest cannot be read"),
        (_edited_manifest, "its manifest was changed or is torn"),
        (_of_another_warehouse, "it is of another warehouse"),
        (_of_another_pass, "the rollups were rebuilt, or restored from a backup"),
    ],
)
def test_what_is_damaged_or_of_others_is_made_anew_with_one_line(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    expected = _features(warehouse, _DAYS, tmp_path)
    damage(tmp_path)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert _features(warehouse, _DAYS, tmp_path).equals(expected)
    [line] = [each.message for each in caplog.records if "cache" in each.message]
    assert words in line
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert _features(warehouse, _DAYS, tmp_path).equals(expected)
    assert not [each for each in caplog.records if "cache" in each.message]


def test_rows_changed_by_hand_are_read_again(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    before = _features(warehouse, _DAYS, tmp_path)
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.customer_day SET revenue_cents = revenue_cents + 1")
    with caplog.at_level(logging.INFO):
        after = _features(warehouse, _DAYS, tmp_path)
    assert "rows of the rollups were changed by hand" in caplog.text
    assert not after.equals(before)
    assert after.equals(_features(warehouse, _DAYS, None))


def test_rollups_rebuilt_under_another_calendar_are_cached_anew(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    _opened(warehouse, tmp_path)
    roll_up(warehouse, settings=in_zone(settings, "Asia/Tokyo"))
    _require_equal(warehouse, _opened(warehouse, tmp_path))
    with pytest.raises(NotReady, match="The rollups were rebuilt while they were read"):
        summarize(
            warehouse,
            days=[20_000],
            active_days=90,
            newest_rollup_id=1,
            limits=Limits(threads=1),
            cache=tmp_path,
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_done_without(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    tmp_path.chmod(0o500)
    rows = _features(warehouse, _DAYS, rollup_folder(tmp_path))
    assert rows.equals(_features(warehouse, _DAYS, None))
    assert "cannot be written" in caplog.text


def test_a_file_in_the_way_of_the_folder_is_done_without(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(6,))
    (tmp_path / "cache").write_text("")
    rows = _features(warehouse, _DAYS, rollup_folder(tmp_path))
    assert rows.equals(_features(warehouse, _DAYS, None))
    assert "cannot be written" in caplog.text


def test_files_of_former_passes_go_when_nobody_can_still_read_them(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    late_shop(warehouse, settings, seed=7, passes=(3,))
    former = set(_opened(warehouse, tmp_path).files("customer_day"))
    roll_up(warehouse, settings=settings)
    current = set(_opened(warehouse, tmp_path).files("customer_day"))
    assert not former & current
    assert all(Path(path).exists() for path in former)
    long_ago = (Path(next(iter(former))).stat().st_mtime) - timedelta(hours=2).total_seconds()
    for path in former | current:
        os.utime(path, (long_ago, long_ago))
    _opened(warehouse, tmp_path)
    assert not any(Path(path).exists() for path in former)
    assert all(Path(path).exists() for path in current)


def test_a_naive_cache_that_trusts_its_files_gives_other_features(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the digests a changed file goes into the features."""
    late_shop(warehouse, settings, seed=7, passes=(6,))
    expected = _features(warehouse, _DAYS, tmp_path)
    _changed(tmp_path)
    monkeypatch.setattr(manifest, "_require_intact", lambda *_: None)
    assert not _features(warehouse, _DAYS, tmp_path).equals(expected)


def test_nothing_is_cached_of_a_shop_without_a_pass(warehouse: Warehouse, tmp_path: Path) -> None:
    rollups = _opened(warehouse, tmp_path)
    assert [_cached_rows(rollups, table) for table in rollup_cache.ROLLUPS] == [[], [], []]
    assert len(stored_inputs([0]).customer_day.columns) == 4 + len(COUNTERS)
