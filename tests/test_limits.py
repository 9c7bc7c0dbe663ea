"""Threads and memory are what the settings say, and where memory does not suffice is a sentence."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from retention_ml import limits as limits_module
from retention_ml.errors import MachineError
from retention_ml.features.build import build
from retention_ml.limits import (
    Limits,
    connect_duckdb,
    limits_of,
    machine_memory_gb,
    memory_gb,
    postgres_settings,
    within,
)
from retention_ml.models.predictors import trees
from retention_ml.settings import Settings
from retention_ml.settings.sections import Compute
from retention_ml.warehouse import Warehouse
from tests.worlds import shops

DAY = date(2025, 1, 15)


def _with(settings: Settings, **compute: float) -> Settings:
    return settings.model_copy(update={"compute": Compute.model_validate(compute)})


def test_duckdb_keeps_to_threads_memory_and_folder(settings: Settings) -> None:
    limits = limits_of(_with(settings, threads=1, memory_gb=0.5))
    with connect_duckdb(limits) as connection:
        rows = connection.sql(
            "SELECT name, value FROM duckdb_settings() "
            "WHERE name IN ('threads', 'memory_limit', 'temp_directory')"
        ).fetchall()
    assert dict(rows) == {
        "threads": "1",
        "memory_limit": "512.0 MiB",
        "temp_directory": str(settings.home / "cache" / "spilled"),
    }


def test_without_a_setting_it_is_half_of_the_machine_or_the_container(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert memory_gb(_with(settings)) == machine_memory_gb() / 2
    container = tmp_path / "memory.max"
    monkeypatch.setattr(limits_module, "_CONTROL_GROUP", container)
    container.write_text("1073741824\n")
    assert memory_gb(_with(settings)) == 0.5
    container.write_text("max\n")
    assert memory_gb(_with(settings)) > 0.5
    assert memory_gb(_with(settings, memory_gb=3)) == 3


@pytest.mark.parametrize(
    ("memory", "work", "maintenance"),
    [(0.1, "4MB", "16MB"), (3, "32MB", "128MB"), (64, "128MB", "512MB")],
)
def test_sessions_of_postgres_sort_in_a_hundredth_of_it(
    warehouse: Warehouse, settings: Settings, memory: float, work: str, maintenance: str
) -> None:
    stated = postgres_settings(_with(settings, threads=3, memory_gb=memory))
    bounded = Warehouse(warehouse.url, session_settings=stated)
    names = ("work_mem", "maintenance_work_mem", "max_parallel_workers_per_gather")
    sql = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    with bounded.transaction() as transaction:
        by_psycopg = transaction.execute(sql)[0]._mapping
    [by_adbc] = bounded.read(sql).to_pylist()
    bounded.close()
    assert by_adbc == dict(by_psycopg) == dict(zip(names, (work, maintenance, "2"), strict=True))


def test_too_little_memory_ends_in_a_sentence_and_what_was_stored_stays(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=120, seed=5)
    build(warehouse, settings=settings, as_of=DAY)
    before = warehouse.read("SELECT * FROM features.customer_daily").sort_by("customer_id")
    with pytest.raises(
        MachineError,
        match=r"The features of a day do not fit into the memory of 0\.0 GB .* published scores "
        r"stay as they are\. Raise memory_gb under \[compute\]",
    ):
        build(warehouse, settings=_with(settings, memory_gb=0.002), as_of=DAY)
    assert warehouse.read("SELECT * FROM features.customer_daily").sort_by("customer_id") == before


def test_what_does_not_fit_goes_to_the_disk(tmp_path: Path) -> None:
    """A sort of 100 MB in 60 MB: with the folder it ends, without one it does not."""
    sql = "SELECT max(x) FROM (SELECT md5(i::text) AS x FROM range(2_000_000) t(i) ORDER BY x LIMIT 1_900_000)"
    tight = Limits(threads=1, memory_gb=0.06, folder=tmp_path / "spilled")
    with within(tight, "Numbers"), connect_duckdb(tight) as connection:
        assert connection.sql(sql).fetchall()
    assert list((tmp_path / "spilled").iterdir()) == []
    with (
        pytest.raises(MachineError, match=r"Numbers do not fit into the memory of 0\.1 GB"),
        within(tight, "Numbers"),
        connect_duckdb(tight) as connection,
    ):
        connection.execute(f"SET temp_directory = ''; {sql}")


def test_other_errors_of_duckdb_are_not_memory() -> None:
    limits = Limits(threads=1)
    with (
        pytest.raises(duckdb.ParserException),
        within(limits, "Numbers"),
        connect_duckdb(limits) as connection,
    ):
        connection.sql("SELEC 1")


def test_trees_predict_with_the_threads_of_the_settings() -> None:
    assert trees.Trees(texts=(), threads=3).threads == 3
