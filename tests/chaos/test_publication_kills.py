"""Killed while scoring or publishing: readers see the previous or the next complete snapshot."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.context import BaseContext

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos import publisher
from tests.chaos.counts import rounds
from tests.worlds.scores import DAY, World, make_world

NEXT = DAY + timedelta(days=1)
CUSTOMERS = 60
KILLED = -9
PLACES = (
    "score.after_rows",
    "score.before_commit",
    "publish.after_audits",
    "publish.before_commit",
    "publish.after_commit",
)

# Each must return no row at any time: FAULTS P1 to P3 and P7 for scores.
INVARIANTS = {
    "a published snapshot has every row of its manifest": (
        "SELECT 1 FROM scores.published JOIN scores.snapshots AS s USING (snapshot_id) WHERE "
        "s.scored_count <> (SELECT count(*) FROM scores.customer_daily AS c "
        "WHERE c.snapshot_id = s.snapshot_id)"
    ),
    "a published snapshot was audited": (
        "SELECT 1 FROM scores.published WHERE snapshot_id NOT IN (SELECT snapshot_id FROM scores.audits)"
    ),
    "a published snapshot says so": (
        "SELECT 1 FROM scores.published JOIN scores.snapshots USING (snapshot_id) "
        "WHERE status <> 'published'"
    ),
    "no rows stand without a manifest": (
        "SELECT 1 FROM scores.customer_daily LEFT JOIN scores.snapshots USING (snapshot_id) "
        "WHERE status IS NULL"
    ),
    "rows are of the manifest's models": (
        "SELECT 1 FROM scores.customer_daily AS c JOIN scores.snapshots AS s USING (snapshot_id) "
        "WHERE (c.model_name, c.model_version) IS DISTINCT FROM CASE c.arm WHEN 'challenger' "
        "THEN (s.challenger_name, s.challenger_version) ELSE (s.model_name, s.model_version) END"
    ),
    "population is accounted for": (
        "SELECT 1 FROM scores.published JOIN scores.snapshots AS s USING (snapshot_id) WHERE "
        "s.population_count <> (SELECT count(*) FROM features.customer_daily AS f "
        "WHERE f.as_of = s.as_of)"
    ),
    "transitions only of what was published": (
        "SELECT 1 FROM scores.tier_transitions JOIN scores.snapshots USING (snapshot_id) "
        "WHERE status <> 'published'"
    ),
}


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    """Fresh processes that need not import everything again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.publisher"])
    return context


def _run(processes: BaseContext, world: World, place: str = "", *, is_naive: bool = False) -> int:
    """Score and publish the next day in another process; its exit code."""
    process = processes.Process(  # type: ignore[attr-defined]
        target=publisher.main,
        args=(
            world.warehouse.url,
            str(world.settings.home),
            NEXT.isoformat(),
            place,
            is_naive,
        ),
    )
    process.start()
    process.join(120)
    return int(process.exitcode)


@contextmanager
def _reader(url: str) -> Iterator[set[tuple[object, ...]]]:
    """What a reader who asks without pause, and once more at the end, has seen."""
    answers: set[tuple[object, ...]] = set()
    stop, began = threading.Event(), threading.Event()

    def read() -> None:
        warehouse = Warehouse(url)
        is_last = False
        while not is_last:
            is_last = stop.is_set()
            with warehouse.transaction() as transaction:
                row = transaction.execute(
                    "SELECT max(as_of), count(DISTINCT snapshot_id), count(*), "
                    "count(DISTINCT customer_id) FROM reports.customer_risk"
                )[0]
            answers.add(tuple(row))
            began.set()
        warehouse.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        began.wait(10)
        yield answers
    finally:
        stop.set()
        thread.join()


def _broken(world: World) -> list[str]:
    return [name for name, sql in INVARIANTS.items() if world.rows(sql)]


@pytest.fixture
def published(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose first day is published and whose next day waits to be scored."""
    world = make_world(warehouse, settings, monkeypatch)
    world.score_and_publish(DAY)
    world.features(NEXT, seed=2)
    return world


def test_the_places_are_all_there_are() -> None:
    assert set(PLACES) == {p for p in FAILPOINTS if p.startswith(("score.", "publish."))}


@pytest.mark.fault(
    "kill -9 in publication", promises="P3 P6", row=2, counted="kills in publication"
)
@pytest.mark.fault("kill -9 in scoring", promises="P3 P6", row=2, counted="kills in scoring")
@pytest.mark.parametrize(
    ("place", "number"),
    [
        (place, number)
        for fault, stage, places in (
            ("kills in scoring", "score.", 2),
            ("kills in publication", "publish.", 3),
        )
        for place in PLACES
        if place.startswith(stage)
        for number in rounds(fault, places)
    ],
)
def test_killed_anywhere_readers_see_a_whole_snapshot_and_a_retry_completes(
    processes: BaseContext, published: World, place: str, number: int
) -> None:
    old, new = (DAY, 1, CUSTOMERS, CUSTOMERS), (NEXT, 1, CUSTOMERS, CUSTOMERS)
    with _reader(published.warehouse.url) as answers:
        assert _run(processes, published, place) == KILLED
        assert _broken(published) == []
        after_kill = set(answers)
        assert _run(processes, published) == 0
    assert _broken(published) == []
    assert after_kill <= {old, new}
    assert (new in after_kill) <= (place == "publish.after_commit")
    assert answers == {old, new}
    counts = published.rows(
        "SELECT as_of, count(*) AS n FROM reports.customer_risk_history GROUP BY 1 ORDER BY 1"
    )
    assert counts == [{"as_of": DAY, "n": CUSTOMERS}, {"as_of": NEXT, "n": CUSTOMERS}]


def test_a_naive_publisher_is_caught_by_reader_and_invariants(
    processes: BaseContext, published: World
) -> None:
    """Negative control: pointing before writing shows half a snapshot when killed."""
    with _reader(published.warehouse.url) as answers:
        assert _run(processes, published, "publish.before_commit", is_naive=True) == KILLED
    assert (None, 0, 0, 0) in answers
    assert "a published snapshot has every row of its manifest" in _broken(published)
    assert "a published snapshot was audited" in _broken(published)
