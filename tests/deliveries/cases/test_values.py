"""Nothing is silently misread: times, money, signs, ids, currencies, keys of JSON."""

import json

import pytest

from retention_ml.errors import FileRefused
from tests.deliveries.cases.shops import Shop, head, plain, rows

EVENTS = f"""{head("Europe/Moscow")}
[feeds.events]
files = ["*.csv"]
table = "events"
guests = true

[feeds.events.columns]
customer_id = "user_id"
event_at = {{ column = "event_time", format = "%Y-%m-%d %H:%M:%S %Z" }}
event_type = "event_type"
product_id = "product_id"
session_id = "user_session"
"""


def test_the_name_of_a_zone_in_a_time_is_absolute(shop: Shop) -> None:
    shop.describe(EVENTS)
    shop.deliver(
        {
            "2019-Oct.csv": rows(
                "2019-10-01 00:00:00 UTC,view,44600062,541312140,aaaa-1",
                header="event_time,event_type,product_id,user_id,user_session",
            )
        }
    )
    assert shop.events() == [
        ("541312140", "2019-10-01 00:00:00.000000", "view", "44600062", "aaaa-1")
    ]


def test_zones_in_times_of_a_shop_in_berlin(shop: Shop) -> None:
    shop.describe(
        plain(
            timezone="Europe/Berlin",
            event_at='{ column = "placed", format = "%Y-%m-%d %H:%M:%S %Z" }',
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                "1,2023-01-05 14:23:11 EST,c1,S1,1,1.00",
                "2,2023-01-05 14:23:11 UTC,c1,S1,1,1.00",
                "3,2023-01-05 14:23:11 America/New_York,c1,S1,1,1.00",
            )
        }
    )
    assert shop.times() == {
        "1": "2023-01-05 19:23:11.000000",
        "2": "2023-01-05 14:23:11.000000",
        "3": "2023-01-05 19:23:11.000000",
    }


def test_clocks_of_berlin(shop: Shop) -> None:
    shop.describe(plain(timezone="Europe/Berlin"))
    shop.deliver(
        {
            "orders.csv": rows(
                "1,2025-03-30 02:30:00,c1,S1,1,1.00",
                "2,2025-10-26 02:30:00,c1,S1,1,1.00",
                "3,2025-10-26 02:30:00+01:00,c1,S1,1,1.00",
                "4,2025-10-26T01:30:00Z,c1,S1,1,1.00",
                "5,2025-10-26 02:30:00 +0100,c1,S1,1,1.00",
                "6,2025-10-26 02:30:00 UTC,c1,S1,1,1.00",
                "7,2025-01-05T14:23:11.1234567Z,c1,S1,1,1.00",
            )
        }
    )
    assert shop.quarantined() == [(2, "time_in_dst_gap")]
    assert shop.times() == {
        "2": "2025-10-26 00:30:00.000000",
        "3": "2025-10-26 01:30:00.000000",
        "4": "2025-10-26 01:30:00.000000",
        "5": "2025-10-26 01:30:00.000000",
        "6": "2025-10-26 02:30:00.000000",
        "7": "2025-01-05 14:23:11.123456",
    }


@pytest.mark.parametrize("amount", ['"price"', '{ product_of = ["qty", "price"] }'])
def test_prices_with_a_decimal_mark_are_no_cents(shop: Shop, amount: str) -> None:
    shop.describe(plain(line_amount_cents=amount))
    content = rows(
        "1,2025-01-01 08:00:00,c1,S1,1,12.00",
        "2,2025-01-02 08:00:00,c2,S1,1,12.50",
        "3,2025-01-02 09:00:00,c3,S1,1,40",
    )
    with pytest.raises(FileRefused, match=r"money = true"):
        shop.deliver({"orders.csv": content})
    assert shop.refused() == ["cents_or_units"]
    assert shop.lines() == []


def test_cents_without_a_decimal_mark_are_cents(shop: Shop) -> None:
    shop.describe(plain(line_amount_cents='"price"'))
    shop.deliver({"orders.csv": rows("1,2025-01-01 08:00:00,c1,S1,1,1250")})
    assert shop.amounts() == {"1": 1250}


NEGATIVE_IS_RETURN = """
[[feeds.orders.rules]]
when = { line_amount_cents = "< 0" }
kind = "return"
"""
NET_AND_TAX = rows(
    "1,2025-01-01 08:00:00,c1,S1,1,100.00,20.00,10.00,120.00",
    "2,2025-01-02 08:00:00,c1,S1,1,-100.00,-20.00,0.00,-120.00",
    "3,2025-01-03 08:00:00,c2,S2,3,30.00,6.00,,36.00",
    header="order,placed,customer,sku,qty,net,tax,discount,gross",
)


