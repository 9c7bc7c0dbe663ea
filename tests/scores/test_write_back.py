"""Scores are written and published beside readers: neither waits for the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from retention_ml import failpoints
from retention_ml.errors import WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse
from tests.worlds.scores import DAY, World, make_world

NEXT = DAY + timedelta(days=1)
_CUSTOMERS = 60
_PLACES = [
    name for name in failpoints.FAILPOINTS if name.startswith(("score.", "publish.after_audits",
    "publish.before_commit"))
]  # fmt: skip
_READ = "SELECT as_of, count(*) AS customers FROM reports.customer_risk GROUP BY 1"


@contextmanager
def _impatient(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The same database for somebody who waits for no lock longer than a tenth of a second."""
    mark = "&" if "?" in warehouse.url else "?"
    impatient = Warehouse(f"{warehouse.url}{mark}options=-c%20lock_timeout%3D100ms")
    try:
        yield impatient
    finally:
        impatient.close()


@pytest.fixture
def world(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)
    world.features(NEXT, seed=2)
    return world


def _days(transaction: Transaction) -> list[tuple[date, int]]:
    return [(row.as_of, row.customers) for row in transaction.execute(_READ)]


def test_an_open_reader_does_not_block_a_publication_and_sees_its_own_day_to_the_end(
    world: World,
) -> None:
    with world.warehouse.transaction() as reading:
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        rows = reading.stream("SELECT as_of, customer_id FROM reports.customer_risk")
        observed = [next(rows)]
        with _impatient(world.warehouse) as publisher:
            World(publisher, world.settings, world.models, world.bundles).score_and_publish(NEXT)
        observed += rows
        assert {row.as_of for row in observed} == {DAY}
        assert len({row.customer_id for row in observed}) == _CUSTOMERS
        assert _days(reading) == [(DAY, _CUSTOMERS)]
    with world.warehouse.transaction() as after:
        assert _days(after) == [(NEXT, _CUSTOMERS)]


def test_no_reader_waits_at_any_place_of_scoring_and_publication(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed: dict[str, list[tuple[date, int]]] = {}
    with _impatient(world.warehouse) as reader:

        def read(name: str) -> None:
            with reader.transaction() as transaction:
                observed[name] = _days(transaction)

        monkeypatch.setattr(failpoints, "failpoint", read)
        world.score_and_publish(NEXT)
    assert observed.pop("publish.after_commit") == [(NEXT, _CUSTOMERS)]
    assert observed == {place: [(DAY, _CUSTOMERS)] for place in _PLACES}


def test_a_publisher_who_empties_the_table_is_blocked_by_a_reader_and_blocks_the_next(
    world: World,
) -> None:
    """Negative control: what these tests would say of `TRUNCATE` and a new table of scores."""
    with world.warehouse.transaction() as reading:
        _days(reading)
        with (
            _impatient(world.warehouse) as publisher,
            pytest.raises(WarehouseError, match="lock timeout"),
            publisher.transaction() as writing,
        ):
            writing.execute("TRUNCATE scores.customer_daily")
    with world.warehouse.transaction() as writing:
        writing.execute("TRUNCATE scores.customer_daily")
        with (
            _impatient(world.warehouse) as reader,
            pytest.raises(WarehouseError, match="lock timeout"),
            reader.transaction() as transaction,
        ):
            _days(transaction)


def test_two_days_that_are_scored_at_once_do_not_wait_for_each_others_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = NEXT + timedelta(days=1)
    world.features(later, seed=3)
    snapshots: list[int] = []

    def score_the_other(name: str) -> None:
        if name == "score.after_rows" and threading.current_thread() is threading.main_thread():
            thread = threading.Thread(
                target=lambda: snapshots.append(world.score(later).details["snapshot_id"])
            )
            thread.start()
            thread.join(60)

    monkeypatch.setattr(failpoints, "failpoint", score_the_other)
    snapshots.append(world.score(NEXT).details["snapshot_id"])
    assert len(set(snapshots)) == 2
    assert violations(world.warehouse) == []
