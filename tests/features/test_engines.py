"""One definition, two engines."""

from datetime import date

from retention_ml.features.engines import ENGINES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import late_shop, rows_of

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
