"""One shop for all tests of the assistant, which only look."""

from collections.abc import Iterator

import pytest

from retention_ml.assistant.assistant import Assistant
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.assistant_shop import as_assistant, fill_shop
from tests.worlds.databases import NewWarehouse


@pytest.fixture(scope="package")
def shop(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A filled warehouse, as its owner."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    with new_warehouse() as warehouse:
        fill_shop(warehouse, settings)
        yield warehouse


@pytest.fixture(scope="package")
def assistant(shop: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """The assistant of that shop, connected as its role."""
    settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("assistant"))})
    connected = as_assistant(shop, settings)
    yield connected
    connected.warehouse.close()
