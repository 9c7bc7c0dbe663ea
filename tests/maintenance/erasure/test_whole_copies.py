"""Files that cannot be emptied: their copies go whole, once their batches are closed."""

import json
from collections.abc import Sequence
from pathlib import Path

from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.people.conftest import take_in
from tests.worlds.batches import with_source

SOURCE = """
title = "A shop"
timezone = "Europe/London"
currency = "EUR"

[feeds.events]
files = ["*.json"]
format = "json"
table = "events"

[feeds.events.columns]
customer_id = "who"
event_at = "at"
event_type = "type"
"""


def _file(folder: Path, name: str, days: Sequence[int]) -> Path:
    path = folder / name
    rows = [
        {"who": f"customer{who}", "at": f"2026-02-{day:02d} 10:00:00", "type": "login"}
        for day in days
        for who in (1, 2)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def _copies(settings: Settings) -> int:
    return len(list((settings.home / "landing").glob("??/*")))


def test_a_document_that_names_them_leaves_the_archive_and_stays_away(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, SOURCE)
    first = _file(tmp_path, "first.json", [1, 2])
    take_in(warehouse, settings, (first,), source="shop")
    assert _copies(settings) == 1
    receipt = forget(warehouse, settings=settings, numbers=["customer1"])
    assert receipt.details["rows"]["curated.events"] == 2
    assert (receipt.details["files"]["due"], receipt.details["files"]["removed"]) == (1, 1)
    assert _copies(settings) == 0
    land(warehouse, settings=settings, source="shop", files=[first])
    assert _copies(settings) == 0
    longer = _file(tmp_path, "longer.json", [1, 2, 3])
    landed = land(warehouse, settings=settings, source="shop", files=[longer], history=True)
    batch_id = landed.details["batch_id"]
    staged = stage(warehouse, settings=settings, batch_id=batch_id)
    assert (staged.written, staged.left_out) == (3, 3)
    assert _copies(settings) == 1  # a check may still hold the batch, and read it again
    take_in(warehouse, settings, (longer,), source="shop")
    assert _copies(settings) == 0
    proof = prove(warehouse, settings=settings, numbers=["customer1"])
    assert proof.details["hits"] == {}
    assert violations(warehouse) == []
    with warehouse.transaction() as transaction:
        [[count]] = transaction.execute("SELECT count(*) FROM curated.events")
    assert count == 3
