"""kill -9 while the platform's own contacts are written for the ingest."""

import multiprocessing
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.deliver import deliver, inbox
from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.inbox import is_named_like_a_delivery
from retention_ml.failpoints import FAILPOINTS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.actions.decided_days import DAY, Decisions, violated

pytestmark = pytest.mark.thorough

MINE = [name for name in FAILPOINTS if name.startswith("deliver.")]


def _deliver(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """Deliver in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    deliver(Warehouse(url), settings=Settings(**settings), as_of=DAY)


def _complete(settings: Settings) -> list[Path]:
    """The files that the watched folder reports."""
    return [path for path in inbox(settings).glob("*") if is_named_like_a_delivery(path.name)]


@pytest.mark.fault("kill -9 while own contacts are written", promises="P1 P2")
@pytest.mark.parametrize("place", MINE)
def test_killed_anywhere_no_half_file_is_seen_and_a_retry_gives_every_contact_once(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(MINE) == 2
    decisions = Decisions(warehouse)
    for number in range(300):
        decisions.assign(f"h{number:03d}") if number % 3 else decisions.send(f"c{number:03d}")
    process = multiprocessing.get_context("forkserver").Process(
        target=_deliver, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert all(path.read_bytes().count(b"\n") == 300 for path in _complete(settings))
    for _ in range(2):
        deliver(warehouse, settings=settings, as_of=DAY)
        if files := _complete(settings):
            ingest(warehouse, settings=settings, source="actions", files=files)
            for path in files:
                path.unlink()
    rows = warehouse.read("SELECT kind FROM curated.campaign_contacts")
    assert Counter(rows["kind"].to_pylist()) == {"sent": 100, "holdout": 200}
    assert violated(warehouse) == []
