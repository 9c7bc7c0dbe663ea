"""kill -9 while value is learnt: what was learnt is there whole, or not at all."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.profiles.value.fit_value import fit_value
from retention_ml.profiles.value.fits import fit_in_force
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.thorough

DAY, HORIZON = date(2024, 12, 1), 60
PLACES = [place for place in FAILPOINTS if place.startswith("fit_value.")]


def _settings(settings: Settings) -> Settings:
    shorter = settings.profiles.model_copy(update={"value_horizon_days": HORIZON})
    return settings.model_copy(update={"profiles": shorter})


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Run the door in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    child = Settings(**{**settings, "home": Path(settings["home"])})
    fit_value(Warehouse(url), settings=child, as_of=DAY)


def _fits(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.read("SELECT as_of, fit_sha256 FROM profiles.value_fits").to_pylist()


@pytest.mark.fault("kill -9 while customer value is learnt", promises="P2")
@pytest.mark.parametrize("place", PLACES)
def test_killed_while_learning_value_a_fit_is_there_whole_or_not_at_all(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(PLACES) == 2
    settings = _settings(settings)
    random_shop(warehouse, customers=500, days=400)
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    assert process.exitcode == -9
    is_there = place == "fit_value.after_commit"
    assert len(_fits(warehouse)) == is_there
    fit, fault = fit_in_force(warehouse, DAY, HORIZON)
    assert ((fit is not None), fault) == (is_there, None)
    again = fit_value(warehouse, settings=settings, as_of=DAY)
    assert again.details["is_new"] is not is_there
    [row] = _fits(warehouse)
    fit, fault = fit_in_force(warehouse, DAY, HORIZON)
    assert fault is None
    assert fit is not None
    assert fit.sha256 == row["fit_sha256"] == again.details["fit_sha256"]


def test_a_fit_written_in_part_is_caught(warehouse: Warehouse, settings: Settings) -> None:
    """Negative control: a writer that stores the trees after the rest leaves half a fit."""
    random_shop(warehouse, customers=500, days=400)
    assert fit_value(warehouse, settings=_settings(settings), as_of=DAY).details["is_new"]
    with warehouse.transaction() as transaction:
        transaction.execute("UPDATE profiles.value_fits SET files = files - 'trees.lgb'")
    fit, fault = fit_in_force(warehouse, DAY, HORIZON)
    assert fit is None
    assert fault is not None
