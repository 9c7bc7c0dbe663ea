"""WooCommerce's exports: the usual plugin, its own report, and the REST API."""

import json
from pathlib import Path

from tests.deliveries.ready.conftest import SAMPLES, Ingest


def test_orders_of_the_export_plugin(ingest_sample: Ingest) -> None:
    """Quantity (- Refund) is what stayed with the customer; times are London's."""
    books = ingest_sample("woocommerce")
    assert books.totals() == {
        "501": 52_20,  # 2 x 10.00 + 25.00 - coupon 5.00 + shipping 3.50 + tax 8.70
        "502": 40_00,  # 2 x 40.00, one refunded
        "503": 0,  # 15.00 and shipping 3.50, refunded
        "504": 0,  # 10.00 and shipping 3.50, cancelled
        "505": 20_00,
        "506": 30_00,  # 12.00 + 30.00 - refunded 12.00
    }
    assert books.orders() == {
        "501": ("purchase", "ann@mail.example", "2025-01-05 14:23:00"),
        "502": ("purchase", "bob@mail.example", "2025-01-06 09:00:00"),
        "503": ("return", "cat@mail.example", "2025-01-07 09:00:00"),
        "504": ("cancellation", "ann@mail.example", "2025-01-08 09:00:00"),
        "505": ("purchase", None, "2025-07-01 09:00:00"),  # summer time
        "506": ("purchase", "bob@mail.example", "2025-07-02 09:00:00"),
    }
    assert books.lines("501") == {
        ("MUG-01", "sale", 2, 20_00),
        ("KET-01", "sale", 1, 25_00),
        ("shipping", "charge", 1, 7_20),
    }
    assert ("Gift card", "sale", 1, 20_00) in books.lines("505")  # has no SKU
    assert books.lines("506") == {("LID-01", "return", 0, 0), ("PAN-02", "sale", 1, 30_00)}
    assert books.quarantine() == {}


def test_orders_of_the_export_extension(ingest_sample: Ingest) -> None:
    """Order fields on every row; amounts of the items are after coupons and without tax."""
    books = ingest_sample("woocommerce_items")
    assert books.totals() == {
        "801": 55_20,  # 21.60 + 27.00 + shipping 4.20 + fee 2.40, each with its tax
        "802": 40_00,  # 80.00 - refunded 40.00
        "803": 0,  # 15.00 and shipping 3.50, refunded
        "804": 20_00,
        "805": 0,  # 10.00 and shipping 3.50, cancelled
    }
    assert books.orders() == {
        "801": ("purchase", "ann@mail.example", "2025-01-05 14:23:11"),
        "802": ("purchase", "bob@mail.example", "2025-01-06 09:00:00"),
        "803": ("return", "cat@mail.example", "2025-01-07 09:00:00"),
        "804": ("purchase", None, "2025-07-01 09:00:00"),  # summer time
        "805": ("cancellation", "bob@mail.example", "2025-07-02 09:00:00"),
    }
    assert books.lines("801") == {
        ("MUG-01", "sale", 2, 21_60),
        ("KET-01", "sale", 1, 27_00),
        ("shipping", "charge", 1, 4_20),
        ("fee", "charge", 1, 2_40),
    }
    assert books.lines("804") == {("95", "sale", 1, 20_00)}  # without a SKU the product's number
    assert books.quarantine() == {"other_currency": 1}  # 806 in US dollars


def test_orders_of_the_analytics_report(ingest_sample: Ingest) -> None:
    books = ingest_sample("woocommerce_analytics")
    assert books.totals() == {
        "601": 35_00,  # 45.00, and a refund of 10.00 in a row of its own
        "602": 0,  # cancelled
        "603": 1234_50,
    }
    assert books.orders() == {
        "601": ("purchase", "ann lee", "2025-01-05 14:23:11"),
        "602": ("cancellation", "bob ray", "2025-01-06 09:00:00"),
        "603": ("purchase", "ann lee", "2025-07-01 09:00:00"),
    }
    assert books.quarantine() == {}


def test_orders_of_the_rest_api(ingest_sample: Ingest) -> None:
    books = ingest_sample("woocommerce_json")
    assert books.totals() == {
        "701": 55_20,  # 21.60 + 27.00 + shipping 4.20 + gift wrapping 2.40, each with its tax
        "702": 25_00,  # 40.00 - 10.00 - 5.00
        "703": 0,  # 15.00 and shipping 3.50, refunded
        "705": 20_00,
        "706": 0,  # 10.00 and shipping 3.50, cancelled
    }
    assert books.orders() == {
        "701": ("purchase", "ann@mail.example", "2025-07-01 09:00:00"),
        "702": ("purchase", "bob@mail.example", "2025-07-02 09:00:00"),
        "703": ("return", "cat@mail.example", "2025-07-03 09:00:00"),
        "705": ("purchase", None, "2025-07-05 09:00:00"),
        "706": ("cancellation", "bob@mail.example", "2025-07-06 09:00:00"),
    }
    assert books.lines("701") == {
        ("MUG-01", "sale", 2, 21_60),
        ("KET-01", "sale", 1, 27_00),
        ("shipping", "charge", 1, 4_20),
        ("fee", "charge", 1, 2_40),
    }
    assert books.lines("702") == {
        ("PAN-01", "sale", 1, 40_00),
        ("refund", "return", -1, -10_00),
        ("refund", "return", -1, -5_00),
    }
    assert books.quarantine() == {"other_currency": 1}  # 704 in US dollars


def test_an_order_refunded_in_parts_and_then_whole_nets_nothing(
    ingest_sample: Ingest, tmp_path: Path
) -> None:
    before = ingest_sample("woocommerce_json")
    assert before.totals()["702"] == 25_00
    (sample,) = (SAMPLES / "woocommerce_json").iterdir()
    order = json.loads(sample.read_text(encoding="utf-8"))[1]
    order["status"] = "refunded"
    order["refunds"].append({"id": 804, "reason": "", "total": "-25.00"})
    later = tmp_path / "orders-later.json"
    later.write_text(json.dumps([order]), encoding="utf-8")
    after = ingest_sample("woocommerce_json", later)
    assert after.totals() == {**before.totals(), "702": 0}
    assert after.orders()["702"][0] == "return"
