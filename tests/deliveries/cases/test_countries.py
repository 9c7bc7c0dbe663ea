"""Neighbours: spreadsheets of other countries, dumps of other databases, other shop systems."""

import pytest

from tests.deliveries.cases.shops import HEADER, Shop, plain, rows

PRICE = '{ column = "price", money = true }'
SEMICOLONS = HEADER.replace(",", ";")
RETURN = '[[feeds.orders.rules]]\nwhen = { line_amount_cents = "< 0" }\nkind = "return"\n'


def sheet(*prices: str, placed: str = "2025-01-05 08:00:00") -> str:
    """Orders 1, 2, …, a price each, as a spreadsheet with semicolons."""
    return rows(
        *(f"{n};{placed};c1;S1;1;{price}" for n, price in enumerate(prices, 1)), header=SEMICOLONS
    )


@pytest.mark.parametrize(
    ("currency", "decimal", "feed", "prices", "amounts"),
    [
        ("EUR", ",", "", ["1.234,50 €", "€ 12,00", "1.234 €", "12,5 EUR", "-3,00 €"], [123450, 1200, 123400, 1250, -300]),
        ("EUR", ",", "", ["1 234,50", "1\u00a0234,50\u00a0€", "1\u202f234,50", "12,00€"], [123450, 123450, 123450, 1200]),
        ("CHF", ".", "", ["1'234.50 CHF", "1’234.50", "CHF 12.00", "Fr. 12.50"], [123450, 123450, 1200, 1250]),
        ("BRL", ",", "", ["R$ 1.234,50", "R$12,00", "-R$ 3,00", "R$ -3,00"], [123450, 1200, -300, -300]),
        ("DKK", ",", "", ["kr. 1.234,50", "1.234,50 kr.", "12,00 kr", "DKK 12,00"], [123450, 123450, 1200, 1200]),
        ("GBP", ".", "", ["£1,234.50", "£ .99", "(£12.50)", "12.00 GBP"], [123450, 99, -1250, 1200]),
        ("PLN", ",", "", ["1 234,50 zł", "12,00 PLN"], [123450, 1200]),
        ("EUR", ",", "", ["1.234,50-", "49,03-"], [-123450, -4903]),
        ("INR", ".", 'group = ","', ["₹1,234.50", "12,34,567.00", "1,23,456.00"], [123450, 123456700, 12345600]),
        ("SEK", ",", "", ["1 234:50", "1 234,50 kr"], [None, 123450]),
    ],
)  # fmt: skip
def test_money_as_spreadsheets_of_other_countries_write_it(
    shop: Shop,
    currency: str,
    decimal: str,
    feed: str,
    prices: list[str],
    amounts: list[int | None],
) -> None:
    dialect = f'delimiter = ";"\ndecimal = "{decimal}"\n{feed}'
    shop.describe(plain(dialect, RETURN, currency=currency, line_amount_cents=PRICE))
    shop.deliver({"orders.csv": sheet(*prices)})
    expected = {str(n): cents for n, cents in enumerate(amounts, 1) if cents is not None}
    assert shop.amounts() == expected
    assert {reason for _, reason in shop.quarantined()} <= {"bad_number"}


def test_yen_and_the_calendar_of_a_japanese_market(shop: Shop) -> None:
    shop.describe(
        plain(
            'encoding = "cp932"\ngroup = ","',
            timezone="Asia/Tokyo",
            currency="JPY",
            minor_units=1,
            event_at='{ column = "placed", format = ["%Y年%m月%d日 %H時%M分", "%Y年%m月%d日"] }',
            line_amount_cents=PRICE,
        )
    )
    lines = [
        '503-1,2025年1月5日 14時23分,b1,マグ,1,"￥1,234"',
        "503-2,2025年1月6日,b2,マグ,1,￥980",
        '503-3,2025年12月31日,b2,マグ,1,"12,345円"',
    ]
    shop.deliver({"orders.csv": rows(*lines).encode("cp932")})
    assert shop.amounts() == {"503-1": 1234, "503-2": 980, "503-3": 12345}
    assert shop.times() == {
        "503-1": "2025-01-05 05:23:00.000000",
        "503-2": "2025-01-05 15:00:00.000000",
        "503-3": "2025-12-30 15:00:00.000000",
    }


def test_a_month_in_german_words_is_no_time_and_said_so(shop: Shop) -> None:
    shop.describe(plain('delimiter = ";"', event_at='{ column = "placed", format = "%d. %B %Y" }'))
    inspection = shop.check({"orders.csv": sheet("1.00", placed="5. Januar 2025")})
    assert inspection.findings[0].reason == "bad_timestamp"
    assert inspection.accepted == 0


DUMP = {
    "customer_id": '{ column = "customer" }',
    "line_amount_cents": PRICE,
}
NAMES = 'header = ["order", "placed", "customer", "sku", "qty", "price", "note"]'


