"""kill -9 at any moment of the day's recommendations: fit, lists, publication, pairs of products."""

import multiprocessing
import os
import random
import signal
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.recommendations.fitting.fit import fit
from retention_ml.recommendations.pairs.pair_products import pair_products
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.thorough

DAY, NEXT = date(2024, 12, 1), date(2024, 12, 2)
PAIR_PLACES = [p for p in FAILPOINTS if p.startswith("pair_products.")]
_PUBLISHED = (
    "SELECT as_of, status, lists_digest, rows_count, (SELECT count(*) FROM "
    "recommendations.customer_daily AS c WHERE c.snapshot_id = s.snapshot_id) AS actual_count, "
    "(SELECT count(*) FROM recommendations.audits AS a WHERE a.snapshot_id = s.snapshot_id "
    "AND a.is_success) AS audits_count FROM recommendations.published "
    "JOIN recommendations.snapshots AS s USING (snapshot_id, as_of) ORDER BY as_of"
)
# What must never be: rows without a manifest, or fewer than a manifest says.
_HALVES = (
    "SELECT 1 AS one FROM recommendations.customer_daily LEFT JOIN recommendations.snapshots "
    "USING (snapshot_id) WHERE status IS NULL",
    "SELECT 1 AS one FROM recommendations.snapshots AS s WHERE rows_count <> (SELECT count(*) "
    "FROM recommendations.customer_daily AS c WHERE c.snapshot_id = s.snapshot_id)",
    "SELECT 1 AS one FROM recommendations.pair_counts AS s WHERE rows_count <> (SELECT count(*) "
    "FROM recommendations.product_pairs AS p WHERE p.as_of = s.as_of)",
    "SELECT 1 AS one FROM recommendations.bundles WHERE bundle_sha256 NOT IN "
    "(SELECT bundle_sha256 FROM recommendations.fits)",
)


def _day(warehouse: Warehouse, settings: Settings, day: date) -> None:
    """What the DAG does."""
    fit(warehouse, settings=settings, as_of=day)
    made = recommend(warehouse, settings=settings, as_of=day)
    publish_lists(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    pair_products(warehouse, settings=settings, as_of=day)


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    if place:
        os.environ["RETENTION_FAILPOINT"] = place
    _day(Warehouse(url), Settings(**{**settings, "home": Path(settings["home"])}), NEXT)


def _run(
    warehouse: Warehouse, settings: Settings, *, place: str = "", kill_after: float = 600
) -> int | None:
    """The day in a process of its own, which dies at a failpoint or after some seconds."""
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(kill_after)
    process.kill()
    process.join(60)
    return process.exitcode


def _rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    return warehouse.read(sql).to_pylist()


def _digests(warehouse: Warehouse) -> list[dict[str, Any]]:
    """What came out of the next day, as digests."""
    return _rows(
        warehouse,
        "SELECT lists_digest, bundle_sha256, (SELECT pairs_digest FROM recommendations.pair_counts "
        f"WHERE as_of = DATE '{NEXT}') AS pairs_digest, (SELECT bundle_sha256 FROM "
        f"recommendations.fits WHERE as_of = DATE '{NEXT}') AS fitted FROM recommendations.snapshots "
        f"JOIN recommendations.published USING (snapshot_id, as_of) WHERE as_of = DATE '{NEXT}'",
    )


def _forget(warehouse: Warehouse) -> None:
    """As if the next day had never been begun."""
    of_day = f"(SELECT snapshot_id FROM recommendations.snapshots WHERE as_of = DATE '{NEXT}')"
    tables = ("audits", "filtered", "exclusions", "product_daily", "customer_daily")
    with warehouse.transaction() as transaction:
        for table in ("product_pairs", "pair_counts", "published", "fits"):
            transaction.execute(f"DELETE FROM recommendations.{table} WHERE as_of = DATE '{NEXT}'")
        for table in tables:
            transaction.execute(
                f"DELETE FROM recommendations.{table} WHERE snapshot_id IN {of_day}"
            )
        transaction.execute(f"DELETE FROM recommendations.snapshots WHERE as_of = DATE '{NEXT}'")
        transaction.execute("DELETE FROM recommendations.bundles")


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Warehouse:
    """A shop with published lists of the day before, by frequency."""
    random_shop(warehouse, customers=150, days=400)
    made = recommend(warehouse, settings=settings, as_of=DAY)
    publish_lists(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])
    return warehouse


@pytest.mark.fault(
    "kill -9 at random in a day of recommendations: fit, lists, publication, pairs",
    promises="P2 P3 P6",
    counted="kills at random in a day of recommendations",
)
def test_killed_at_random_moments_readers_see_whole_lists_and_a_retry_gives_equal_digests(
    shop: Warehouse, settings: Settings
) -> None:
    started = time.perf_counter()
    assert _run(shop, settings) == 0
    seconds = time.perf_counter() - started
    undisturbed = _digests(shop)
    assert len(undisturbed) == 1
    assert all(undisturbed[0][name] for name in ("lists_digest", "pairs_digest", "fitted"))
    [old, _] = _rows(shop, _PUBLISHED)
    _forget(shop)
    draw = random.Random(20261129)
    killed = 0
    for _ in range(count("kills at random in a day of recommendations")):
        ended = _run(shop, settings, kill_after=draw.uniform(0, seconds))
        assert ended in (0, -signal.SIGKILL)
        killed += ended != 0
        assert [_rows(shop, sql) for sql in _HALVES] == [[]] * len(_HALVES)
        published = _rows(shop, _PUBLISHED)
        assert published[0] == old
        for row in published:
            assert (row["status"], row["rows_count"]) == ("published", row["actual_count"])
            assert row["audits_count"] > 5
        assert violations(shop) == []
        if len(published) == 2:
            assert published[1]["lists_digest"] == undisturbed[0]["lists_digest"]
            _forget(shop)
    assert killed > 0
    assert _run(shop, settings) == 0
    assert _digests(shop) == undisturbed
    assert _run(shop, settings) == 0  # once more changes nothing
    assert _digests(shop) == undisturbed


@pytest.mark.fault("kill -9 while pairs of products are counted", promises="P2 P3")
@pytest.mark.parametrize("place", PAIR_PLACES)
def test_killed_while_pairs_are_counted_they_are_there_whole_or_not_at_all(
    shop: Warehouse, settings: Settings, place: str
) -> None:
    assert len(PAIR_PLACES) == 2
    assert _run(shop, settings, place=place) == -signal.SIGKILL
    is_committed = place == "pair_products.after_commit"
    assert len(_rows(shop, "SELECT 1 AS one FROM recommendations.pair_counts")) == is_committed
    assert [_rows(shop, sql) for sql in _HALVES] == [[]] * len(_HALVES)
    receipt = pair_products(shop, settings=settings, as_of=NEXT)
    assert receipt.details["is_new"] is not is_committed
    assert len(_rows(shop, "SELECT 1 AS one FROM recommendations.pair_counts")) == 1
