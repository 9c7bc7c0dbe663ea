"""Shop software that exports tables, documents or cells of several lines."""

import json
from pathlib import Path

from tests.deliveries.ready.conftest import SAMPLES, Books, Ingest


def test_magento_tables(ingest_sample: Ingest) -> None:
    """The order's fields stand in a second table; a configurable product has a row without price."""
    books = ingest_sample("magento")
    _check_magento(books, "0000001", third_paid=20_00)
    assert books.lines("000000102") == {
        ("KET-01", "sale", 1, 25_00),
        ("shipping", "charge", 1, 5_00),
        ("refund", "return", -1, -10_00),
    }
    assert books.quarantine() == {}


def test_magento_rest_api(ingest_sample: Ingest) -> None:
    books = ingest_sample("magento_json")
    _check_magento(books, "0000002", third_paid=20_50)
    assert books.quarantine() == {}


def test_magento_documents_may_lack_what_they_only_sometimes_have(
    ingest_sample: Ingest, tmp_path: Path
) -> None:
    """No product inside another, and no refund: keys that no order of the file has."""
    (sample,) = (SAMPLES / "magento_json").iterdir()
    document = json.loads(sample.read_text(encoding="utf-8"))
    order = document["items"][0]
    order["items"] = [item for item in order["items"] if "parent_item_id" not in item]
    plain = tmp_path / "orders-plain.json"
    plain.write_text(json.dumps({**document, "items": [order]}), encoding="utf-8")
    assert ingest_sample("magento_json", plain).totals() == {"000000201": 53_00}


def _check_magento(books: Books, number: str, third_paid: int) -> None:
    assert books.totals() == {
        f"{number}01": 53_00,  # 2 x 20.00 - discount 4.00 + 12.00 + shipping 5.00
        f"{number}02": third_paid,  # 25.00 + shipping - refunded 10.00
        f"{number}03": 0,  # 40.00 and shipping 5.00, refunded: closed
        f"{number}04": 0,  # cancelled
    }
    assert books.orders() == {
        f"{number}01": ("purchase", "ann@mail.example", "2025-01-05 19:23:11"),  # UTC already
        f"{number}02": ("purchase", "bob@mail.example", "2025-01-06 15:00:00"),
        f"{number}03": ("return", "cat@mail.example", "2025-01-07 15:00:00"),
        f"{number}04": ("cancellation", "ann@mail.example", "2025-07-04 14:00:00"),
    }
    assert books.lines(f"{number}01") == {
        ("SHIRT-M", "sale", 2, 36_00),
        ("MUG-01", "sale", 1, 12_00),
        ("shipping", "charge", 1, 5_00),
    }


def test_bigcommerce(ingest_sample: Ingest) -> None:
    """One row per order, its products in one cell; dates without a time, in Los Angeles."""
    books = ingest_sample("bigcommerce")
    assert books.totals() == {
        "186": 53_15,  # 2 x 12.00 + 25.00 + shipping 5.00 - coupon 4.00 + tax 3.15
        "187": 25_00,  # 40.00 - refunded 15.00
        "188": 0,  # 20.00 and shipping 5.00, refunded
        "189": 0,  # cancelled
        "190": 3_00,
    }
    assert books.orders() == {
        "186": ("purchase", "ann@mail.example", "2025-01-05 08:00:00"),
        "187": ("purchase", "bob@mail.example", "2025-01-06 08:00:00"),
        "188": ("return", "cat@mail.example", "2025-01-07 08:00:00"),
        "189": ("cancellation", "zoe@mail.example", "2025-01-08 08:00:00"),
        "190": ("purchase", None, "2025-07-04 07:00:00"),  # summer time
    }
    assert books.lines("186") == {
        ("MUG-01", "sale", 2, 24_00),
        ("KET-01", "sale", 1, 25_00),
        ("shipping", "charge", 1, 4_15),
    }
    assert books.lines("190") == {("118", "sale", 1, 3_00)}  # without a SKU the product's number
    names = {row["product_id"]: row["name"] for row in books.rows("products")}
    assert names == {
        "MUG-01": "Mug", "KET-01": "Kettle, steel", "PAN-01": "Pan", "LID-01": "Lid",
        "118": "Gift wrapping",
    }  # fmt: skip
    assert books.quarantine() == {}


def test_prestashop(ingest_sample: Ingest) -> None:
    books = ingest_sample("prestashop")
    assert books.totals() == {
        "31": 54_80,  # 2 x 12.50 + 29.90 + shipping 4.90 - discount 5.00
        "32": 40_00,  # 2 x 40.00 - refunded 40.00
        "33": 0,  # 12.50 and shipping 4.90, cancelled
        "34": 0,  # 29.90 and shipping 4.90, refunded
        "36": 34_80,  # 29.90 + shipping 4.90; the gift wrapping was refunded
    }
    assert books.orders() == {
        "31": ("purchase", "ann@mail.example", "2025-01-05 13:23:11"),
        "32": ("purchase", "bob@mail.example", "2025-01-06 08:00:00"),
        "33": ("cancellation", "ann@mail.example", "2025-01-07 08:00:00"),
        "34": ("return", "cat@mail.example", "2025-01-08 08:00:00"),
        "36": ("purchase", "bob@mail.example", "2025-07-02 07:00:00"),  # summer time
    }
    assert ("PAN-01", "sale", 1, 40_00) in books.lines("32")
    assert ("4", "return", 0, 0) in books.lines("36")
    assert books.quarantine() == {"other_currency": 1}  # 35 in pounds
