"""kill -9 while events are delivered and scored: none is lost or doubled, and a retry gives equal scores."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.live.event_log import close_batch, cut, open_batches
from retention_ml.live.worker import Worker
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.live_shop import LiveShop, live_shop, now

pytestmark = pytest.mark.thorough

PLACES = [p for p in FAILPOINTS if p.startswith(("deliver_events.", "refresh."))]
INSIDE = [
    "land.before_commit",
    "stage.before_commit",
    "curate.before_commit",
    "curate.after_commit",
]
_SCORES = "SELECT customer_id, churn_probability, risk_tier FROM scores.fresh ORDER BY customer_id"


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Work off what waits, in a process of its own that dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    paths = {name: Path(settings[name]) for name in ("home", "sources")}
    Worker(Warehouse(url), Settings(**settings | paths)).work()


def _killed(shop: LiveShop, place: str) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(shop.warehouse.url, shop.settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _require_once(shop: LiveShop, sent: int) -> None:
    """Every event is in the ledger once, and every batch has its scores."""
    assert shop.rows("SELECT count(*) AS n FROM curated.events") == [{"n": sent}]
    assert shop.rows("SELECT * FROM live.events WHERE record_sealed IS NOT NULL") == []
    assert shop.rows("SELECT * FROM live.batches WHERE refreshed_at IS NULL") == []
    assert shop.rows("SELECT * FROM quarantine.rows") == []
    assert violations(shop.warehouse) == []


@pytest.mark.fault("kill -9 while events are delivered and fresh scores computed", promises="P1 P2")
@pytest.mark.parametrize("place", PLACES + INSIDE)
def test_killed_anywhere_no_event_is_lost_or_doubled_and_a_retry_gives_the_scores(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, place: str
) -> None:
    assert len(PLACES) == 5
    shop = live_shop(warehouse, settings, tmp_path)
    shop.send("clicks", shop.clicks(range(6)))
    assert _killed(shop, place) == -9
    shop.worker.work()
    _require_once(shop, 6)
    fresh = shop.rows(_SCORES)
    assert len(fresh) == 6
    shop.daily_run(shop.tomorrow)
    daily = shop.rows(
        "SELECT customer_id, churn_probability, risk_tier FROM reports.customer_risk "
        "ORDER BY customer_id"
    )
    assert [row for row in daily if row in fresh] == fresh


def test_whoever_closes_a_batch_before_it_is_delivered_is_caught(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    """Negative control: dying between the two loses the events."""
    shop = live_shop(warehouse, settings, tmp_path)
    shop.send("clicks", shop.clicks([1, 2]))
    with warehouse.transaction() as transaction:
        cut(transaction, events_max=10, now=now())
        [batch] = open_batches(transaction)
        close_batch(transaction, batch.live_batch_id, file_sha256s=[], held_because=None, now=now())
    shop.worker.work()
    with pytest.raises(AssertionError):
        _require_once(shop, 2)
