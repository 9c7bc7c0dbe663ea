"""Square's items and Stripe's payments."""

from pathlib import Path

from tests.deliveries.ready.conftest import SAMPLES, Ingest


def test_square(ingest_sample: Ingest) -> None:
    """Date, time and zone in three columns; refunds in rows of their own, newest rows first."""
    books = ingest_sample("square")
    assert books.totals() == {
        "TXa": 37_80,  # 20.00 + 1.60 + 25.00 + 2.00, and a mug back: 10.00 + 0.80
        "TXb": 1_40,
        "TXc": 1234_50,
    }
    assert books.orders() == {
        "TXa": ("purchase", "CUST1", "2025-01-05 17:59:30"),  # Eastern
        "TXb": ("purchase", None, "2025-01-06 17:00:00"),  # Pacific
        "TXc": ("purchase", "CUST2", "2025-01-07 15:30:00"),  # Arizona
    }
    assert books.lines("TXa") == {
        ("MUG-01", "sale", 2, 21_60),
        ("KET-01", "sale", 1, 27_00),
        ("Mug-PAY9", "return", -1, -10_80),
    }
    assert books.lines("TXb") == {("Apples", "sale", 1, 1_40)}  # 0.35 lb are one piece
    assert books.quarantine() == {}


def test_stripe(ingest_sample: Ingest) -> None:
    books = ingest_sample("stripe")
    assert books.totals() == {
        "ch_1": 100_00,
        "ch_2": 30_00,  # 50.00 - refunded 20.00
        "ch_3": 0,  # refunded
        "ch_4": 0,  # failed
        "ch_5": 1250_00,  # "1,250.00"
    }
    assert books.orders() == {
        "ch_1": ("purchase", "ann@mail.example", "2025-01-05 19:23:11"),
        "ch_2": ("purchase", "bob@mail.example", "2025-01-06 14:00:00"),
        "ch_3": ("return", "cat@mail.example", "2025-01-07 14:00:00"),
        "ch_4": ("cancellation", "ann@mail.example", "2025-01-08 14:00:00"),
        "ch_5": ("purchase", "cus_9", "2025-07-04 13:00:00"),  # without an e-mail
    }
    assert books.quarantine() == {"other_currency": 1}  # ch_6 in euros


def test_stripe_exports_of_older_dashboards(ingest_sample: Ingest, tmp_path: Path) -> None:
    """The time had another name, and no seconds."""
    (sample,) = (SAMPLES / "stripe").iterdir()
    text = sample.read_text(encoding="utf-8").replace("Created date (UTC)", "Created (UTC)")
    older = tmp_path / "charges.csv"
    older.write_text(text.replace("19:23:11", "19:23"), encoding="utf-8")
    orders = ingest_sample("stripe", older).orders()
    assert orders["ch_1"] == ("purchase", "ann@mail.example", "2025-01-05 19:23:00")
    assert len(orders) == 5
