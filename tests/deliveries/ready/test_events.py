"""Exports of what visitors did, with the orders among it."""

from pathlib import Path

import pytest

from tests.deliveries.ready.conftest import SAMPLES, Ingest


def test_ga4(ingest_sample: Ingest) -> None:
    """Microseconds, parameters by key, items as an array; a purchase that was sent twice."""
    books = ingest_sample("ga4")
    browser = "1026454.4271112504"
    assert books.events() == [
        ("2025-01-05 14:23:11", "view", browser, "MUG-01"),
        ("2025-01-05 14:23:20", "search", browser, None),
        ("2025-01-05 14:24:11", "cart", "c77", "MUG-01"),
        ("2025-01-05 14:25:11", "purchase", "c77", "MUG-01"),
        ("2025-01-05 14:26:11", "purchase", "c77", "MUG-01"),
        ("2025-01-06 14:01:00", "purchase", browser, "MUG-01"),
    ]
    searches = {row["detail"]: row["session_id"] for row in books.rows("events")}
    assert searches["mug"] == "661084800"
    assert books.totals() == {
        "T-1": 45_43,  # 2 x 12.00 + 25.00 + shipping 5.00 + tax 3.43 - refunded 12.00
        "T-2": 12_00,
    }
    assert books.orders() == {
        "T-1": ("purchase", "c77", "2025-01-05 14:26:11"),
        "T-2": ("purchase", None, "2025-01-06 14:01:00"),  # a browser is no customer
    }
    assert books.quarantine() == {}


def test_segment(ingest_sample: Ingest) -> None:
    """The user, or else the browser; calls that are no event of a shop are left out."""
    books = ingest_sample("segment")
    assert books.events() == [
        ("2025-01-05 14:23:11", "view", "anon-1", "MUG-01"),
        ("2025-01-05 14:24:11", "cart", "u1", "MUG-01"),
        ("2025-01-05 14:25:11", "purchase", "u1", None),
        ("2025-01-05 14:27:00", "search", "anon-2", None),
    ]
    assert books.totals() == {"O-1": 18_00}  # 24.00 + 5.00 + 3.00 - 2.00 - refunded 12.00
    assert books.orders() == {"O-1": ("purchase", "u1", "2025-01-05 14:25:11")}
    assert books.lines("O-1") == {
        ("MUG-01", "sale", 2, 24_00),
        ("shipping", "charge", 1, 5_00),
        ("tax", "charge", 1, 3_00),
        ("discount", "charge", 1, -2_00),
        ("m8", "return", -1, -12_00),
    }
    assert books.quarantine() == {}


def test_segment_calls_without_a_currency_are_in_the_shops(
    ingest_sample: Ingest, tmp_path: Path
) -> None:
    sample = min((SAMPLES / "segment").iterdir())
    text = sample.read_text(encoding="utf-8")
    other = tmp_path / "other.jsonl"
    other.write_text(text.replace('"USD"', '"EUR"').replace("O-1", "O-2"), encoding="utf-8")
    bare = tmp_path / "bare.jsonl"
    bare.write_text(text.replace('"currency":"USD",', ""), encoding="utf-8")
    books = ingest_sample("segment", bare, other)
    assert books.totals() == {"O-1": 30_00}
    assert books.quarantine() == {"other_currency": 2}


def test_mixpanel(ingest_sample: Ingest) -> None:
    """Seconds since 1970, keys with a dollar sign, events that are exported twice."""
    books = ingest_sample("mixpanel")
    assert books.events() == [
        ("2025-01-05 14:23:11", "view", "$device:18f0", "MUG-01"),
        ("2025-01-05 14:24:11", "cart", "u1", "MUG-01"),
        ("2025-01-05 14:25:11", "purchase", "u1", None),
    ]
    assert books.totals() == {"O-1": 29_50}
    assert books.orders() == {"O-1": ("purchase", "u1", "2025-01-05 14:25:11")}
    assert books.quarantine() == {}


def test_amplitude(ingest_sample: Ingest) -> None:
    books = ingest_sample("amplitude")
    assert books.events() == [
        ("2025-01-05 14:23:11", "view", "dev-1", "MUG-01"),
        ("2025-01-05 14:24:11", "cart", "u1", "MUG-01"),
        ("2025-01-05 14:25:11", "purchase", "u1", None),
        ("2025-01-05 14:26:11", "purchase", "dev-1", None),
    ]
    assert books.totals() == {
        "O-1": 54_50,  # 2 x 12.00 + 25.00 + shipping 5.50
        "O-2": 12_00,
    }
    assert books.orders() == {
        "O-1": ("purchase", "u1", "2025-01-05 14:25:11"),
        "O-2": ("purchase", None, "2025-01-05 14:26:11"),  # a device is no customer
    }
    assert books.quarantine() == {}


def test_rees46(ingest_sample: Ingest) -> None:
    """One file, two tables: all six rows are events, two of them one order."""
    books = ingest_sample("rees46")
    assert [kind for _, kind, _, _ in books.events()] == [
        "view", "cart", "purchase", "purchase", "view", "remove_from_cart",
    ]  # fmt: skip
    assert books.events()[0][0] == "2019-10-01 00:00:00"
    assert books.totals() == {"aaaa-1": 166_55}  # 35.79 + 130.76
    assert books.orders() == {"aaaa-1": ("purchase", "541312140", "2019-10-01 00:02:37")}
    assert books.quarantine() == {}


@pytest.mark.parametrize("name", ["amplitude", "ga4", "mixpanel", "segment"])
def test_a_day_without_an_order_is_an_ordinary_day(
    ingest_sample: Ingest, tmp_path: Path, name: str
) -> None:
    """No row has an order's keys then: a file is not refused for what its feed does not read."""
    sample = min((SAMPLES / name).iterdir())
    rows = sample.read_text(encoding="utf-8").splitlines(keepends=True)
    quiet = tmp_path / sample.name
    quiet.write_text("".join(rows[:2]), encoding="utf-8")
    books = ingest_sample(name, quiet)
    assert [kind for _, kind, _, _ in books.events()] == ["view"]
    assert books.totals() == {}
