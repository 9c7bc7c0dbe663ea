"""What was kept long enough goes, nothing else does, and every promise still holds."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from retention_ml import clock
from retention_ml.curated.ingest import replay_quarantine
from retention_ml.deliveries.archive import path_of
from retention_ml.deliveries.land import land
from retention_ml.deliveries.ledger.files import archived_files
from retention_ml.maintenance.expire import expire
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.people.conftest import Shop, shop_files, shop_with_numbers, take_in

__all__ = ["shop_files", "shop_with_numbers"]


def _keeping(settings: Settings, **days: int) -> Settings:
    return settings.model_copy(update={"privacy": settings.privacy.model_copy(update=days)})


@pytest.fixture
def old_shop(shop_with_numbers: Shop, tmp_path: Path) -> Shop:
    """A shop of 400 days ago, with rows in quarantine."""
    path = tmp_path / "customers_odd.csv"
    path.write_text(
        "customer_id,registered_at,country,age_band,income_band,household_size\n"
        "C8888888,never,Ireland,25-34,20-35K,2\n"
    )
    take_in(shop_with_numbers.warehouse, shop_with_numbers.settings, (path,))
    before = clock.now() - timedelta(days=400)
    with shop_with_numbers.warehouse.transaction() as transaction:
        transaction.execute("UPDATE quarantine.rows SET quarantined_at = :b", b=before)
        transaction.execute("UPDATE raw.deliveries SET landed_at = :b", b=before)
    return shop_with_numbers


def _texts(of: Shop) -> list[object]:
    return of.values("SELECT raw_text FROM quarantine.rows")


def test_rows_in_quarantine_lose_their_text_and_stay_counted(old_shop: Shop) -> None:
    assert any("C8888888" in str(text) for text in _texts(old_shop))
    rows_count = len(_texts(old_shop))
    receipt = expire(old_shop.warehouse, settings=_keeping(old_shop.settings, quarantine_days=401))
    assert receipt.written == 0
    receipt = expire(old_shop.warehouse, settings=old_shop.settings)
    assert receipt.details["expired"]["quarantine.rows"] == rows_count > 0
    assert set(_texts(old_shop)) == {""}
    assert old_shop.values("SELECT count(*) FROM quarantine.rows WHERE raw_bytes IS NOT NULL") == [
        0
    ]
    assert violations(old_shop.warehouse) == []
    assert expire(old_shop.warehouse, settings=old_shop.settings).written == 0
    replayed = replay_quarantine(
        old_shop.warehouse, settings=old_shop.settings, source=None, reason=None
    )
    assert replayed.read == 0
    assert old_shop.values("SELECT event FROM audit.log") == ["expired"]


def test_archived_files_go_where_a_period_is_set_and_come_back_with_a_delivery(
    old_shop: Shop,
) -> None:
    digests = [str(each) for each in old_shop.values("SELECT file_sha256 FROM raw.deliveries")]
    assert expire(old_shop.warehouse, settings=old_shop.settings).details["expired"].keys() == {
        "quarantine.rows",
        "actions.outbox",
        "ops.assistant_calls",
    }
    with old_shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE raw.deliveries SET landed_at = :now WHERE file_sha256 = :digest",
            now=clock.now(),
            digest=digests[0],
        )
    keeping = _keeping(old_shop.settings, archive_days=365)
    receipt = expire(old_shop.warehouse, settings=keeping)
    assert receipt.details["expired"]["landing"] == len(set(digests)) - 1 > 2
    there = [digest for digest in digests if path_of(old_shop.settings.home, digest).exists()]
    assert there == [digests[0]]
    with old_shop.warehouse.transaction() as transaction:
        assert set(archived_files(transaction)) == {digests[0]}
    assert expire(old_shop.warehouse, settings=keeping).details["expired"]["landing"] == 0
    assert violations(old_shop.warehouse) == []
    land(
        old_shop.warehouse,
        settings=old_shop.settings,
        source="simulated",
        files=old_shop.files[:2],
        history=True,
    )
    assert expire(old_shop.warehouse, settings=keeping).details["expired"]["landing"] == 0
    assert sum(path_of(old_shop.settings.home, each).exists() for each in set(digests)) >= 2


def test_messages_that_are_through_lose_address_and_content(
    warehouse: Warehouse, settings: Settings
) -> None:
    row = {
        "as_of": "2024-01-01",
        "action_id": "mail",
        "channel": "email",
        "address": "one@shop.example",
        "payload_sha256": "x",
        "not_before": clock.now(),
        "expires_at": clock.now(),
        "run_id": "test",
    }
    old = clock.now() - timedelta(days=400)
    with warehouse.transaction() as transaction:
        for number, (state, changed_at) in enumerate(
            (("sent", old), ("pending", old), ("sent", clock.now()))
        ):
            transaction.insert_row(
                "actions.outbox",
                {
                    **row,
                    "message_id": f"{number:064x}",
                    "customer_id": f"c{number}",
                    "payload": {"text": "Dear Ada"},
                    "state": state,
                    "changed_at": changed_at,
                },
            )
        transaction.execute(
            "SELECT ops.record_assistant_call(:old, 'p', 'stdio', NULL, 'r', 'answered', "
            "'{}', 0, false, NULL, NULL, 0)",
            old=old,
        )
    receipt = expire(warehouse, settings=settings)
    assert receipt.details["expired"] == {
        "quarantine.rows": 0,
        "actions.outbox": 1,
        "ops.assistant_calls": 1,
    }
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT address, payload FROM actions.outbox ORDER BY message_id"
        )
    assert [each.address for each in rows] == [None, "one@shop.example", "one@shop.example"]
    assert rows[0].payload in ({}, "{}")
    assert "Ada" in json.dumps(rows[1].payload)
