"""One definition, two engines."""

import os
from datetime import date
from pathlib import Path

import ibis
import pytest

from retention_ml.features import rollups
from retention_ml.features.assemble import customer_daily
from retention_ml.features.engines import ENGINES
from retention_ml.features.inputs import stored
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import FIRST, late_shop, rows_of

_GOLDEN = Path(__file__).resolve().parents[1] / "golden"
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


def _expressions() -> dict[str, ibis.Table]:
    later = rollups.Pass(rollup_id=2, events_from=FIRST, events_to=FIRST, is_first=False)
    return {
        "features.customer_daily": customer_daily(stored([20_000]), active_days=90),
        "features.customer_day": rollups.customer_day(later),
        "features.customer_product_day": rollups.customer_product_day(later),
        "features.product_category": rollups.product_category(later),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(_expressions()))
@pytest.mark.parametrize("engine", ENGINES)
def test_the_sql_is_the_golden_sql(name: str, engine: str) -> None:
    sql = f"{ibis.to_sql(_expressions()[name], dialect=engine)}\n"
    path = _GOLDEN / f"{name}.{engine}.sql"
    if os.environ.get("RETENTION_WRITE_GOLDEN") == "1":
        path.write_text(sql, encoding="utf-8")
    assert path.is_file() and path.read_text(encoding="utf-8") == sql, (  # noqa: PT018
        f"The SQL of {name} for {engine} is not that of tests/golden/{path.name}. If the change "
        "is meant, write it anew with RETENTION_WRITE_GOLDEN=1 and read the difference."
    )