def test_a_dump_of_mysql_with_tabs_and_backslashes(shop: Shop) -> None:
    shop.describe(
        plain(
            f'delimiter = "\\t"\nquote = ""\nescape = "\\\\"\nmissing = ["\\\\N"]\nguests = true\n{NAMES}',
            '[feeds.orders.also.products.columns]\nproduct_id = "sku"\nname = "note"\n',
            **DUMP,
        )
    )
    shop.deliver(
        {
            "orders.txt": (
                '1\t2025-01-05 14:23:11\tc1\tMY-1\t1\t12.00\ta\\tb \\\\ "c"\n'
                "2\t2025-01-05 14:23:11\t\\N\tMY-2\t1\t12.00\tline\\\nbreak\n"
                "3\t2025-01-05 14:23:11\tc3\tMY-3\t1\t\\N\t\\N\n"
            )
        }
    )
    assert shop.customers() == {"1": "c1", "2": None}
    assert shop.quarantined() == [(4, "missing_line_amount_cents")]
    names = shop.warehouse.read(
        "SELECT product_id, name FROM curated.products WHERE product_id LIKE 'MY-_' ORDER BY 1"
    )
    assert names["name"].to_pylist()[:2] == ['a\tb \\ "c"', "line\nbreak"]


def test_a_dump_of_postgres_in_text(shop: Shop) -> None:
    shop.describe(
        plain(
            f'delimiter = "\\t"\nquote = ""\nescape = "\\\\"\nmissing = ["\\\\N"]\nguests = true\n{NAMES}',
            **DUMP,
        )
    )
    shop.deliver(
        {
            "orders.copy": (
                "1\t2025-01-05 14:23:11.5+01\tc\\\\1\tPG-1\t1\t12.00\t\\N\n"
                "2\t2025-07-05 14:23:11+02\t\\N\tPG-2\t1\t12.00\ttext\\nmore\n"
            )
        }
    )
    assert shop.customers() == {"1": "c\\1", "2": None}
    assert shop.times() == {"1": "2025-01-05 13:23:11.500000", "2": "2025-07-05 12:23:11.000000"}


def test_an_export_of_sql_server_with_semicolons_and_null(shop: Shop) -> None:
    shop.describe(
        plain(
            'encoding = "utf-16"\ndelimiter = ";"\ndecimal = ","\nmissing = ["NULL"]\nguests = true',
            **DUMP,
        )
    )
    content = rows(
        "1;2025-01-05 14:23:11.1230000;c1;S1;1;12,5000",
        "2;2025-01-05 14:23:11.000;NULL;S1;1;1234,0000",
        header=SEMICOLONS,
        end="\r\n",
    )
    shop.deliver({"orders.rpt": b"\xff\xfe" + content.encode("utf-16-le")})
    assert shop.amounts() == {"1": 1250, "2": 123400}
    assert shop.customers() == {"1": "c1", "2": None}


def test_days_as_oracle_writes_them(shop: Shop) -> None:
    shop.describe(
        plain(
            event_at='{ column = "placed", format = ["%d-%b-%y %I.%M.%S.%f %p", "%d-%b-%y"] }',
            **DUMP,
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                '"1","05-JAN-25","c1","S1","1","12"',
                '"2","05-JAN-25 02.23.11.123000 PM",c1,S1,1,.5',
            )
        }
    )
    assert shop.times() == {"1": "2025-01-05 00:00:00.000000", "2": "2025-01-05 14:23:11.123000"}
    assert shop.amounts() == {"1": 1200, "2": 50}


def test_an_accounting_system_writes_the_minus_behind_and_the_day_in_one_piece(shop: Shop) -> None:
    shop.describe(
        plain(
            'delimiter = ";"\ndecimal = ","\nencoding = "cp1252"\nskip_lines = 1',
            RETURN,
            currency="EUR",
            timezone="Europe/Berlin",
            event_at='{ columns = ["Datum", "Zeit"], format = "%Y%m%d-%H%M%S" }',
            **DUMP,
        )
    )
    content = '"EXTF";700;21;"Buchungsstapel"\n' + rows(
        "1;20250105;142311;c1;S1;1;1.234,50",
        "2;20250106;090000;c1;S1;1;49,03-",
        header="order;Datum;Zeit;customer;sku;qty;price",
    )
    shop.deliver({"orders.csv": content.encode("cp1252")})
    assert shop.amounts() == {"1": 123450, "2": -4903}
    assert shop.times()["1"] == "2025-01-05 13:23:11.000000"


def test_single_quotes_and_pipes(shop: Shop) -> None:
    shop.describe(plain('delimiter = "|"\nquote = "\'"', **DUMP))
    shop.deliver(
        {
            "orders.psv": rows(
                "1|2025-01-01|'O''Neil|x'|S1|1|1.00",
                '2|2025-01-01|5" pipe|S1|1|1.00',
                header=HEADER.replace(",", "|"),
            )
        }
    )
    assert shop.customers() == {"1": "O'Neil|x", "2": '5" pipe'}


def test_backslash_quotes_of_a_shop_system(shop: Shop) -> None:
    shop.describe(plain('escape = "\\\\"', **DUMP))
    shop.deliver(
        {"orders.csv": rows(r'1,2025-01-01,"a\"b, c",S1,1,1.00', "2,2025-01-01,x,S1,1,1.00")}
    )
    assert shop.customers() == {"1": 'a"b, c', "2": "x"}
