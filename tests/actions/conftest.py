"""A scored shop, built once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retention_ml.settings import Settings, load
from tests.worlds.databases import NewWarehouse, copy_of
from tests.worlds.decisions import DecisionShop


@pytest.fixture(scope="session")
def built_shop(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a database with the shop in it; nobody is connected to it."""
    folder = tmp_path_factory.mktemp("shop")
    settings = load({"RETENTION_HOME": str(folder / "home")})
    with new_warehouse() as warehouse:
        DecisionShop(warehouse, settings, folder / "actions")
        warehouse.close()
        yield warehouse.url


@pytest.fixture
def shop(built_shop: str, settings: Settings, tmp_path: Path) -> Iterator[DecisionShop]:
    with copy_of(built_shop) as warehouse:
        yield DecisionShop(warehouse, settings, tmp_path / "actions", is_built=True)
