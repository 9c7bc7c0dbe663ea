"""A backfill beside the daily run, in any order and twice: every day ends the same."""

import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.errors import PublicationRefused
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.databases import NewWarehouse
from tests.worlds.scores import DAY, World, make_world

_DAYS = [DAY + timedelta(days=n) for n in range(5)]
_PUBLISHED = "SELECT * FROM reports.customer_risk_history AS day ORDER BY as_of, customer_id"
_OF_THE_RUN = ("snapshot_id", "scored_at", "published_at")
_OF_THE_PAST = (
    "tier_since",
)  # of the days that were published when the day was scored: decision 7


def _world(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, hysteresis: float
) -> World:
    world = make_world(warehouse, settings, monkeypatch)
    world.set("tiers", hysteresis=hysteresis)
    for number, day in enumerate(_DAYS):
        world.features(day, seed=number + 1)
    return world


def _end(world: World) -> list[dict[str, Any]]:
    """All that readers see of all days, without what names a run or the days before it."""
    rows, left_out = world.rows(_PUBLISHED), _OF_THE_RUN + _OF_THE_PAST
    assert {row["as_of"] for row in rows} == set(_DAYS)
    return [{name: row[name] for name in row if name not in left_out} for row in rows]


def _run(world: World, day: date) -> None:
    """Score and publish; where another run has overtaken it again, as its refusal says."""
    for _attempt in range(5):
        with suppress(PublicationRefused):
            world.score_and_publish(day)
            return


def _beside_each_other(world: World, backfill: Sequence[date], daily: Sequence[date]) -> None:
    start = threading.Barrier(2)

    def one_by_one(days: Sequence[date]) -> None:
        start.wait()
        for day in days:
            _run(world, day)

    threads = [threading.Thread(target=one_by_one, args=(days,)) for days in (backfill, daily)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def expected(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """The end after each day was run once, in order."""
    home: Path = tmp_path_factory.mktemp("in_order")
    with new_warehouse() as warehouse, pytest.MonkeyPatch.context() as patch:
        world = _world(warehouse, load({"RETENTION_HOME": str(home)}), patch, 0.0)
        for day in _DAYS:
            world.score_and_publish(day)
        return _end(world)


@pytest.mark.fault(
    "backfill and daily run beside each other, days in any order, some twice",
    promises="P2 P3",
    row=8,
    counted="orders of backfill and daily run",
)
@pytest.mark.parametrize("number", range(count("orders of backfill and daily run")))
def test_in_whatever_order_days_are_run_they_end_the_same(
    warehouse: Warehouse,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    expected: list[dict[str, Any]],
    number: int,
) -> None:
    world = _world(warehouse, settings, monkeypatch, 0.0)
    draw = random.Random(number)
    backfill = draw.sample(_DAYS[:-1], 4) + draw.sample(_DAYS, 2)
    daily = [_DAYS[-1], *draw.sample(_DAYS, draw.randint(0, 2))]
    _beside_each_other(world, backfill, daily)
    for day in _DAYS:
        assert len(world.rows(f"SELECT 1 FROM scores.published WHERE as_of = '{day}'")) == 1
    assert _end(world) == expected


def test_tiers_that_go_on_from_the_day_before_depend_on_the_order(
    warehouse: Warehouse,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    expected: list[dict[str, Any]],
) -> None:
    """Negative control: with hysteresis tiers have a past (decision 7), and the comparison sees it."""
    world = _world(warehouse, settings, monkeypatch, 0.2)
    for day in _DAYS:
        world.score_and_publish(day)
    assert _end(world) != expected
