"""A shop whose published day is today."""

from pathlib import Path

import pytest

from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.live_shop import LiveShop, live_shop


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> LiveShop:
    """Scored and published for today; nothing was sent yet."""
    return live_shop(warehouse, settings, tmp_path)
