"""Shopify's exports: the orders CSV of the admin, and the Admin REST API."""

from pathlib import Path

from tests.deliveries.ready.conftest import SAMPLES, Ingest


def test_orders_csv(ingest_sample: Ingest) -> None:
    """What belongs to the order stands on its first row only."""
    books = ingest_sample("shopify")
    assert books.totals() == {
        "#1001": 57_43,  # 2 x 12.00 + 25.00 = 49.00, shipping 5.00, taxes 3.43
        "#1002": 0,  # 40.00 + 20.00, refunded 60.00: undone as a whole
        "#1003": 15_00,  # 12.00 + 3.00
        "#1004": 20_00,  # 2 x 25.00 - discount 10.00 - refunded 20.00
        "#1005": 0,  # cancelled, its shipping of 5.00 too
    }
    assert books.orders() == {
        "#1001": ("purchase", "ann@mail.example", "2025-01-05 19:23:10"),  # 14:23:10 -0500
        "#1002": ("return", "bob@mail.example", "2025-01-06 14:00:00"),
        "#1003": ("purchase", None, "2025-01-07 15:00:00"),  # the till asked for no e-mail
        "#1004": ("purchase", "cat@mail.example", "2025-01-08 15:00:00"),
        "#1005": ("cancellation", "ann@mail.example", "2025-07-04 13:00:00"),  # 09:00 -0400
    }
    assert books.lines("#1001") == {
        ("MUG-01", "sale", 2, 24_00),
        ("KET-01", "sale", 1, 25_00),
        ("shipping", "charge", 1, 8_43),
    }
    assert books.lines("#1003") == {
        ("MUG-01", "sale", 1, 12_00),
        ("Gift wrapping", "sale", 1, 3_00),  # has no SKU
    }
    assert books.lines("#1004") == {
        ("KET-01", "sale", 2, 50_00),
        ("discount", "charge", 1, -10_00),
        ("refund", "return", -1, -20_00),
    }
    assert books.quarantine() == {"other_currency": 1}  # #1006 in Canadian dollars


def test_a_later_orders_csv_shows_orders_as_they_are_now(
    ingest_sample: Ingest, tmp_path: Path
) -> None:
    """#1001 lost its kettle, #1004 was refunded whole, #1003 is in no later export."""
    ingest_sample("shopify")
    (sample,) = (SAMPLES / "shopify").iterdir()
    text = sample.read_text(encoding="utf-8")
    rows = text.splitlines(keepends=True)
    text = "".join(row for row in rows if "#1003" not in row and '1,"Kettle, steel",25' not in row)
    text = text.replace("partially_refunded", "refunded").replace(",20.00,Tidy", ",40.00,Tidy")
    later = tmp_path / "orders_export_2.csv"
    later.write_text(text, encoding="utf-8")
    books = ingest_sample("shopify", later)
    assert books.totals() == {
        "#1001": 32_43,  # 2 x 12.00 + shipping and taxes 8.43
        "#1002": 0,
        "#1003": 15_00,
        "#1004": 0,
        "#1005": 0,
    }
    kinds = {order: kind for order, (kind, _, _) in books.orders().items()}
    assert kinds["#1004"] == "return"
    assert sorted(kinds.values()).count("purchase") == 2


def test_orders_of_the_rest_api(ingest_sample: Ingest) -> None:
    books = ingest_sample("shopify_json")
    assert books.totals() == {
        "#2001": 27_00,  # 2 x 12.00 - discount 4.00 + shipping 5.00 + tax 2.00
        "#2002": 28_00,  # 2 x 25.00 + 3.00 - refunded 25.00
        "#2003": 0,  # 30.00 and shipping 5.00, cancelled and refunded
        "#2004": 12_00,
    }
    assert books.orders() == {
        "#2001": ("purchase", "ann@mail.example", "2025-01-05 19:23:10"),
        "#2002": ("purchase", "bob@mail.example", "2025-01-06 14:00:00"),
        "#2003": ("cancellation", "cat@mail.example", "2025-01-07 14:00:00"),
        "#2004": ("purchase", None, "2025-07-04 13:00:00"),
    }
    assert books.lines("#2002") == {
        ("KET-01", "sale", 2, 50_00),
        ("Gift wrapping", "sale", 1, 3_00),  # "sku": null
        ("refund", "return", -1, -25_00),
    }
    refund = next(row for row in books.rows("order_lines") if row["product_id"] == "refund")
    assert refund["event_at"].isoformat() == "2025-01-20T15:00:00+00:00"  # its own day
    assert books.quarantine() == {}


def test_orders_of_a_bulk_operation(ingest_sample: Ingest) -> None:
    """Lines of orders and lines of items, which name their order."""
    books = ingest_sample("shopify_graphql")
    assert books.totals() == {
        "#3001": 27_00,  # 2 x 12.00 - discount 4.00 + shipping and tax 7.00
        "#3002": 28_00,  # 2 x 25.00 + 3.00 - refunded 25.00
        "#3003": 0,  # 30.00 and shipping 5.00, refunded
        "#3004": 0,  # cancelled
    }
    assert books.orders() == {
        "#3001": ("purchase", "ann@mail.example", "2025-01-05 19:23:10"),
        "#3002": ("purchase", "bob@mail.example", "2025-01-06 14:00:00"),
        "#3003": ("return", "cat@mail.example", "2025-01-07 14:00:00"),
        "#3004": ("cancellation", None, "2025-07-04 13:00:00"),
    }
    assert books.lines("#3002") == {
        ("KET-01", "sale", 2, 50_00),
        ("Gift wrapping", "sale", 1, 3_00),  # "sku": null
        ("refund", "return", -1, -25_00),
    }
    assert books.quarantine() == {}
