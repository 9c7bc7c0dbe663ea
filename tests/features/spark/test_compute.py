"""One definition on Spark too; runs where PySpark is installed (`make spark-test`)."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from retention_ml.clock import day_number
from retention_ml.errors import UsageError
from retention_ml.features.build import build
from retention_ml.features.engines import compute
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.spark import session as of_process
from retention_ml.limits import Limits
from retention_ml.settings import Settings, Spark
from retention_ml.warehouse import Warehouse
from tests.worlds.features import late_shop, rows_of
from tests.worlds.spark import needs_spark, of_tests, on_spark

_DAYS = [date(2025, 7, 1), date(2025, 11, 1)]


@needs_spark
def test_spark_computes_what_duckdb_computes(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    late_shop(warehouse, settings, seed=21, passes=(3,))
    expected = rows_of(warehouse, settings, _DAYS)
    computed = compute(
        warehouse,
        engine="spark",
        days=[day_number(day) for day in _DAYS],
        active_days=settings.churn.active_days,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=Limits(threads=2),
        spark=of_tests(tmp_path / "exchange"),
    ).sort_by([("as_of_day", "ascending"), ("customer_id", "ascending")])
    assert computed.num_rows > 10
    assert computed.schema == expected.schema
    assert computed["customer_id"].equals(expected["customer_id"])
    for name in expected.drop_columns("customer_id").column_names:
        actual, desired = (rows[name].to_numpy() for rows in (computed, expected))
        np.testing.assert_allclose(actual, desired, rtol=1e-12, atol=1e-9, err_msg=name)
    assert list((tmp_path / "exchange").iterdir()) == []


@needs_spark
def test_a_build_by_spark_has_the_digest_of_one_by_duckdb(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    late_shop(warehouse, settings, seed=5, passes=(3,))
    first, second = (
        build(warehouse, settings=each, as_of=_DAYS[1]).details
        for each in (settings, on_spark(settings, tmp_path))
    )
    assert (first["engine"], second["engine"]) == ("duckdb", "spark")
    assert first["features_digest"] == second["features_digest"]


def test_without_pyspark_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_process, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"PySpark is not installed. Run `pip install .*\[spark\]"):
        of_process.session(Spark(), threads=1)


def test_without_java_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_process, "find_spec", lambda name: name)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(of_process.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"there is no Java: .* Install Java 17 or 21"):
        of_process.session(Spark(), threads=1)
