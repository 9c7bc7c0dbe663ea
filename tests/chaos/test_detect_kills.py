"""kill -9 while abnormal customers are detected: the old rows of the day stand whole, or the new ones."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from retention_ml.abnormal.detect import detect
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.failpoints import FAILPOINTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.worlds.abnormal_shop import DAY, abnormal_shop

pytestmark = pytest.mark.thorough

PLACES = [place for place in FAILPOINTS if place.startswith("detect.")]
_HALF = (
    "SELECT 1 FROM (SELECT DISTINCT ON (as_of) * FROM abnormal.detections "
    "ORDER BY as_of, detection_id DESC) AS newest WHERE flagged_count + confirmed_count "
    "+ cleared_count <> (SELECT count(*) FROM abnormal.customer_daily AS customer "
    "WHERE customer.as_of = newest.as_of) OR excluded_count <> (SELECT count(*) "
    "FROM abnormal.customer_daily AS customer WHERE customer.as_of = newest.as_of AND is_excluded)"
)


def _everything_excluded(settings: Settings) -> Settings:
    section = settings.abnormal.model_copy(update={"returner": "exclude", "reseller": "exclude"})
    return settings.model_copy(update={"abnormal": section})


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Detect in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    detect(
        Warehouse(url),
        settings=Settings(**{**settings, "home": Path(settings["home"])}),
        as_of=DAY,
    )


def _killed(warehouse: Warehouse, settings: Settings, place: str) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


@pytest.mark.fault(
    "kill -9 while abnormal customers are detected",
    promises="P3",
    counted="kills in detecting abnormal customers",
)
@pytest.mark.parametrize(
    ("place", "number"),
    [
        (place, number)
        for place in PLACES
        for number in rounds("kills in detecting abnormal customers", len(PLACES))
    ],
)
def test_killed_anywhere_the_old_day_or_the_new_one_stands_whole(
    warehouse: Warehouse, settings: Settings, place: str, number: int
) -> None:
    assert len(PLACES) == 3
    abnormal_shop(warehouse, customers=60 + number)
    detect(warehouse, settings=settings, as_of=DAY)
    assert len(excluded_customers(warehouse, DAY)) == 3
    others = _everything_excluded(settings)
    assert _killed(warehouse, others, place) == -9
    assert len(excluded_customers(warehouse, DAY)) == (5 if place == "detect.after_commit" else 3)
    assert warehouse.read(_HALF).num_rows == 0
    assert detect(warehouse, settings=others, as_of=DAY).details["excluded"] == 5
    assert len(excluded_customers(warehouse, DAY)) == 5
    assert warehouse.read("SELECT 1 FROM abnormal.decisions").num_rows == 5  # nobody twice


def test_whoever_writes_in_two_steps_is_caught(warehouse: Warehouse, settings: Settings) -> None:
    """Negative control: a day of which rows are missing is half a day."""
    abnormal_shop(warehouse)
    detect(warehouse, settings=settings, as_of=DAY)
    assert warehouse.read(_HALF).num_rows == 0
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM abnormal.customer_daily WHERE kind = 'bot'")
    assert warehouse.read(_HALF).num_rows == 1
