"""kill -9 while messages are read: a delivery is labelled whole or not at all, and a retry completes."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from retention_ml.failpoints import FAILPOINTS
from retention_ml.feedback import label as module
from retention_ml.feedback.label import label
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.features import deliver
from tests.worlds.shops import at

PLACES = [place for place in FAILPOINTS if place.startswith("label.")]
_HALF = (
    "SELECT 1 FROM feedback.labelled AS labelled WHERE messages_count <> (SELECT count(*) "
    "FROM feedback.messages AS message WHERE message.delivery_id = labelled.delivery_id) UNION ALL "
    "SELECT 1 FROM feedback.messages LEFT JOIN feedback.labelled AS labelled USING (delivery_id) "
    "WHERE labelled.delivery_id IS NULL"
)


def _child(url: str, settings: dict[str, Any], place: str) -> None:
    """Read the messages, one delivery per transaction, and die at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = place
    module._TRANSACTION_ROWS = 1
    configured = Settings(**{**settings, "home": Path(settings["home"])})
    label(Warehouse(url), settings=configured)


def _killed(warehouse: Warehouse, settings: Settings, place: str) -> int:
    process = multiprocessing.get_context("forkserver").Process(
        target=_child, args=(warehouse.url, settings.model_dump(), place)
    )
    process.start()
    process.join(600)
    return int(process.exitcode or 0)


def _count(warehouse: Warehouse, sql: str) -> int:
    return int(warehouse.read(sql).num_rows)


def _fill(warehouse: Warehouse) -> None:
    for number in range(3):
        rows = [
            {
                "feedback_id": f"f{number}-{n}",
                "customer_id": "c1",
                "event_at": at("2025-05-10"),
                "kind": "review",
                "comment": "late",
            }
            for n in range(4)
        ]
        deliver(warehouse, {"feedback": rows})


@pytest.mark.fault("kill -9 while messages of customers are read", promises="P1 P2")
@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_no_half_delivery_is_labelled(
    warehouse: Warehouse, settings: Settings, place: str
) -> None:
    assert len(PLACES) == 2
    _fill(warehouse)
    assert _killed(warehouse, settings, place) == -9
    assert _count(warehouse, _HALF) == 0
    done = 4 if place == "label.after_commit" else 0
    assert _count(warehouse, "SELECT 1 FROM feedback.messages") == done
    assert label(warehouse, settings=settings).written == 12 - done
    assert _count(warehouse, "SELECT 1 FROM feedback.messages") == 12
    assert _count(warehouse, _HALF) == 0


def test_whoever_records_before_writing_is_caught(warehouse: Warehouse, settings: Settings) -> None:
    """Negative control: a delivery that counts as read, some of whose messages are not there."""
    _fill(warehouse)
    label(warehouse, settings=settings)
    assert (_count(warehouse, _HALF), violations(warehouse)) == (0, [])
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM feedback.messages WHERE feedback_id = 'f1-2'")
    assert _count(warehouse, _HALF) == 1
    assert [one.invariant.promise for one in violations(warehouse)] == ["P2"]
