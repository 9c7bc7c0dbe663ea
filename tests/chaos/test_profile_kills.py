"""kill -9 while profiles are made or published: readers see the old ones whole, or the new ones whole."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.thorough

DAY, NEXT = date(2024, 12, 1), date(2024, 12, 2)
PLACES = [p for p in FAILPOINTS if p.startswith(("profile.", "publish_profiles."))]
_HALF = (
    "SELECT 1 FROM profiles.published JOIN profiles.snapshots AS s USING (snapshot_id) "
    "WHERE s.status <> 'published' OR s.customers_count <> (SELECT count(*) "
    "FROM profiles.customer_daily AS c WHERE c.snapshot_id = s.snapshot_id) "
    "OR NOT EXISTS (SELECT FROM profiles.audits AS a WHERE a.snapshot_id = s.snapshot_id)"
)
_STRAY = (
    "SELECT 1 FROM profiles.customer_daily LEFT JOIN profiles.snapshots "
    "USING (snapshot_id) WHERE status IS NULL"
)


def _make(warehouse: Warehouse, settings: Settings, day: date) -> None:
    made = profile(warehouse, settings=settings, as_of=day)
    publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Run both doors in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    _make(Warehouse(url), Settings(**{**settings, "home": Path(settings["home"])}), NEXT)


def _killed(warehouse: Warehouse, settings: Settings, place: str) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _visible(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.read(
        "SELECT as_of, count(*) AS rows_count FROM reports.customer_profile GROUP BY 1"
    ).to_pylist()


def _count(warehouse: Warehouse, sql: str) -> int:
    return int(warehouse.read(sql).num_rows)


@pytest.mark.fault(
    "kill -9 while profiles are made and published",
    promises="P3 P6",
    counted="kills in making and publishing profiles",
)
@pytest.mark.parametrize(
    ("place", "number"),
    [
        (place, number)
        for place in PLACES
        for number in rounds("kills in making and publishing profiles", len(PLACES))
    ],
)
def test_killed_anywhere_no_half_profile_is_left_and_a_retry_completes(
    warehouse: Warehouse, settings: Settings, place: str, number: int
) -> None:
    assert len(PLACES) == 6
    random_shop(warehouse, customers=60, days=400, seed=number + 1)
    _make(warehouse, settings, DAY)
    old = _visible(warehouse)
    assert _killed(warehouse, settings, place) == -9
    after = _visible(warehouse)
    assert (_count(warehouse, _HALF), _count(warehouse, _STRAY)) == (0, 0)
    assert (after == old) is (place != "publish_profiles.after_commit")
    _make(warehouse, settings, NEXT)
    [visible] = _visible(warehouse)
    assert (visible["as_of"], _count(warehouse, _HALF)) == (NEXT, 0)
    if after != old:
        assert after == [visible]
    assert violations(warehouse) == []


@pytest.mark.fault("kill -9 while personas are decided", promises="P3")
def test_killed_while_personas_are_decided_no_half_decision_is_left(
    warehouse: Warehouse, settings: Settings
) -> None:
    random_shop(warehouse, customers=60, days=400)
    assert _killed(warehouse, settings, "decide_personas.before_commit") == -9
    for table in ("persona_fits", "persona_centroids", "snapshots"):
        assert _count(warehouse, f"SELECT 1 FROM profiles.{table}") == 0
    _make(warehouse, settings, NEXT)
    assert _count(warehouse, "SELECT 1 FROM profiles.persona_fits") == 1
    assert violations(warehouse) == []


@pytest.mark.fault("kill -9 while rows of old profiles are deleted", promises="P3")
def test_killed_while_old_rows_are_deleted_all_of_them_are_there_or_marked_as_gone(
    warehouse: Warehouse, settings: Settings
) -> None:
    random_shop(warehouse, customers=60, days=400)
    long_past = date(2024, 5, 1)
    _make(warehouse, settings, long_past)
    rows = f"SELECT 1 FROM profiles.customer_daily WHERE as_of = DATE '{long_past}'"
    before = _count(warehouse, rows)
    assert before > 0
    assert _killed(warehouse, settings, "prune_profiles.after_rows") == -9
    assert _count(warehouse, rows) == before
    assert violations(warehouse) == []
    _make(warehouse, settings, NEXT)
    assert _count(warehouse, rows) == 0
    assert _count(warehouse, _HALF) == 1  # for who does not look at the mark
    assert violations(warehouse) == []


def test_whoever_points_before_writing_is_caught(warehouse: Warehouse, settings: Settings) -> None:
    """Negative control: a snapshot whose rows are not all there is half a profile."""
    random_shop(warehouse, customers=60, days=400)
    _make(warehouse, settings, DAY)
    assert _count(warehouse, _HALF) == 0
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM profiles.customer_daily WHERE lifecycle_stage = 'lapsed'")
    assert _count(warehouse, _HALF) == 1
    assert [one.invariant.promise for one in violations(warehouse)] == ["P3"]
    assert [one.invariant.promise for one in violations(warehouse, as_of=DAY)] == ["P3"]
