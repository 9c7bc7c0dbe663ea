"""kill -9 while lists are made or published: readers see the old ones whole, or the new ones whole."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.recommendations.fitting.fit import fit
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.thorough

DAY, NEXT = date(2024, 12, 1), date(2024, 12, 2)
PLACES = [p for p in FAILPOINTS if p.startswith(("recommend.", "publish_lists."))]
FIT_PLACES = [p for p in FAILPOINTS if p.startswith("fit.")]
_HALF = (
    "SELECT 1 FROM recommendations.published JOIN recommendations.snapshots AS s "
    "USING (snapshot_id) WHERE s.status <> 'published' OR s.rows_count <> (SELECT count(*) "
    "FROM recommendations.customer_daily AS c WHERE c.snapshot_id = s.snapshot_id) "
    "OR NOT EXISTS (SELECT FROM recommendations.audits AS a WHERE a.snapshot_id = s.snapshot_id)"
)
_STRAY = (
    "SELECT 1 FROM recommendations.customer_daily LEFT JOIN recommendations.snapshots "
    "USING (snapshot_id) WHERE status IS NULL"
)


def _make(warehouse: Warehouse, settings: Settings, day: date) -> None:
    made = recommend(warehouse, settings=settings, as_of=day)
    publish_lists(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])


def _child(url: str, settings: dict[str, Any], place: str, door: str) -> None:
    """Run a door in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    configured = Settings(**{**settings, "home": Path(settings["home"])})
    if door == "fit":
        fit(Warehouse(url), settings=configured, as_of=DAY)
    else:
        _make(Warehouse(url), configured, NEXT)


def _killed(warehouse: Warehouse, settings: Settings, place: str, door: str = "lists") -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place, door)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _visible(warehouse: Warehouse) -> list[tuple[object, ...]]:
    with warehouse.transaction() as transaction:
        return [
            tuple(row)
            for row in transaction.execute(
                "SELECT as_of, count(*) FROM reports.recommendations GROUP BY 1"
            )
        ]


def _count(warehouse: Warehouse, sql: str) -> int:
    return int(warehouse.read(sql).num_rows)


@pytest.mark.fault(
    "kill -9 while lists are made and published",
    promises="P3 P6",
    counted="kills in making and publishing lists",
)
@pytest.mark.parametrize(
    ("place", "number"),
    [
        (place, number)
        for place in PLACES
        for number in rounds("kills in making and publishing lists", len(PLACES))
    ],
)
def test_killed_anywhere_no_half_list_is_left_and_a_retry_completes(
    warehouse: Warehouse, settings: Settings, place: str, number: int
) -> None:
    assert len(PLACES) == 5
    random_shop(warehouse, customers=60, days=400, seed=number + 1)
    _make(warehouse, settings, DAY)
    old = _visible(warehouse)
    assert _killed(warehouse, settings, place) == -9
    after = _visible(warehouse)
    assert (_count(warehouse, _HALF), _count(warehouse, _STRAY)) == (0, 0)
    assert (after == old) is (place != "publish_lists.after_commit")
    _make(warehouse, settings, NEXT)
    [(day, rows_count)] = _visible(warehouse)
    assert (day, _count(warehouse, _HALF)) == (NEXT, 0)
    if after != old:
        assert after == [(NEXT, rows_count)]


@pytest.mark.fault("kill -9 while a ranker of products is fitted", promises="P2")
@pytest.mark.parametrize("place", FIT_PLACES)
def test_killed_while_fitting_a_ranker_is_there_whole_or_not_at_all(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(FIT_PLACES) == 2
    random_shop(warehouse, customers=150, days=400)
    assert _killed(warehouse, settings, place, "fit") == -9
    is_committed = place == "fit.after_commit"
    for table in ("bundles", "fits"):
        assert _count(warehouse, f"SELECT 1 FROM recommendations.{table}") == is_committed
    again = fit(warehouse, settings=settings, as_of=DAY)
    assert again.details["is_new"] is not is_committed
    assert _count(warehouse, "SELECT 1 FROM recommendations.fits") == 1


def test_whoever_points_before_writing_is_caught(warehouse: Warehouse, settings: Settings) -> None:
    """Negative control: a snapshot whose rows are not all there is half a list."""
    random_shop(warehouse, customers=60, days=400)
    _make(warehouse, settings, DAY)
    assert _count(warehouse, _HALF) == 0
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM recommendations.customer_daily WHERE rank > 5")
    assert _count(warehouse, _HALF) == 1
    assert [one.invariant.promise for one in violations(warehouse)] == ["P3"]
    assert [one.invariant.promise for one in violations(warehouse, as_of=DAY)] == ["P3"]
