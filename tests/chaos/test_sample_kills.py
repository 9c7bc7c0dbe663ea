"""kill -9 while samples of days are built: each day has its rows with their record, or neither."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.features.samples import store
from retention_ml.features.samples.build_samples import ensure_samples
from retention_ml.features.store import digest, rows_of
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops

pytestmark = pytest.mark.thorough

DAYS = (date(2025, 1, 1), date(2025, 1, 15))
PLACES = [place for place in FAILPOINTS if place.startswith("build_samples.")]


def _child(url: str, settings: dict[str, Any], share: float, place: str, first: bool) -> None:
    """Build the samples in a process of its own, which dies at the failpoint."""
    settings = {**settings, "home": Path(settings["home"])}
    if not first:  # of the two days, it dies at the second
        ensure_samples(Warehouse(url), settings=Settings(**settings), shares={DAYS[0]: share})
    os.environ["RETENTION_FAILPOINT"] = place
    ensure_samples(Warehouse(url), settings=Settings(**settings), shares=dict.fromkeys(DAYS, share))


def _killed(
    warehouse: Warehouse, settings: Settings, share: float, place: str, *, first: bool
) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), share, place, first)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _half_days(warehouse: Warehouse) -> list[date]:
    """Days whose rows are not those recorded, or not recorded at all."""
    with warehouse.snapshot() as select:
        digests = select("SELECT as_of, features_digest FROM features.sample_builds").to_pydict()
        recorded = dict(zip(digests["as_of"], digests["features_digest"], strict=True))
        rows = {day: select(rows_of([day], store.TABLE)) for day in DAYS}
    return [
        day
        for day in DAYS
        if (recorded[day] != digest(rows[day]) if day in recorded else rows[day].num_rows)
    ]


@pytest.mark.fault("kill -9 while samples of days are built", promises="P2 P7", row=2)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", [True, False])
def test_killed_between_builds_the_days_that_are_left_are_built_next(
    warehouse: Warehouse, settings: Settings, place: str, first: bool
) -> None:
    assert len(PLACES) == 2
    shops.random_shop(warehouse, customers=120, seed=5)
    assert _killed(warehouse, settings, 0.3, place, first=first) == -9
    assert _half_days(warehouse) == []
    done = warehouse.read("SELECT as_of FROM features.sample_builds")["as_of"].to_pylist()
    assert done == ([] if first else [DAYS[0]])
    built = ensure_samples(warehouse, settings=settings, shares=dict.fromkeys(DAYS, 0.3))
    assert [receipt.as_of for receipt in built] == [day for day in DAYS if day not in done]
    # A larger sample in place of the smaller: the old one stands whole, or the new one.
    small = store.read(warehouse, dict.fromkeys(DAYS, 0.3))
    assert _killed(warehouse, settings, 0.8, place, first=True) == -9
    assert _half_days(warehouse) == []
    assert store.read(warehouse, dict.fromkeys(DAYS, 0.3)).equals(small)
    assert violations(warehouse) == []


def test_whoever_writes_rows_without_their_record_is_caught(
    warehouse: Warehouse, settings: Settings
) -> None:
    """Negative control: rows of which none is recorded, and rows that are not those recorded."""
    shops.random_shop(warehouse, customers=120, seed=5)
    ensure_samples(warehouse, settings=settings, shares=dict.fromkeys(DAYS, 0.5))
    assert _half_days(warehouse) == []
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM features.sample_builds WHERE as_of = :day", day=DAYS[0])
        transaction.execute(
            "DELETE FROM features.customer_sampled WHERE as_of = :day AND customer_id = "
            "(SELECT max(customer_id) FROM features.customer_sampled WHERE as_of = :day)",
            day=DAYS[1],
        )
    assert _half_days(warehouse) == list(DAYS)
