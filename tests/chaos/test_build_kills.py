"""kill -9 while two processes build the same day: rows, digest and record always agree.

The two count activity differently, so that each stores other rows than the other. A naive builder
beside them shows that the check can fail.
"""

import multiprocessing
import random
import time
from datetime import date
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

import pytest

from retention_ml.errors import AccountingError
from retention_ml.features import store
from retention_ml.features.build import ensure
from retention_ml.features.roll_up import roll_up
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos import builder
from tests.chaos.counts import count
from tests.worlds import shops
from tests.worlds.features import in_zone

pytestmark = pytest.mark.thorough

DAY = date(2025, 1, 15)
KILLED = -9
ROUNDS = count("rounds of two builders killed at random")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.builder"])
    return context


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Warehouse:
    """A shop whose day has not been built."""
    shops.random_shop(warehouse, customers=120, seed=5)
    roll_up(warehouse, settings=in_zone(settings, "UTC"))
    store.ensure_columns(warehouse)
    return warehouse


def _start(
    processes: ForkServerContext,
    warehouse: Warehouse,
    settings: Settings,
    active_days: int,
    *,
    failpoint: str = "",
    is_naive: bool = False,
) -> tuple[BaseProcess, Event]:
    """A builder, and the event that it has built the day once."""
    has_built = processes.Event()
    settings = in_zone(settings, "UTC", active_days=active_days)
    process = processes.Process(
        target=builder.main,
        args=(
            warehouse.url,
            settings.model_dump(),
            DAY.isoformat(),
            failpoint,
            is_naive,
            has_built,
        ),
        daemon=True,
    )
    process.start()
    return process, has_built


def _disagreement(warehouse: Warehouse) -> str | None:
    """What rows, digest and record do not agree on, at one moment; None where they do."""
    with warehouse.snapshot() as select:
        rows = select(store.rows_of([DAY]))
        builds = select(
            "SELECT features_digest, customers_count FROM features.builds "
            "ORDER BY build_id DESC LIMIT 1"
        ).to_pylist()
    if not builds:
        return f"{rows.num_rows} rows without a record" if rows.num_rows else None
    expected = {"features_digest": store.digest(rows), "customers_count": rows.num_rows}
    return None if builds == [expected] else "the rows are not those recorded"


@pytest.mark.fault(
    "two builders of a day, both killed at random",
    promises="P2 P7",
    row=(2, 7),
    counted="rounds of two builders killed at random",
)
def test_two_builders_of_one_day_killed_at_random_leave_rows_that_are_those_recorded(
    processes: ForkServerContext, shop: Warehouse, settings: Settings
) -> None:
    draw = random.Random(20260301)
    disagreements = []
    for _ in range(ROUNDS):
        pair = [_start(processes, shop, settings, active_days) for active_days in (60, 90)]
        assert all(has_built.wait(60) for _, has_built in pair)
        for process, _ in draw.sample(pair, 2):
            until = time.monotonic() + draw.uniform(0, 0.5)
            while time.monotonic() < until:
                disagreements.append(_disagreement(shop))
                store.read_day(shop, DAY)  # as the door of scoring reads
            assert process.is_alive()
            process.kill()
            process.join(60)
            disagreements.append(_disagreement(shop))
    assert set(disagreements) == {None}
    builds = shop.read("SELECT catalogue_sha256 FROM features.builds")["catalogue_sha256"]
    assert len(builds.unique()) == 2
    assert len(builds) >= 2 * ROUNDS
    assert violations(shop) == []
    settings = in_zone(settings, "UTC", active_days=30)
    assert len(ensure(shop, settings=settings, days=[DAY])) == 1
    assert _disagreement(shop) is None


@pytest.mark.parametrize("failpoint", ["build.before_record", "build.before_commit"])
def test_killed_at_a_failpoint_the_build_before_stays(
    processes: ForkServerContext, shop: Warehouse, settings: Settings, failpoint: str
) -> None:
    for times in (0, 1):  # nothing before, and a build before
        before = shop.read("SELECT * FROM features.customer_daily").sort_by("customer_id")
        process, _ = _start(processes, shop, settings, 60, failpoint=failpoint)
        process.join(60)
        assert process.exitcode == KILLED, f"{failpoint} was not reached"
        assert _disagreement(shop) is None
        assert shop.read("SELECT * FROM features.customer_daily").sort_by("customer_id") == before
        assert shop.read("SELECT build_id FROM features.builds").num_rows == times
        if not times:
            ensure(shop, settings=in_zone(settings, "UTC"), days=[DAY])
    assert violations(shop) == []


def test_a_naive_builder_that_dies_between_rows_and_record_is_caught(
    processes: ForkServerContext, shop: Warehouse, settings: Settings
) -> None:
    for failpoint in ("build.before_record", "build.before_commit"):
        process, _ = _start(processes, shop, settings, 60, failpoint=failpoint, is_naive=True)
        process.join(60)
        assert process.exitcode == KILLED
        assert "rows without a record" in str(_disagreement(shop))
    ensure(shop, settings=in_zone(settings, "UTC"), days=[DAY])
    process, _ = _start(
        processes, shop, settings, 60, failpoint="build.before_record", is_naive=True
    )
    process.join(60)
    assert _disagreement(shop) == "the rows are not those recorded"
    with pytest.raises(AccountingError, match="not those that their build recorded"):
        store.read_day(shop, DAY)