def test_a_sum_of_net_and_tax_keeps_its_sign(shop: Shop) -> None:
    amount = '{ sum_of = ["net", "tax"], money = true }'
    shop.describe(plain(rules=NEGATIVE_IS_RETURN, line_amount_cents=amount))
    shop.deliver({"orders.csv": NET_AND_TAX})
    assert shop.lines() == [
        ("1", "S1", "sale", 1, 12000),
        ("2", "S1", "return", -1, -12000),
        ("3", "S2", "sale", 3, 3600),
    ]


def test_gross_minus_discount_is_a_difference(shop: Shop) -> None:
    amount = '{ difference_of = ["gross", "discount"], money = true }'
    shop.describe(plain(rules=NEGATIVE_IS_RETURN, line_amount_cents=amount))
    shop.deliver({"orders.csv": NET_AND_TAX})
    assert shop.amounts() == {"1": 11000, "2": -12000, "3": 3600}


def test_ids_that_a_spreadsheet_destroyed_are_set_aside(shop: Shop) -> None:
    shop.describe(plain())
    receipt = shop.deliver(
        {
            "orders.csv": rows(
                "1.23457E+12,2025-01-01,8.80012E+12,S1,1,10.00",
                "1.23457E+12,2025-01-02,8.80012E+12,S1,1,20.00",
                "1.23457E+12,2025-01-03,8.80012E+12,S1,1,30.00",
            )
        }
    )
    assert receipt.details["reasons"] == {"mangled_id": 3}
    assert shop.lines() == []


def test_blanks_of_every_kind_and_invisible_signs_around_an_id_are_taken_off(shop: Shop) -> None:
    shop.describe(plain("guests = true"))
    at = "2025-01-01 08:00:00"
    shop.deliver(
        {
            "orders.csv": rows(
                f"1,{at},C7,S1,1,1.00",
                f"2,{at},C7\u00a0,S1,1,1.00",
                f"3,{at},C7\t,S1,1,1.00",
                f"4,{at},\u200bC7,S1,1,1.00",
                f"5,{at},\u00a0,S1,1,1.00",
                f"6,{at},\ufeff\u202aC7\u202c\u00ad,S1,1,1.00",
                f"7,{at},\u3000C7\u2009\u202f,S1,1,1.00",
            )
        }
    )
    assert shop.customers() == dict.fromkeys("123467", "C7") | {"5": None}


@pytest.mark.parametrize(
    ("word", "ids", "customers"),
    [
        ("lower = true", ["Ann@S.example", "ann@s.example", '"ANN@S.EXAMPLE "'], {"ann@s.example"}),
        ("whole = true", ["17850.0", "17850", "17850.00"], {"17850"}),
        (
            """strip = ['="', '"', "'"]""",
            ['="00123"', '"=""00123"""', "00123", "'00123"],
            {"00123"},
        ),
        ('unicode = "NFC"', ["Jos\u00e9", "Jose\u0301"], {"Jos\u00e9"}),
        ('values = { c1 = "" }', ["c1"], {None}),
        ('missing = ["nan", "NULL"]', ["nan", "NULL", ""], {None}),
    ],
)  # fmt: skip
def test_one_customer_under_several_spellings(
    shop: Shop, word: str, ids: list[str], customers: set[str | None]
) -> None:
    shop.describe(plain("guests = true", customer_id=f'{{ column = "customer", {word} }}'))
    lines = [f"{n},2025-01-0{n} 08:00:00,{who},S1,1,1.00" for n, who in enumerate(ids, 1)]
    shop.deliver({"orders.csv": rows(*lines)})
    assert len(shop.customers()) == len(ids)
    assert set(shop.customers().values()) == customers


def test_hostile_ids_stay_what_they_are(shop: Shop) -> None:
    shop.describe(plain())
    ids = ["Robert'); DROP TABLE curated.orders;--", "👨‍👩‍👧", "%s {x} $1", "-1"]
    lines = [f'{n},2025-01-01 08:00:00,"{who}",S1,1,1.00' for n, who in enumerate(ids)]
    shop.deliver({"orders.csv": rows(*lines, f"9,2025-01-01 08:00:00,{'x' * 500},S1,1,1.00")})
    assert list(shop.customers().values()) == ids
    assert shop.quarantined() == [(6, "id_too_long")]


