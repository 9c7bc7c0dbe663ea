"""kill -9 while the files of the rollups are written: the next run is right."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.features.cache import manifest
from retention_ml.features.cache.rollup_cache import rollup_folder
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver

DAY = date(2025, 1, 15)
PLACES = [place for place in FAILPOINTS if place.startswith("cache.")]


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Build the day in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    stated = Settings(**{**settings, "home": Path(settings["home"])})
    build(Warehouse(url), settings=stated, as_of=DAY)


def _killed(warehouse: Warehouse, settings: Settings, place: str) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _without_files(settings: Settings) -> Settings:
    return settings.model_copy(update={"home": settings.home / "another"})


@pytest.mark.parametrize("place", PLACES)
def test_killed_while_files_are_written_the_next_run_is_right(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(PLACES) >= 2
    shops.random_shop(warehouse, customers=120, seed=5)
    for order in ("", "late"):  # the files are made, and a pass is added to them
        if order:
            deliver(warehouse, buy(order, shops.at("2024-12-01"), customer="c00"))
        assert _killed(warehouse, settings, place) == -9
        digest = build(warehouse, settings=settings, as_of=DAY).details["features_digest"]
        afresh = build(warehouse, settings=_without_files(settings), as_of=DAY)
        assert digest == afresh.details["features_digest"]
        assert store.read_day(warehouse, DAY)[1] == digest
    assert violations(warehouse) == []


def test_a_naive_cache_whose_manifest_comes_before_its_parts_is_caught(
    warehouse: Warehouse, settings: Settings
) -> None:
    """Negative control: what is listed and was never written."""
    shops.random_shop(warehouse, customers=120, seed=5)
    build(warehouse, settings=settings, as_of=DAY)
    folder = rollup_folder(settings.home)
    for part in folder.glob("customer_day-*"):
        part.unlink()
    with pytest.raises(manifest.UnusableCacheError, match="is missing"):
        manifest.read_manifest(folder)
