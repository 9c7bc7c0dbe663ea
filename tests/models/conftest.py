"""One trained shop for all tests that only look."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse, copy_of
from tests.worlds.registered import Shelf, shelf_of, stock
from tests.worlds.shops import random_shop

SMALL = {
    "RETENTION_TRAINING__CUTOFF_COUNT": "3",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "200",
    "RETENTION_TRAINING__TUNING_TRIALS": "0",
    "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic,lightgbm",
}


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
    new_warehouse: NewWarehouse,
    registry_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trained]:
    """A shop of 900 customers after its first training: look, do not touch."""
    settings = settings_in(tmp_path_factory.mktemp("trained") / "home", registry_database)
    with new_warehouse() as warehouse:
        day = random_shop(warehouse, customers=900, days=400, seed=11).last_day
        receipt = train(warehouse, settings=settings, as_of=day, trial_between=trial_between)
        yield Trained(warehouse=warehouse, settings=settings, as_of=day, receipt=receipt)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Trained], Trained]]:
    """Makes a copy of a trained shop, warehouse and home, that a test may change."""
    with ExitStack() as made:
        yield lambda shop: made.enter_context(copy_of_shop(shop, tmp_path / uuid4().hex))


@contextmanager
def copy_of_shop(shop: Trained, home: Path) -> Iterator[Trained]:
    """A copy; artifacts stay where they are, because the registry names them by full path."""
    shop.warehouse.close()
    shutil.copytree(shop.settings.home, home)
    settings = shop.settings.model_copy(update={"home": home})
    with copy_of(shop.warehouse.url) as warehouse:
        yield replace(shop, warehouse=warehouse, settings=settings)
