"""A world with features of one day and a champion."""

import pytest

from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.models.conftest import shelf, stocked
from tests.worlds.scores import World, make_world

__all__ = ["shelf", "stocked", "world"]


@pytest.fixture
def world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """Features of `world.DAY` and a champion, nothing scored yet."""
    return make_world(warehouse, settings, monkeypatch)
