"""kill -9 while the actions of a day are decided: nothing, or all of it, and no message twice."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from retention_ml.actions.assignment.assign import assign
from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.decisions import DAY, DecisionShop

pytestmark = pytest.mark.thorough

MINE = [name for name in FAILPOINTS if name.startswith("assign.")]


def _assign(url: str, settings: dict[str, Any], failpoint: str) -> None:
    """Decide the day in a process of its own, which dies at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    assign(Warehouse(url), settings=Settings(**settings), as_of=DAY, today=DAY)


@pytest.mark.parametrize("place", MINE)
def test_killed_anywhere_a_day_is_decided_once_and_nobody_gets_two_messages(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, place: str
) -> None:
    assert len(MINE) == 3
    shop = DecisionShop(warehouse, settings, tmp_path / "actions", customers=200)
    process = multiprocessing.get_context("forkserver").Process(
        target=_assign, args=(warehouse.url, shop.settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    assert process.exitcode == -9
    is_committed = place == "assign.after_commit"
    assert len(shop.rows(f"SELECT 1 AS one FROM actions.days WHERE as_of = DATE '{DAY}'")) == (
        is_committed
    )
    assert violations(warehouse) == []
    receipt = shop.assign()
    assert receipt.details["is_repeat"] == is_committed
    messages = shop.rows("SELECT customer_id FROM actions.outbox")
    assert len(messages) == receipt.details["contacts_count"] > 3
    assert len({row["customer_id"] for row in messages}) == len(messages)
    assert shop.assign().duplicates == 200
    assert violations(warehouse) == []
