"""Fixtures for the whole suite: one embedded Postgres, a fresh database per test that asks."""

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Workers side by side share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings, load
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import IS_FULL
from tests.worlds.databases import NewWarehouse, copy_of
from tests.worlds.open_transactions import guarded
from tests.worlds.passed_suites import passed_suites

# A process that is killed loses nothing by this: only the machine's own end would.
WITHOUT_WAITING_FOR_THE_DISK = """
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
"""
# Copying a database is copying a thousand files: in memory a tenth of the work.
MEMORY = Path("/dev/shm")
MEMORY_MIN_BYTES = 4 * 2**30


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than cores: some always wait for a server, a timeout or a dying process."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker begins one when the others are done.

    What only `make chaos` runs is deselected, unless a file or test is named on the command line.
    """
    is_named = any(".py" in argument for argument in config.args)
    if not (IS_FULL or is_named):
        thorough = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def no_transaction_over_a_fit_or_a_request() -> Iterator[None]:
    """See `tests.worlds.open_transactions`."""
    with guarded():
        yield


@pytest.fixture(scope="module", autouse=True)
def suites_pass(request: pytest.FixtureRequest) -> Iterator[None]:
    """See `tests.worlds.passed_suites`."""
    is_run = IS_FULL or request.node.get_closest_marker("suites")
    with nullcontext() if is_run else passed_suites():
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One server for the whole session, which need not outlive a loss of power."""
    has_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_MIN_BYTES
    place = MEMORY if has_memory else tmp_path_factory.mktemp("postgres")
    with TemporaryDirectory(prefix="retention-tests-", dir=place) as folder:
        server = EmbeddedPostgres(Path(folder))
        server.create()
        with (server.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(WITHOUT_WAITING_FOR_THE_DISK)
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """A migrated database that others are copied from (faster than migrating each)."""
    admin = Warehouse(postgres.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE retention_template")
    template = Warehouse(postgres.url("retention_template"))
    migrate(template)
    template.close()
    admin.close()
    return "retention_template"


@pytest.fixture(scope="session")
def new_warehouse(postgres: EmbeddedPostgres, template_database: str) -> NewWarehouse:
    """Makes an empty, migrated warehouse, to be used in a `with` statement."""
    return partial(copy_of, postgres.url(template_database))


@pytest.fixture
def warehouse(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    """An empty, migrated warehouse of this test's own."""
    with new_warehouse() as empty:
        yield empty


@pytest.fixture(scope="session")
def registry_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry database; making one takes seconds, copying it nothing."""
    from retention_ml.models.registry.mlflow_registry import Registry

    home = tmp_path_factory.mktemp("registry")
    assert Registry(load({"RETENTION_HOME": str(home)})).version_at("champion") is None
    return home / "mlflow" / "mlflow.db"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The shipped settings with a home of this test's own."""
    return load({"RETENTION_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, or skip."""
    named = os.environ.get("RETENTION_DATA_DIR")
    if not named or not (Path(named) / "online_retail_ii").is_dir():
        pytest.skip(
            "RETENTION_DATA_DIR names no folder with online_retail_ii/: real data is absent"
        )
    return Path(named)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by a number: packed ones hold the time, and workers must agree on the names."""
    return "bytes" if isinstance(val, bytes) else None
