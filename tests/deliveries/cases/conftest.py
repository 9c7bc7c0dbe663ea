"""One database for all cases; each case has a source of its own in it."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.deliveries.cases.shops import Shop
from tests.worlds.databases import NewWarehouse

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared_warehouse(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    """Cases tell their rows apart by the name of the source."""
    with new_warehouse() as warehouse:
        yield warehouse


@pytest.fixture
def shop(
    shared_warehouse: Warehouse, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> Shop:
    """A shop without a description yet."""
    sources, folder = tmp_path / "sources", tmp_path / "files"
    sources.mkdir()
    folder.mkdir()
    name = re.sub(r"\W+", "_", request.node.nodeid.rpartition("::")[2].lower())[:60]
    name = f"{name}_{next(_NUMBERS)}"
    return Shop(shared_warehouse, settings.model_copy(update={"sources": sources}), folder, name)
