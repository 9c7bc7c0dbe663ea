"""A world with features of one day and a champion."""

import pytest

from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import World, make_world


@pytest.fixture
def world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """Features of `world.DAY` and a champion, nothing scored yet."""
    return make_world(warehouse, settings, monkeypatch)
