"""A shop that drew letters by lot on two days: with an effect, and without; built once each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from retention_ml.settings import Settings, load
from tests.worlds.answering import AnsweringShop
from tests.worlds.databases import copy_of


@pytest.fixture
def settings(tmp_path: Path, registry_database: Path) -> Settings:
    """The shipped settings with a home and a registry of this test's own."""
    folder = tmp_path / "home" / "mlflow"
    (folder / "artifacts").mkdir(parents=True)
    shutil.copy(registry_database, folder / "mlflow.db")
    return load({"RETENTION_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def lived_shops(
    built_shop: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[bool, str]]:
    """Addresses of the databases, by whether letters have an effect."""
    folder = tmp_path_factory.mktemp("lived")
    settings = load({"RETENTION_HOME": str(folder / "home")})
    with copy_of(built_shop) as with_effect, copy_of(built_shop) as without:
        for has_effect, warehouse in ((True, with_effect), (False, without)):
            shop = AnsweringShop(warehouse, settings, folder / str(has_effect), is_built=True)
            shop.live(has_effect=has_effect)
            warehouse.close()
        yield {True: with_effect.url, False: without.url}


@pytest.fixture
def shop(
    lived_shops: dict[bool, str], settings: Settings, tmp_path: Path
) -> Iterator[AnsweringShop]:
    """Letters bring customers with one order back."""
    with copy_of(lived_shops[True]) as warehouse:
        yield AnsweringShop(warehouse, settings, tmp_path / "actions", is_built=True)


@pytest.fixture
def quiet_shop(
    lived_shops: dict[bool, str], settings: Settings, tmp_path: Path
) -> Iterator[AnsweringShop]:
    """Letters change nothing."""
    with copy_of(lived_shops[False]) as warehouse:
        yield AnsweringShop(warehouse, settings, tmp_path / "actions", is_built=True)
