"""One trained shop for all tests that only look, and a registry database made once."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from retention_ml.models.registry import Registry
from retention_ml.models.train import train
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings, load
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.models.shelf import Shelf, shelf_of, stock
from tests.shops import random_shop

SMALL = {
    "RETENTION_TRAINING__CUTOFF_COUNT": "3",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "200",
    "RETENTION_TRAINING__TUNING_TRIALS": "0",
    "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic,lightgbm",
}


@pytest.fixture(scope="session")
def registry_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry database; making one takes seconds, copying it nothing."""
    home = tmp_path_factory.mktemp("registry")
    assert Registry(load({"RETENTION_HOME": str(home)})).version_at("champion") is None
    return home / "mlflow" / "mlflow.db"


@pytest.fixture
def small(tmp_path: Path, registry_database: Path) -> Settings:
    """Settings of a quick training with a registry of this test's own."""
    return settings_in(tmp_path / "home", registry_database)


def settings_in(home: Path, registry_database: Path, **more: str) -> Settings:
    """Settings of a quick training in a home with an empty registry."""
    (home / "mlflow" / "artifacts").mkdir(parents=True)
    shutil.copy(registry_database, home / "mlflow" / "mlflow.db")
    return load({"RETENTION_HOME": str(home), **SMALL, **more})


@pytest.fixture(scope="session")
def stocked(registry_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A registry with versions 1, 2 and 3: look, do not touch."""
    settings = settings_in(tmp_path_factory.mktemp("stocked") / "home", registry_database)
    stock(settings)
    return settings


@pytest.fixture
def shelf(stocked: Settings, warehouse: Warehouse, tmp_path: Path) -> Shelf:
    """Three registered versions nobody decided about, and features to try them on."""
    return shelf_of(stocked, warehouse, tmp_path / "shelf")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A shop after its first training."""

    warehouse: Warehouse
    settings: Settings
    as_of: date
    receipt: Receipt


@pytest.fixture(scope="session")
def trained(
    postgres: EmbeddedPostgres,
    template_database: str,
    registry_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trained]:
    """A shop of 900 customers after its first training: look, do not touch."""
    admin = Warehouse(postgres.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE trained_shop TEMPLATE {template_database}")
    admin.close()
    warehouse = Warehouse(postgres.url("trained_shop"))
    shop = random_shop(warehouse, customers=900, days=400, seed=11)
    settings = settings_in(tmp_path_factory.mktemp("trained") / "home", registry_database)
    receipt = train(warehouse, settings=settings, as_of=shop.last_day)
    yield Trained(warehouse=warehouse, settings=settings, as_of=shop.last_day, receipt=receipt)
    warehouse.close()


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Trained], Trained]]:
    """Makes a copy of a trained shop, warehouse and home, that a test may change."""
    made: list[Trained] = []

    def copy(shop: Trained) -> Trained:
        name = f"copy_{uuid4().hex[:12]}"
        made.append(_copy(shop, name, tmp_path / name))
        return made[-1]

    yield copy
    for shop in made:
        shop.warehouse.close()


def _copy(shop: Trained, name: str, home: Path) -> Trained:
    """A copy; artifacts stay where they are, because the registry names them by full path."""
    shop.warehouse.close()
    url = make_url(shop.warehouse.url)
    admin = Warehouse(url.set(database="postgres").render_as_string(hide_password=False))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {url.database}")
    admin.close()
    shutil.copytree(shop.settings.home, home)
    return Trained(
        warehouse=Warehouse(url.set(database=name).render_as_string(hide_password=False)),
        settings=shop.settings.model_copy(update={"home": home}),
        as_of=shop.as_of,
        receipt=shop.receipt,
    )
