"""A world with features of one day and a champion."""

import pytest

from retention_ml.scores import served as served_module
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.scores.world import World


@pytest.fixture
def world(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> World:
    """Features of `world.DAY` and a champion, nothing scored yet."""
    monkeypatch.setattr(served_module, "served", served_module.served)
    made = World(warehouse, settings).install()
    made.features()
    made.champion()
    return made
