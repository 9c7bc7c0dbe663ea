"""Reports of marketplaces: Amazon, eBay, Olist."""

from pathlib import Path

from tests.deliveries.ready.conftest import READY, SAMPLES, Ingest


def test_amazon(ingest_sample: Ingest) -> None:
    """Quotes are inches; the report names no buyers."""
    books = ingest_sample("amazon")
    assert books.totals() == {
        "302-0000001-0000001": 66_99,  # 12.00 + 50.00 + shipping 4.99
        "302-0000002-0000002": 0,  # cancelled
        "302-0000004-0000004": 27_00,  # 30.00 - promotion 3.00; shipping 4.99 - 4.99
    }
    assert books.orders() == {
        "302-0000001-0000001": ("purchase", None, "2025-01-05 14:23:11"),
        "302-0000002-0000002": ("cancellation", None, "2025-01-05 16:00:00"),
        "302-0000004-0000004": ("purchase", None, "2025-07-05 18:00:00"),
    }
    assert books.lines("302-0000001-0000001") == {
        ("MUG-01", "sale", 1, 12_00),
        ("KET-01", "sale", 2, 50_00),
        ("shipping", "charge", 1, 4_99),
    }
    names = {row["product_id"]: row["name"] for row in books.rows("products")}
    assert names["MUG-01"] == '"Deluxe mug, blue'
    assert names["KET-01"] == 'Kettle 12" steel'
    assert names["CUP-01"] == "Tasse für Grün"
    assert books.quarantine() == {}  # the pending order is left out


def test_amazon_with_buyers_in_cp1252(ingest_sample: Ingest, tmp_path: Path) -> None:
    """Two things that differ between sellers: the encoding, and whether buyers are named."""
    (tmp_path / "sources").mkdir()
    text = (READY / "amazon.toml").read_text(encoding="utf-8")
    assert text.count('encoding = "utf-8"') == 2
    (tmp_path / "sources" / "amazon.toml").write_text(
        text.replace('encoding = "utf-8"', 'encoding = "cp1252"'), encoding="utf-8"
    )
    (sample,) = (SAMPLES / "amazon").iterdir()
    header, *rows = sample.read_text(encoding="utf-8").splitlines()
    lines = [f"{header}\tbuyer-email", *(f"{row}\tAb1@market.example" for row in rows)]
    report = tmp_path / "report.txt"
    report.write_text("\n".join(lines), encoding="cp1252")
    books = ingest_sample("amazon", report, sources=tmp_path / "sources")
    assert {customer for _, customer, _ in books.orders().values()} == {"ab1@market.example"}
    names = {row["product_id"]: row["name"] for row in books.rows("products")}
    assert names["CUP-01"] == "Tasse für Grün"
    assert books.quarantine() == {}


def test_ebay(ingest_sample: Ingest) -> None:
    """A line of commas, a header, an empty row, orders with a row of sums, a footer."""
    books = ingest_sample("ebay")
    assert books.totals() == {
        "12-34567-00001": 41_00,  # 3 x 12.00 + shipping 5.00
        "12-34567-00002": 1073_00,  # 1,040.00 + 25.00 + shipping 8.00
    }  # 12-34567-00003 is not paid yet
    assert books.orders() == {
        "12-34567-00001": ("purchase", "tea_lover", "2025-01-05 08:00:00"),
        "12-34567-00002": ("purchase", "pan_fan", "2025-07-04 07:00:00"),
    }
    assert books.lines("12-34567-00002") == {
        ("PAN-01", "sale", 1, 1040_00),
        ("405358863539", "sale", 1, 25_00),  # has no label of the seller's
        ("shipping", "charge", 1, 8_00),
    }
    # The empty line before the footer, and its two lines.
    assert books.quarantine() == {"empty_line": 1, "wrong_field_count": 2}


def test_olist(ingest_sample: Ingest) -> None:
    """Five files: the customer is two look-ups away from an item."""
    books = ingest_sample("olist")
    assert books.totals() == {
        "o001": 38_71,  # 29.99 + freight 8.72
        "o002": 77_42,  # twice the same
        "o003": 0,  # cancelled
        "o004": 179_12,  # 159.90 + freight 19.22
    }
    assert books.orders() == {
        "o001": ("purchase", "person_a", "2017-10-02 13:56:33"),  # 10:56:33 -0300
        "o002": ("purchase", "person_a", "2017-11-03 11:00:00"),  # summer time, -0200
        "o003": ("cancellation", "person_b", "2017-11-04 11:00:00"),
        "o004": ("purchase", "person_c", "2018-01-05 11:00:00"),
    }
    ratings = {row["feedback_id"]: row["rating_share"] for row in books.rows("feedback")}
    assert ratings == {"r1-o001": 1.0, "r1-o002": 0.0}
    assert {row["customer_id"] for row in books.rows("feedback")} == {"person_a"}
    assert books.quarantine() == {}


def test_ebay_in_britain(ingest_sample: Ingest, tmp_path: Path) -> None:
    """Days before months, postage instead of shipping, pounds."""
    (tmp_path / "sources").mkdir()
    description = (READY / "ebay.toml").read_text(encoding="utf-8")
    description = description.replace('currency = "USD"', 'currency = "GBP"')
    description = description.replace("America/Los_Angeles", "Europe/London")
    (tmp_path / "sources" / "ebay.toml").write_text(description, encoding="utf-8")
    (sample,) = (SAMPLES / "ebay").iterdir()
    text = sample.read_text(encoding="utf-8").replace("Shipping And", "Postage And")
    text = (
        text.replace("$", "£").replace("Jan-05-25", "05-Jan-25").replace("Jul-04-25", "04-Jul-25")
    )
    report = tmp_path / "eBay-OrdersReport.csv"
    report.write_text(text, encoding="utf-8")
    books = ingest_sample("ebay", report, sources=tmp_path / "sources")
    assert books.totals() == {"12-34567-00001": 41_00, "12-34567-00002": 1073_00}
    assert books.orders()["12-34567-00002"] == ("purchase", "pan_fan", "2025-07-03 23:00:00")
