"""Amounts in other currencies: converted by the rate of their day, or set aside."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from retention_ml.curated.ingest import ingest, replay_quarantine
from retention_ml.deliveries.casting.currency import Rates, rates_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.feeds import Cast, cast_file, write

SHOP = """
title = "A shop that sells in several currencies"
timezone = "America/New_York"
currency = "USD"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
currency = "currency"

[feeds.lines.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "placed"
quantity = "qty"
line_amount_cents = { column = "total", money = true }

[feeds.rates]
files = ["rates*.csv"]
table = "exchange_rates"
columns = { currency = "currency", valid_from = "day", rate = "rate" }
"""
HEADER = "order,sku,customer,placed,qty,total,currency"
LINES = [
    "1,S1,c1,2025-01-01 08:00:00,1,26.00,USD",
    "2,S1,c2,2025-01-02 08:00:00,1,1700,JPY",
    "3,S1,c3,2025-01-03 08:00:00,1,24.00,EUR",
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


RATES = rates_of(
    [("JPY", at("2024-12-31T05:00"), 0.00636), ("EUR", at("2025-01-03T05:00"), 1.0353), ("EUR", at("2025-01-04T05:00"), 9.0)],
    "America/New_York",
)  # fmt: skip


@pytest.fixture
def currencies(folder: Path) -> Path:
    (folder / "shop.toml").write_text(SHOP, encoding="utf-8")
    return folder


def cast(folder: Path, *lines: str, rates: Rates | None = None) -> Cast:
    path = write(folder.parent / "lines.csv", lines, HEADER)
    return cast_file(path, folder, rates=rates) if rates else cast_file(path, folder)


def cents(result: Cast) -> dict[str, object]:
    return {str(row["order_id"]): row["line_amount_cents"] for row in result.rows}


def test_without_rates_other_currencies_are_set_aside(currencies: Path) -> None:
    result = cast(
        currencies, *LINES, "4,S1,c3,2025-01-03 08:00:00,1,24.00,", "5,S1,c4,2025-01-03,1,3,usd"
    )
    assert cents(result) == {"1": 2_600, "5": 300}
    assert result.reasons == {3: "other_currency", 4: "other_currency", 5: "missing_currency"}
    assert result.details[3] == "currency: 'JPY', expected USD, or a currency with an exchange rate"


def test_an_amount_is_converted_by_the_last_rate_on_or_before_its_day(currencies: Path) -> None:
    assert cents(cast(currencies, *LINES, rates=RATES)) == {"1": 2_600, "2": 1_081, "3": 2_485}


def test_the_day_is_that_of_the_shop(currencies: Path) -> None:
    lines = [
        "1,S1,c1,2025-01-03T04:59:59Z,1,10,EUR",  # still the 2nd in New York: no rate yet
        "2,S1,c1,2025-01-03T05:00:00Z,1,10,EUR",
        "3,S1,c1,2025-01-04T04:59:59Z,1,10,EUR",
    ]
    result = cast(currencies, *lines, rates=RATES)
    assert cents(result) == {"2": 1_035, "3": 1_035}
    assert result.reasons == {2: "other_currency"}


def test_halves_are_rounded_away_from_zero_once_and_exactly(currencies: Path) -> None:
    text = SHOP.replace('column = "total"', 'product_of = ["qty", "total"]')
    (currencies / "shop.toml").write_text(
        text + '[[feeds.lines.rules]]\nwhen = { line_amount_cents = "< 0" }\nkind = "return"\n',
        encoding="utf-8",
    )
    rates = rates_of(
        [("EUR", at("2025-01-01T05:00"), 0.3335), ("KWD", at("2025-01-01T05:00"), 3.245)],
        "America/New_York",
    )
    lines = [
        "1,S1,c1,2025-01-02,3,0.10,EUR",  # 0.10005
        "2,S1,c1,2025-01-02,1,0.15,EUR",  # 0.050025
        "3,S1,c1,2025-01-02,1,-0.15,EUR",
        "4,S1,c1,2025-01-02,1,1.234,KWD",  # 4.00433
        "5,S1,c1,2025-01-02,1000,0.000015,EUR",  # 0.0050025: nothing was lost before
    ]
    assert cents(cast(currencies, *lines, rates=rates)) == {
        "1": 10,
        "2": 5,
        "3": -5,
        "4": 400,
        "5": 1,
    }


def test_cents_of_a_currency_without_cents(currencies: Path) -> None:
    text = SHOP.replace('{ column = "total", money = true }', '"total"')
    (currencies / "shop.toml").write_text(text, encoding="utf-8")
    lines = [
        "1,S1,c1,2025-01-03,1,1700,JPY",
        "2,S1,c1,2025-01-03,1,2400,EUR",
        "3,S1,c1,2025-01-03,1,999,USD",
    ]
    assert cents(cast(currencies, *lines, rates=RATES)) == {"1": 1_081, "2": 2_485, "3": 999}


def test_the_sign_beside_an_amount_is_that_of_its_row(currencies: Path) -> None:
    lines = [
        "1,S1,c1,2025-01-03,1,€24.00,EUR",
        "2,S1,c1,2025-01-03,1,$24.00,EUR",
        "3,S1,c1,2025-01-03,1,€1,USD",
    ]
    result = cast(currencies, *lines, rates=RATES)
    assert cents(result) == {"1": 2_485}
    assert result.reasons == {3: "other_currency", 4: "other_currency"}


def test_an_amount_that_grows_too_large_is_out_of_range(currencies: Path) -> None:
    rates = rates_of([("EUR", at("2025-01-01T05:00"), 999_999.0)], "America/New_York")
    lines = ["1,S1,c1,2025-01-03,1,900000000,EUR", "2,S1,c1,2025-01-03,1,1,EUR"]
    result = cast(currencies, *lines, rates=rates)
    assert (cents(result), result.reasons) == ({"2": 99_999_900}, {2: "out_of_range"})


def test_rates_are_the_decimals_that_were_written() -> None:
    rates = rates_of(
        [("EUR", at("2025-01-01T00:00"), 1.0353), ("eur", at("2025-01-01T10:00"), 1.1)], "UTC"
    )
    day = 20_089
    assert rates.at("EUR", np.array([day - 1, day, day + 400])) == [
        None,
        Decimal("1.1"),
        Decimal("1.1"),
    ]
    assert rates.at("JPY", np.array([day])) == [None]


def test_rates_come_with_the_batch_or_were_curated_before(
    warehouse: Warehouse, shop_settings: Settings, currencies: Path, tmp_path: Path
) -> None:
    def take_in(*files: Path) -> None:
        ingest(warehouse, settings=shop_settings, source="shop", files=files, history=True)

    def curated() -> dict[str, int]:
        rows = warehouse.read(
            "SELECT order_id, line_amount_cents AS c FROM curated.order_lines WHERE superseded_at IS NULL"
        )
        return {row["order_id"]: row["c"] for row in rows.to_pylist()}

    rates = "currency,day,rate"
    lines = write(tmp_path / "lines-1.csv", LINES, HEADER)
    take_in(lines, write(tmp_path / "rates-1.csv", ["JPY,2024-12-31,0.00636"], rates))
    assert curated() == {"1": 2_600, "2": 1_081}
    take_in(write(tmp_path / "lines-2.csv", ["4,S1,c1,2025-01-05,1,1000,JPY"], HEADER))
    assert curated() == {"1": 2_600, "2": 1_081, "4": 636}
    # The rate of the euro comes late: what waits in quarantine is converted, what was stays.
    take_in(
        write(
            tmp_path / "rates-2.csv",
            ["EUR,2025-01-02,1.0353", "JPY,2024-12-30,0.5", "USDT,2025-01-02,x"],
            rates,
        )
    )
    receipt = replay_quarantine(
        warehouse, settings=shop_settings, source="shop", reason="other_currency"
    )
    assert receipt.written == 1
    assert curated() == {"1": 2_600, "2": 1_081, "3": 2_485, "4": 636}
    stored = warehouse.read(
        "SELECT currency, rate FROM curated.exchange_rates ORDER BY 1, 2"
    ).to_pylist()
    assert stored == [
        {"currency": "EUR", "rate": 1.0353}, {"currency": "JPY", "rate": 0.00636}, {"currency": "JPY", "rate": 0.5},
    ]  # fmt: skip


def test_a_currency_of_any_number_of_smallest_units(currencies: Path) -> None:
    text = SHOP.replace('currency = "USD"', 'currency = "USD"\nminor_units = 240')
    (currencies / "shop.toml").write_text(text, encoding="utf-8")
    assert cents(cast(currencies, "1,S1,c1,2025-01-02,1,2.50,USD")) == {"1": 600}
    text = text.replace('{ column = "total", money = true }', '"total"')
    (currencies / "shop.toml").write_text(text, encoding="utf-8")
    assert cents(cast(currencies, "1,S1,c1,2025-01-02,1,999999999,USD")) == {"1": 999_999_999}


def test_a_row_without_a_good_time_is_refused_for_its_time(currencies: Path) -> None:
    lines = [
        "1,S1,c1,,1,24.00,EUR",
        "2,S1,c1,13/25/2025,1,24.00,EUR",
        "3,S1,c1,2025-03-09 02:30:00,1,24.00,EUR",
        "4,S1,c1,2099-01-01,1,24.00,EUR",
    ]
    assert cast(currencies, *lines, rates=RATES).reasons == {
        2: "missing_event_at",
        3: "bad_timestamp",
        4: "time_in_dst_gap",
        5: "event_in_future",
    }
