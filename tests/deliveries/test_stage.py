"""Staging: every delivered row is in staging or among the rejects, and repeating it is harmless."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries.inspect import check_files
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.errors import UsageError
from retention_ml.receipts import Receipt
from retention_ml.settings import PROJECT, Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.feeds import SHOP, line, write


def ingest(warehouse: Warehouse, settings: Settings, *files: Path, source: str = "shop") -> Receipt:
    landed = land(warehouse, settings=settings, source=source, files=list(files), history=True)
    return stage(warehouse, settings=settings, batch_id=landed.details["batch_id"])


LINES = [
    line(order="1", quantity="1"),
    line(order="1", quantity="1"),
    line(order="1", product="p2", price="oops"),
    line(order="2", customer=""),
    line(order="C3", quantity="-1"),
    line(order="4", product="POST"),
    "1,2,3",
    line(order="5", product='"p,5"'),
]


def test_rows_rejects_and_ledger_add_up(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    receipt = ingest(warehouse, shop_settings, write(tmp_path / "lines.csv", LINES))
    assert (receipt.read, receipt.written, receipt.quarantined) == (8, 5, 3)
    assert receipt.details["reasons"] == {
        "bad_number": 1, "missing_customer_id": 1, "wrong_field_count": 1,
    }  # fmt: skip
    rejects = warehouse.read("SELECT * FROM staging.rejects ORDER BY line_number").to_pylist()
    assert [(r["line_number"], r["raw_text"], r["raw_bytes"]) for r in rejects] == [
        (4, LINES[2], None), (5, LINES[3], None), (8, LINES[6], None),
    ]  # fmt: skip
    delivery_rows = warehouse.read(
        "SELECT delivered_count, quarantined_count, status FROM raw.deliveries"
    ).to_pylist()
    assert delivery_rows == [{"delivered_count": 8, "quarantined_count": 3, "status": "staged"}]
    assert warehouse.read("SELECT status FROM raw.batches")["status"].to_pylist() == ["staged"]


def test_orders_follow_from_their_lines_and_charges_alone_make_none(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    ingest(warehouse, shop_settings, write(tmp_path / "lines.csv", LINES))
    orders = warehouse.read("SELECT * FROM staging.orders ORDER BY order_id").to_pylist()
    assert [(o["order_id"], o["kind"], o["is_derived"]) for o in orders] == [
        ("1", "purchase", True), ("5", "purchase", True), ("C3", "cancellation", True),
    ]  # fmt: skip


def test_a_line_that_is_no_text_keeps_its_bytes(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "lines.csv", [line()])
    with path.open("ab") as file:
        file.write(b"\xff\xfe,x\n\0,y\n")
    ingest(warehouse, shop_settings, path)
    rejects = warehouse.read(
        "SELECT raw_bytes, reason_code FROM staging.rejects ORDER BY line_number"
    ).to_pylist()
    assert rejects == [
        {"raw_bytes": b"\xff\xfe,x", "reason_code": "bad_encoding"},
        {"raw_bytes": b"\0,y", "reason_code": "nul_byte"},
    ]


def test_staging_again_replaces_and_changes_nothing(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    first = ingest(warehouse, shop_settings, write(tmp_path / "lines.csv", LINES))
    query = "SELECT * FROM staging.order_lines ORDER BY line_number"
    before = warehouse.read(query)
    again = stage(warehouse, settings=shop_settings, batch_id=first.details["batch_id"])
    assert warehouse.read(query).equals(before)
    assert again.read == first.read
    assert warehouse.read("SELECT count(*) AS n FROM staging.rejects")["n"].to_pylist() == [3]


@pytest.mark.parametrize("failpoint", ["stage.after_first_chunk", "stage.before_commit"])
def test_a_killed_stage_leaves_nothing_and_a_retry_completes(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path, failpoint: str
) -> None:
    path = write(tmp_path / "lines.csv", LINES)
    land(warehouse, settings=shop_settings, source="shop", files=[path])
    program = (
        "import sys; from pathlib import Path; from retention_ml.settings import load\n"
        "from retention_ml.warehouse import Warehouse; from retention_ml.deliveries.stage import stage\n"
        "stage(Warehouse(sys.argv[1]), settings=load(), batch_id=1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, warehouse.url],
        env={
            **os.environ,
            "RETENTION_FAILPOINT": failpoint,
            "RETENTION_HOME": str(shop_settings.home),
            "RETENTION_SOURCES": str(shop_settings.sources),
        },
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == -signal.SIGKILL
    for table in ("order_lines", "rejects", "orders"):
        assert warehouse.read(f"SELECT count(*) AS n FROM staging.{table}")["n"].to_pylist() == [0]
    again = land(warehouse, settings=shop_settings, source="shop", files=[path])
    assert again.details["batch_id"] == 1
    assert stage(warehouse, settings=shop_settings, batch_id=1).read == 8


def test_a_curated_batch_is_not_staged_again(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    ingest(warehouse, shop_settings, write(tmp_path / "lines.csv", LINES))
    with warehouse.transaction() as transaction:
        transaction.change("DELETE FROM staging.order_lines")
        transaction.change("UPDATE raw.batches SET status = 'curated'")
    assert stage(warehouse, settings=shop_settings, batch_id=1).read == 0
    assert warehouse.read("SELECT 1 FROM staging.order_lines").num_rows == 0


def test_an_unknown_batch_is_named(warehouse: Warehouse, shop_settings: Settings) -> None:
    with pytest.raises(UsageError, match="no batch 42"):
        stage(warehouse, settings=shop_settings, batch_id=42)


def test_a_file_that_became_unreadable_is_refused_and_the_others_are_staged(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"lines{i}.csv", [line(order=str(i))]) for i in (1, 2)]
    landed = land(warehouse, settings=shop_settings, source="shop", files=files)
    first = warehouse.read("SELECT file_sha256 AS s FROM raw.deliveries WHERE delivery_id = 1")[
        "s"
    ].to_pylist()[0]
    (shop_settings.home / "landing" / first[:2] / first).unlink()
    receipt = stage(warehouse, settings=shop_settings, batch_id=landed.details["batch_id"])
    assert receipt.written == 1
    assert "missing" in receipt.details["refused"][0]
    statuses = warehouse.read("SELECT status FROM raw.deliveries ORDER BY delivery_id")[
        "status"
    ].to_pylist()
    assert statuses == ["refused", "staged"]


def test_a_batch_none_of_whose_files_can_be_read_is_held(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    landed = land(
        warehouse, settings=shop_settings, source="shop",
        files=[write(tmp_path / "lines.csv", [line()])],
    )  # fmt: skip
    shutil.rmtree(shop_settings.home / "landing")
    receipt = stage(warehouse, settings=shop_settings, batch_id=landed.details["batch_id"])
    assert receipt.details["status"] == "held"
    assert "The archived copy of lines.csv is missing" in receipt.details["refused"][0]


def test_a_file_without_rows_is_staged_and_named(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    full, bare = write(tmp_path / "lines1.csv", [line()]), write(tmp_path / "lines2.csv", [])
    receipt = ingest(warehouse, shop_settings, full, bare)
    (sentence,) = receipt.details["without_rows"]
    assert sentence.startswith("lines2.csv has a header and no rows")
    statuses = warehouse.read("SELECT DISTINCT status FROM raw.deliveries")["status"]
    assert statuses.to_pylist() == ["staged"]


DERIVING = SHOP.replace(
    "[feeds.products]",
    '[feeds.lines.also.products.columns]\nproduct_id = "product"\nname = "order"\n\n[feeds.products]',
)


def test_the_first_description_of_each_key_is_derived(
    warehouse: Warehouse, shop_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (folder / "shop.toml").write_text(DERIVING, encoding="utf-8")
    files = [
        write(tmp_path / "lines1.csv", [line(order="new", at="2026-01-09 10:00:00")]),
        write(tmp_path / "lines2.csv", [line(order="old"), line(order="x", product="")]),
    ]
    receipt = ingest(warehouse, shop_settings, *files)
    assert receipt.details["derived"] == {"products": 1, "orders": 3}
    (product,) = warehouse.read(
        "SELECT product_id, name, delivery_id, is_derived FROM staging.products"
    ).to_pylist()
    assert product == {"product_id": "p1", "name": "old", "delivery_id": 2, "is_derived": True}


CAMPAIGNS = """
title = "With a lookup"
timezone = "UTC"
currency = "USD"
[feeds.sent]
files = ["sent*.parquet"]
format = "parquet"
table = "campaign_contacts"
lookup = { file = "dates.parquet", on = "campaign" }
columns = { campaign_id = "campaign", customer_id = "who", event_at = "started", kind = { constant = "sent" } }
"""


def test_a_lookup_in_the_same_folder_is_joined_and_remembered(
    warehouse: Warehouse, shop_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (folder / "mail.toml").write_text(CAMPAIGNS, encoding="utf-8")
    sent = tmp_path / "sent1.parquet"
    pq.write_table(pa.table({"campaign": [1, 2], "who": ["a", "b"]}), sent)
    refused = land(warehouse, settings=shop_settings, source="mail", files=[sent])
    assert "sent1.parquet needs dates.parquet" in refused.details["refused"][0]
    pq.write_table(
        pa.table({"campaign": [1], "started": ["2026-01-01"]}), tmp_path / "dates.parquet"
    )
    receipt = ingest(warehouse, shop_settings, sent, source="mail")
    assert (receipt.written, receipt.details["reasons"]) == (1, {"missing_event_at": 1})
    elsewhere = tmp_path / "later" / "sent2.parquet"
    elsewhere.parent.mkdir()
    pq.write_table(pa.table({"campaign": [1], "who": ["c"]}), elsewhere)
    assert ingest(warehouse, shop_settings, elsewhere, source="mail").written > 0


def test_inspecting_a_file_gives_the_same_result_without_a_database(
    shop_settings: Settings, tmp_path: Path
) -> None:
    inspection = check_files(
        [write(tmp_path / "lines.csv", LINES)], settings=shop_settings, source="shop"
    ).feeds[0]
    assert (inspection.rows, inspection.accepted, inspection.feed, inspection.table) == (
        8,
        5,
        "lines",
        "order_lines",
    )
    assert {f.reason: f.lines for f in inspection.findings} == {
        "bad_number": (4,), "missing_customer_id": (5,), "wrong_field_count": (8,),
    }  # fmt: skip
    assert inspection.kinds == {"sale": 3, "cancellation": 1, "charge": 1}


@pytest.mark.slow
def test_the_real_invoices_are_staged_whole(
    warehouse: Warehouse, settings: Settings, data_dir: Path
) -> None:
    files = sorted((data_dir / "online_retail_ii").glob("*.csv.gz"))
    receipt = ingest(warehouse, settings, *files, source="online_retail_ii")
    assert receipt.read == receipt.written + receipt.quarantined == 722_912
    assert set(receipt.details["reasons"]) == {
        "stock_movement",
        "test_product",
        "bad_debt_adjustment",
    }
    keys = warehouse.read("SELECT count(*) - count(DISTINCT row_key) AS n FROM staging.order_lines")
    assert keys["n"].to_pylist() == [0]


def test_one_thread_and_two_stage_the_same_rows_and_rejects(
    warehouse: Warehouse,
    shop_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retention_ml.deliveries.pipeline.GROUP_ROWS", 10)
    monkeypatch.setattr("retention_ml.deliveries.pipeline.CHUNK_ROWS", 10)
    monkeypatch.setattr("retention_ml.deliveries.pipeline._AHEAD_BYTES", 1_000)
    files = [
        write(
            tmp_path / f"lines_{n}.csv",
            [*LINES, *(line(order=f"{n}-{i}", quantity=str(i % 3)) for i in range(25))],
        )
        for n in range(6)
    ]
    landed = land(warehouse, settings=shop_settings, source="shop", files=files, history=True)
    batch_id = landed.details["batch_id"]

    def staged(threads: int) -> dict[str, list[str]]:
        compute = shop_settings.compute.model_copy(update={"threads": threads})
        stage(
            warehouse,
            settings=shop_settings.model_copy(update={"compute": compute}),
            batch_id=batch_id,
        )
        return {
            name: sorted(map(str, warehouse.read(f"SELECT * FROM staging.{name}").to_pylist()))
            for name in ("order_lines", "orders", "rejects")
        }

    alone = staged(1)
    assert len(alone["order_lines"]) > 100
    assert len(alone["rejects"]) > 50
    assert staged(2) == alone


def test_a_file_that_breaks_off_is_refused_while_others_are_read_ahead(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    good = [write(tmp_path / f"lines_{n}.csv", [line(order=str(n))]) for n in (1, 2)]
    bad = write(tmp_path / "lines_3.csv", [line(order="3")])
    landed = land(
        warehouse, settings=shop_settings, source="shop", files=[*good, bad], history=True
    )
    archived = warehouse.read(
        "SELECT file_sha256 FROM raw.deliveries WHERE file_name = 'lines_3.csv'"
    )["file_sha256"][0].as_py()
    (shop_settings.home / "landing" / archived[:2] / archived).unlink()
    receipt = stage(warehouse, settings=shop_settings, batch_id=landed.details["batch_id"])
    assert receipt.written == 2
    assert len(receipt.details["refused"]) == 1