IN_THREE_CURRENCIES = rows(
    "1,2025-01-01 08:00:00,c1,S1,1,26.00,USD",
    "2,2025-01-02 08:00:00,c2,S1,1,1700,JPY",
    "3,2025-01-03 08:00:00,c3,S1,1,24.00,EUR",
    header="order,placed,customer,sku,qty,total,currency",
)


def test_other_currencies_are_set_aside_where_there_are_no_rates(shop: Shop) -> None:
    amount = '{ column = "total", money = true }'
    shop.describe(plain('currency = "currency"', line_amount_cents=amount))
    receipt = shop.deliver({"orders.csv": IN_THREE_CURRENCIES})
    assert receipt.details["reasons"] == {"other_currency": 2}
    assert shop.amounts() == {"1": 2600}


GA4 = f"""{head()}
[feeds.events]
files = ["events_*.jsonl"]
format = "jsonl"
table = "events"
guests = true

[feeds.events.columns]
customer_id = "userId"
event_at = {{ column = "event_timestamp", format = "epoch_us" }}
event_type = "event_name"
"""


def test_a_key_that_no_row_of_a_json_file_has_is_a_missing_column(shop: Shop) -> None:
    shop.describe(GA4)
    events = [
        {"event_timestamp": "1736086991123456", "event_name": "view", "user_id": "c77"},
        {"event_timestamp": "1736086991123457", "event_name": "view", "user_pseudo_id": "1.2"},
    ]
    content = "\n".join(map(json.dumps, events))
    with pytest.raises(FileRefused, match=r"userId.*user_id"):
        shop.deliver({"events_1.jsonl": content})
    assert shop.refused() == ["missing_column"]


# Neighbours.


def test_a_currency_sign_of_another_country_is_no_dollar(shop: Shop) -> None:
    shop.describe(plain())
    at = "2025-01-01 08:00:00"
    receipt = shop.deliver(
        {
            "orders.csv": rows(
                f"1,{at},c1,S1,1,$5.00",
                f"2,{at},c1,S1,1,5.00 USD",
                f"3,{at},c1,S1,1,€5.00",
                f"4,{at},c1,S1,1,5.00 CHF",
            )
        }
    )
    assert shop.amounts() == {"1": 500, "2": 500}
    assert receipt.details["reasons"] == {"other_currency": 2}


def test_a_telephone_number_with_an_exponent_is_set_aside_and_a_name_is_not(shop: Shop) -> None:
    shop.describe(plain())
    ids = ["4,91761E+11", "4.91761e+11", "E12", "12E", "1E5B", "3.5E-04"]
    lines = [f'{n},2025-01-01 08:00:00,"{who}",S1,1,1.00' for n, who in enumerate(ids, 1)]
    shop.deliver({"orders.csv": rows(*lines)})
    assert list(shop.customers().values()) == ["E12", "12E", "1E5B"]
    assert [reason for _, reason in shop.quarantined()] == ["mangled_id"] * 3


def test_milliseconds_read_as_seconds_do_not_become_dates(shop: Shop) -> None:
    shop.describe(plain(event_at='{ column = "placed", format = "epoch_s" }'))
    receipt = shop.deliver({"orders.csv": rows("1,1736086991123,c1,S1,1,1.00")})
    assert receipt.read == receipt.quarantined == 1
    (reason,) = receipt.details["reasons"]
    assert reason in ("bad_timestamp", "time_out_of_range", "event_in_future")


def test_minor_units_of_yen_and_dinars(shop: Shop) -> None:
    shop.describe(plain(currency="KWD", minor_units=1000))
    shop.deliver({"orders.csv": rows("1,2025-01-01 08:00:00,c1,S1,2,1.255")})
    assert shop.amounts() == {"1": 2510}


RATES = """
[feeds.rates]
files = ["rates*.csv"]
table = "exchange_rates"

[feeds.rates.columns]
currency = "currency"
valid_from = "day"
rate = "rate"
"""


def test_other_currencies_are_converted_by_the_last_rate_of_the_day_or_before(shop: Shop) -> None:
    amount = '{ column = "total", money = true }'
    shop.describe(plain('currency = "currency"', RATES, line_amount_cents=amount))
    shop.deliver(
        {
            "rates.csv": rows(
                "JPY,2024-12-31,0.0064",
                "JPY,2025-01-02,0.0065",
                "JPY,2025-01-03,0.0070",
                "EUR,2025-01-04,1.03",
                header="currency,day,rate",
            )
        }
    )
    shop.deliver({"orders.csv": IN_THREE_CURRENCIES})
    assert shop.amounts() == {"1": 2600, "2": 1105}
    # The first rate of the euro is a day too late.
    assert shop.quarantined() == [(4, "other_currency")]
