"""Replay: quarantined rows are read again by the current description."""

from pathlib import Path

import pytest

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.errors import UsageError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.feeds import SHOP, line, write

LINES = [
    line(order="1", quantity="5"),
    line(order="1", quantity="1", customer=""),
    line(order="2", customer=""),
    line(order="3", price="oops"),
]


def close(warehouse: Warehouse, settings: Settings, batch_id: int) -> None:
    """Stage and curate; the check between them is not tested here."""
    stage(warehouse, settings=settings, batch_id=batch_id)
    with warehouse.transaction() as transaction:
        transaction.change(
            "UPDATE raw.batches SET status = 'checked' WHERE batch_id = :b", b=batch_id
        )
    curate(warehouse, settings=settings, batch_id=batch_id)


def curated(warehouse: Warehouse) -> list[tuple[str, int, int]]:
    rows = warehouse.read(
        "SELECT order_id, occurrence, quantity FROM curated.order_lines WHERE superseded_at IS NULL "
        "ORDER BY 1, 2"
    ).to_pylist()
    return [(row["order_id"], row["occurrence"], row["quantity"]) for row in rows]


@pytest.fixture
def filled(
    warehouse: Warehouse, shop_settings: Settings, folder: Path, tmp_path: Path
) -> Warehouse:
    """Three of four lines in quarantine; then the description is corrected to allow guests."""
    path = write(tmp_path / "lines.csv", LINES)
    landed = land(warehouse, settings=shop_settings, source="shop", files=[path], history=True)
    close(warehouse, shop_settings, landed.details["batch_id"])
    assert curated(warehouse) == [("1", 1, 5)]
    corrected = SHOP.replace('table = "order_lines"', 'table = "order_lines"\nguests = true')
    (folder / "shop.toml").write_text(corrected, encoding="utf-8")
    return warehouse


def test_rows_are_accepted_after_their_description_was_corrected(
    filled: Warehouse, shop_settings: Settings
) -> None:
    receipt = replay(filled, settings=shop_settings, source=None, reason=None)
    assert (receipt.read, receipt.details["source"]) == (3, "shop")
    close(filled, shop_settings, receipt.details["batch_id"])
    assert curated(filled) == [("1", 1, 5), ("1", 2, 1), ("2", 1, 2)]
    rows = filled.read(
        "SELECT delivery_id, line_number, reason_code, replayed_in FROM quarantine.rows ORDER BY 1, 2"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (1, 3, "missing_customer_id", 2), (1, 4, "missing_customer_id", 2),
        (1, 5, "bad_number", 2), (2, 5, "bad_number", None),
    ]  # fmt: skip


def test_only_rows_with_the_named_reason_are_replayed(
    filled: Warehouse, shop_settings: Settings
) -> None:
    receipt = replay(filled, settings=shop_settings, source="shop", reason="missing_customer_id")
    assert receipt.read == 2
    close(filled, shop_settings, receipt.details["batch_id"])
    waiting = filled.read("SELECT reason_code FROM quarantine.rows WHERE replayed_in IS NULL")
    assert waiting["reason_code"].to_pylist() == ["bad_number"]


def test_an_unfinished_replay_is_opened_again_and_a_finished_one_is_not_repeated(
    filled: Warehouse, shop_settings: Settings
) -> None:
    first = replay(filled, settings=shop_settings, source="shop", reason="missing_customer_id")
    again = replay(filled, settings=shop_settings, source="shop", reason="missing_customer_id")
    assert first.details["batch_id"] == again.details["batch_id"]
    close(filled, shop_settings, first.details["batch_id"])
    after = replay(filled, settings=shop_settings, source="shop", reason="missing_customer_id")
    assert after.details["batch_id"] is None


def test_json_lines_are_replayed_with_their_values(
    warehouse: Warehouse, shop_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    description = """
        title = "A site"
        timezone = "UTC"
        currency = "GBP"
        [feeds.events]
        files = ["events*.jsonl"]
        format = "jsonl"
        table = "events"
        [feeds.events.columns]
        customer_id = "who.id"
        event_at = "at"
        event_type = { column = "what", values = { look = "view" } }
    """
    (folder / "site.toml").write_text(description, encoding="utf-8")
    path = tmp_path / "events.jsonl"
    path.write_text('{"who": {"id": "7"}, "at": "2026-01-05T10:00:00", "what": "basket"}\n')
    landed = land(warehouse, settings=shop_settings, source="site", files=[path], history=True)
    close(warehouse, shop_settings, landed.details["batch_id"])
    assert warehouse.read("SELECT 1 FROM curated.events").num_rows == 0
    corrected = description.replace('look = "view"', 'look = "view", basket = "cart"')
    (folder / "site.toml").write_text(corrected, encoding="utf-8")
    receipt = replay(warehouse, settings=shop_settings, source="site", reason=None)
    close(warehouse, shop_settings, receipt.details["batch_id"])
    events = warehouse.read("SELECT customer_id, event_type FROM curated.events")
    assert events.to_pylist() == [{"customer_id": "7", "event_type": "cart"}]


def test_rows_of_several_sources_need_a_name(filled: Warehouse, shop_settings: Settings) -> None:
    with filled.transaction() as transaction:
        transaction.change("UPDATE quarantine.rows SET source = 'other' WHERE line_number = 5")
    with pytest.raises(UsageError, match="2 sources wait"):
        replay(filled, settings=shop_settings, source=None, reason=None)
