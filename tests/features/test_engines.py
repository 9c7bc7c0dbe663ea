"""One definition, two engines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import ibis
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.features.engines import ENGINES, compute
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.roll_up import roll_up
from retention_ml.limits import Limits
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import in_zone, late_shop, rows_of

_DAYS = [date(2025, 7, 1), date(2025, 11, 1)]


def test_engines_agree_to_the_last_bit(warehouse: Warehouse, settings: Settings) -> None:
    assert ENGINES == ("duckdb", "postgres")
    late_shop(warehouse, settings, seed=21, passes=(3,))
    duckdb, postgres = (
        rows_of(warehouse, settings, _DAYS, engine=engine).to_pylist() for engine in ENGINES
    )
    assert len(duckdb) > 10
    assert duckdb == postgres


def test_many_days_at_once_equal_each_day_alone(warehouse: Warehouse, settings: Settings) -> None:
    late_shop(warehouse, settings, seed=22, passes=(), deliveries=3)
    together = rows_of(warehouse, settings, _DAYS).to_pylist()
    alone = [row for day in _DAYS for row in rows_of(warehouse, settings, [day]).to_pylist()]  # fmt: skip
    assert together == alone


def test_rollups_rebuilt_while_they_are_read_are_those_of_before(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_shop(warehouse, settings, seed=23, passes=(), deliveries=3)
    before = rows_of(warehouse, settings, _DAYS)
    snapshot = warehouse.snapshot

    @contextmanager
    def interrupted() -> Iterator[Callable[[ibis.Table | str], pa.Table]]:
        with snapshot() as select:

            def select_and_rebuild(query: ibis.Table | str) -> pa.Table:
                rows = select(query)
                roll_up(warehouse, settings=in_zone(settings, "Asia/Tokyo"))
                return rows

            yield select_and_rebuild

    monkeypatch.setattr(warehouse, "snapshot", interrupted)
    assert _computed(warehouse, "duckdb", 1, settings.churn.active_days).equals(before)
    assert newest_rollup_id(warehouse) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_rollups_rebuilt_before_they_are_read_stop_the_run(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    late_shop(warehouse, settings, seed=23, passes=(), deliveries=3)
    roll_up(warehouse, settings=settings)
    roll_up(warehouse, settings=in_zone(settings, "Asia/Tokyo"))
    with pytest.raises(NotReady, match="The rollups were rebuilt while they were read"):
        _computed(warehouse, engine, 1, settings.churn.active_days)


def _computed(warehouse: Warehouse, engine: str, newest: int, active_days: int) -> pa.Table:
    rows = compute(
        warehouse,
        engine=engine,
        days=[day_number(day) for day in _DAYS],
        active_days=active_days,
        newest_rollup_id=newest,
        limits=Limits(threads=2),
    )
    return rows.sort_by([("as_of_day", "ascending"), ("customer_id", "ascending")])
