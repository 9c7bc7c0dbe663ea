"""kill -9 while files of the cache are written: the next run is right."""

import multiprocessing
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.features.cache import manifest
from retention_ml.features.cache.rollup_cache import rollup_folder
from retention_ml.maintenance.invariants import violations
from retention_ml.models.predictors.forest import Forest
from retention_ml.models.predictors.pieces import Booster
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FitContext
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import samples, shops
from tests.worlds.features import buy, deliver

pytestmark = pytest.mark.thorough

DAY = date(2025, 1, 15)
ROWS = samples.rows(600)
TREES = "cache.before_trees"
PLACES = [place for place in FAILPOINTS if place.startswith("cache.") and place != TREES]


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Build the day in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    stated = Settings(**{**settings, "home": Path(settings["home"])})
    build(Warehouse(url), settings=stated, as_of=DAY)


def _killed(warehouse: Warehouse, settings: Settings, place: str) -> int:
    return _end_of(_child, warehouse.url, settings.model_dump(), place)


def _end_of(child: Callable[..., None], *arguments: object) -> int:
    process = multiprocessing.get_context("forkserver").Process(target=child, args=arguments)
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _without_files(settings: Settings) -> Settings:
    return settings.model_copy(update={"home": settings.home / "another"})


@pytest.mark.fault("kill -9 while files beside Postgres are written", promises="P2 P7", row=2)
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


def _fill(folder: Path, text: str, place: str) -> None:
    """Fill the tables of a tree in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    Forest.cached(_boosters(text), folder)


def _boosters(text: str) -> list[Booster]:
    return [Booster(text=text, columns=np.arange(len(ROWS.features)), factor=1.0)]


@pytest.mark.fault("kill -9 while tables of trees are written", promises="P2 P7", row=2)
def test_killed_while_tables_of_trees_are_written_the_next_process_fills_them(
    tmp_path: Path,
) -> None:
    [text] = grow(ROWS, {"num_leaves": 8}, FitContext(seed=1, threads=1), rounds=4).texts
    expected = Forest.of(_boosters(text))
    assert expected is not None
    assert _end_of(_fill, tmp_path, text, TREES) == -9
    assert list(tmp_path.glob("*.arrow")) == []
    for _ in ("filled and kept", "read"):
        made = Forest.cached(_boosters(text), tmp_path)
        assert made is not None
        np.testing.assert_array_equal(made.sums(ROWS.values, 1), expected.sums(ROWS.values, 1))
        assert len(list(tmp_path.glob("*.arrow"))) == 1


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
