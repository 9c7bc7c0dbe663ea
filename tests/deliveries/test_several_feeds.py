"""A file may be read by several feeds and be a reference file besides."""

from pathlib import Path

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.deliveries import archive
from retention_ml.deliveries.land import land
from retention_ml.deliveries.ledger.files import decisive, file_states
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

OLIST = """title = "o"
timezone = "America/Sao_Paulo"
currency = "BRL"

[feeds.items]
files = ["items*.csv"]
table = "order_lines"
lookup = [
  { file = "orders.csv", on = "order_id", format = "csv" },
  { file = "customers.csv", on = "customer_id", format = "csv" },
]
[feeds.items.columns]
order_id = "order_id"
product_id = "product_id"
customer_id = "customer_unique_id"
event_at = "bought_at"
quantity = { constant = "1" }
line_amount_cents = { column = "price", money = true }

[feeds.orders]
files = ["orders*.csv"]
table = "orders"
lookup = { file = "customers.csv", on = "customer_id", format = "csv" }
[feeds.orders.columns]
order_id = "order_id"
customer_id = "customer_unique_id"
event_at = "bought_at"
"""
FILES = {
    "items.csv": "order_id,product_id,price\no1,p1,10.00\no2,p1,20.00\no2,p2,5.00\n",
    "orders.csv": "order_id,customer_id,bought_at\no1,a1,2018-01-01 10:00:00\no2,a2,2018-02-01 10:00:00\n",
    "customers.csv": "customer_id,customer_unique_id\na1,person\na2,person\n",
}
EVENTS = """title = "e"
timezone = "UTC"
currency = "USD"

[feeds.views]
files = ["log*.csv"]
table = "events"
unless = { event_type = ["purchase"] }
columns = { customer_id = "user", event_at = "at", event_type = "event_type", product_id = "sku" }

[feeds.sales]
files = ["log*.csv"]
table = "order_lines"
where = { event_type = ["purchase"] }
[feeds.sales.columns]
order_id = "session"
product_id = "sku"
customer_id = "user"
event_at = "at"
quantity = { constant = 1 }
line_amount_cents = { column = "price", money = true }
"""
LOG = """at,event_type,user,sku,session,price
2019-10-01 00:00:00,view,u1,S1,s1,10.00
2019-10-01 00:01:00,cart,u1,S1,s1,10.00
2019-10-01 00:02:00,purchase,u1,S1,s1,10.00
2019-10-01 00:03:00,view,u2,S2,s2,
"""


def put(folder: Path, description: str, files: dict[str, str]) -> list[Path]:
    (folder / "sources").mkdir(exist_ok=True)
    (folder / "sources" / "s.toml").write_text(description)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def test_a_file_that_is_feed_and_lookup_is_read_as_both(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = put(tmp_path, OLIST, FILES)
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    receipt = ingest(warehouse, settings=settings, source="s", files=files)
    assert (receipt.read, receipt.written) == (5, 5)
    assert receipt.details["files"] == {"landed": 3, "repeated": 0, "refused": 0}
    orders = warehouse.read("SELECT order_id, customer_id FROM curated.orders ORDER BY 1")
    assert orders["customer_id"].to_pylist() == ["person", "person"]
    lines = warehouse.read("SELECT DISTINCT customer_id FROM curated.order_lines")
    assert lines["customer_id"].to_pylist() == ["person"]

    again = land(warehouse, settings=settings, source="s", files=files)
    assert (again.duplicates, again.details["batch_id"]) == (3, None)
    assert [len(numbers) for numbers in again.details["entries"]] == [1, 2, 1]


def test_one_log_fills_two_tables_and_each_leaves_the_others_rows_out(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = put(tmp_path, EVENTS, {"log.csv": LOG})
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    receipt = ingest(warehouse, settings=settings, source="s", files=files)
    counts = (receipt.read, receipt.written, receipt.quarantined, receipt.left_out)
    assert counts == (8, 4, 0, 4)
    assert "left out 4" in str(receipt)
    stored = warehouse.read("SELECT feed, left_out_count FROM raw.deliveries ORDER BY 1")
    assert stored.to_pylist() == [
        {"feed": "sales", "left_out_count": 3},
        {"feed": "views", "left_out_count": 1},
    ]


def test_a_file_that_one_of_its_feeds_cannot_read_is_not_done(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = put(tmp_path, EVENTS, {"log.csv": LOG.replace("price", "worth")})
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    receipt = ingest(warehouse, settings=settings, source="s", files=files)
    assert receipt.details["files"] == {"landed": 1, "repeated": 0, "refused": 0}
    assert "lacks the column 'price'" in receipt.details["refused"][0]
    landed = land(warehouse, settings=settings, source="s", files=files)
    with warehouse.transaction() as transaction:
        states = file_states(transaction, landed.details["delivery_ids"])
    assert sorted(state.status for state in states.values()) == ["refused", "repeated"]
    assert decisive(list(states.values())).status == "refused"
    missing = warehouse.read("SELECT feed FROM raw.unusable_files")
    assert missing["feed"].to_pylist() == ["sales"]


def test_all_feeds_of_a_file_read_the_same_bytes(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = put(tmp_path, EVENTS, {"log.csv": LOG})
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    store = archive.store

    def store_then_grow(path: Path, settings: Settings) -> archive.ArchivedFile:
        archived = store(path, settings)
        with path.open("a", encoding="utf-8") as file:
            file.write("2019-10-01 00:04:00,purchase,u3,S3,s3,10.00\n")
        return archived

    monkeypatch.setattr(archive, "store", store_then_grow)
    land(warehouse, settings=settings, source="s", files=files)
    stored = warehouse.read("SELECT count(DISTINCT file_sha256) AS n FROM raw.deliveries")
    assert stored["n"].to_pylist() == [1]


def test_a_lookup_may_be_the_rows_of_another_feed_also_of_earlier_days(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    description = OLIST.replace('{ file = "orders.csv", on = "order_id", format = "csv" }',
                                '{ feed = "orders", on = "order_id" }')  # fmt: skip
    files = put(tmp_path, description, FILES)
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    ingest(warehouse, settings=settings, source="s", files=files[1:])
    ingest(warehouse, settings=settings, source="s", files=files[:1])
    lines = warehouse.read("SELECT order_id, customer_id FROM curated.order_lines ORDER BY 1")
    assert set(lines["customer_id"].to_pylist()) == {"person"}


def test_replayed_rows_that_are_left_out_by_now_wait_no_longer(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    from retention_ml.curated.ingest import replay_quarantine

    bad = LOG.replace("view,u2", "seen,u2")
    files = put(tmp_path, EVENTS, {"log.csv": bad})
    settings = settings.model_copy(update={"sources": tmp_path / "sources"})
    assert ingest(warehouse, settings=settings, source="s", files=files).quarantined == 1
    put(tmp_path, EVENTS.replace('["purchase"] }\ncol', '["purchase", "seen"] }\ncol'), {})
    receipt = replay_quarantine(warehouse, settings=settings, source="s")
    assert (receipt.read, receipt.left_out) == (1, 1)
    waiting = warehouse.read("SELECT 1 AS x FROM quarantine.rows WHERE replayed_in IS NULL")
    assert waiting.num_rows == 0
