"""Baskets in three tables."""

from tests.deliveries.ready.conftest import Ingest


def test_instacart(ingest_sample: Ingest) -> None:
    """What was bought, by whom and when stand in different tables, each of them a feed."""
    books = ingest_sample("instacart")
    assert books.totals() == {
        "2539329": 6_48,  # 1.99 + 4.49
        "2398795": 1_99,
        "473747": 2_09,
    }
    assert books.orders() == {
        "2539329": ("purchase", "1", "2025-01-05 13:12:00"),
        "2398795": ("purchase", "1", "2025-01-19 12:40:00"),
        "473747": ("purchase", "2", "2025-07-04 16:00:00"),  # summer time
    }
    lines = {row["order_id"]: row["customer_id"] for row in books.rows("order_lines")}
    assert lines == {"2539329": "1", "2398795": "1", "473747": "2"}
    names = {row["product_id"]: row["name"] for row in books.rows("products")}
    assert names == {"196": "Soda", "14084": "Organic milk, unsweetened"}
    assert books.quarantine() == {}
