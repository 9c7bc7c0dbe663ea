"""What exports hold and a description can say: numbers, times, arrays, cells, quoting, tables."""

import json

from tests.deliveries.cases.shops import Shop, head, plain, rows

PRICE = '{ column = "price", money = true }'
RETURNS = """
[[feeds.orders.rules]]
when = { quantity = "< 0" }
kind = "return"

[[feeds.orders.rules]]
when = { line_amount_cents = "< 0" }
kind = "charge"
"""


def test_numbers_as_a_spreadsheet_of_the_united_states_writes_them(shop: Shop) -> None:
    shop.describe(
        plain(
            rules=RETURNS,
            timezone="America/New_York",
            event_at='{ column = "placed", format = "%m/%d/%Y %I:%M:%S %p" }',
            line_amount_cents=PRICE,
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                'A1,01/05/2025 2:23:11 PM,c1,Mug,1.0,"$1,234.50"',
                "A2,01/06/2025 2:23:11 PM,c2,Pot,2.0,$25.00",
                "A3,01/07/2025 9:05:00 AM,c2,Pot,-1.0,($12.50)",
                "A4,01/08/2025 9:05:00 AM,c3,Pan,-1.0,-$40.00",
                "A5,01/08/2025 9:06:00 AM,c3,Pan,1.0,49.03-",
                "A6,01/08/2025 9:07:00 AM,c3,Pan,1.0,.99",
                "A7,01/08/2025 9:07:00 AM,c3,Pan,1.0,5.",
                'A8,01/08/2025 9:07:00 AM,c3,Pan,1.0,"1,234,567 "',
                "A9,01/08/2025 9:07:00 AM,c3,Pan,1.0,\u221212.50",
            )
        }
    )
    assert shop.amounts() == {
        "A1": 123450, "A2": 2500, "A3": -1250, "A4": -4000, "A5": -4903,
        "A6": 99, "A7": 500, "A8": 123456700, "A9": -1250,
    }  # fmt: skip
    assert shop.times()["A1"] == "2025-01-05 19:23:11.000000"


def test_a_single_comma_with_three_digits_is_ambiguous_until_the_feed_says_group(
    shop: Shop,
) -> None:
    at = "2025-01-01 08:00:00"
    content = rows(
        f'1,{at},c,S,"1,000",0.01',
        f'2,{at},c,S,1,"2,500"',
        f"3,{at},c,S,1,1e5",
        f"4,{at},c,S,1,NaN",
    )
    shop.describe(plain())
    assert shop.check({"orders.csv": content}).findings[0].reason == "bad_number"
    shop.describe(plain('group = ","'))
    shop.deliver({"orders.csv": content})
    assert shop.amounts() == {"1": 1000, "2": 250000}
    assert shop.quarantined() == [(4, "bad_number"), (5, "bad_number")]


def test_day_and_time_in_two_columns(shop: Shop) -> None:
    shop.describe(
        plain(
            timezone="America/New_York",
            event_at='{ columns = ["Date", "Time"], format = "%Y-%m-%d-%H:%M:%S" }',
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                "T1,2025-01-05,14:23:11,c1,Mug,1,12.00",
                header="order,Date,Time,customer,sku,qty,price",
            )
        }
    )
    assert shop.times() == {"T1": "2025-01-05 19:23:11.000000"}


def test_a_zone_for_each_row(shop: Shop) -> None:
    shop.describe(
        plain(
            timezone="America/New_York",
            event_at="""{ columns = ["Date", "Time"], format = "%Y-%m-%d-%H:%M:%S", \
timezone_column = "Time Zone", timezones = { "Pacific Time (US & Canada)" = "America/Los_Angeles", \
"Eastern Time (US & Canada)" = "America/New_York" } }""",
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                "T1,2025-01-05,14:23:11,Eastern Time (US & Canada),c1,Mug,1,12.00",
                "T2,2025-01-06,09:00:00,Pacific Time (US & Canada),c2,Pot,1,30.00",
                "T3,2025-01-06,09:00:00,Europe/Berlin,c2,Pot,1,30.00",
                "T4,2025-01-06,09:00:00,Middle of Nowhere,c2,Pot,1,30.00",
                header="order,Date,Time,Time Zone,customer,sku,qty,price",
            )
        }
    )
    assert shop.times() == {
        "T1": "2025-01-05 19:23:11.000000",
        "T2": "2025-01-06 17:00:00.000000",
        "T3": "2025-01-06 08:00:00.000000",
    }
    assert [line for line, _ in shop.quarantined()] == [5]


TIMES = (
    ('"epoch_us"', "1736086991123456", "2025-01-05 14:23:11.123456"),
    ('"epoch_ms"', "1736086991123", "2025-01-05 14:23:11.123000"),
    ('"epoch_s"', "1736086991.5", "2025-01-05 14:23:11.500000"),
    ('"excel"', "44927.5993171296", "2023-01-01 14:23:01.000000"),
    ('"excel"', "45383", "2024-04-01 00:00:00.000000"),
    ('["%d.%m.%Y %H:%M", "%d.%m.%Y"]', "05.01.2025 14:23", "2025-01-05 14:23:00.000000"),
    ('["%d.%m.%Y %H:%M", "%d.%m.%Y"]', "05.01.2025", "2025-01-05 00:00:00.000000"),
    ('["iso", "epoch_s"]', "1736086991", "2025-01-05 14:23:11.000000"),
    ('"%a, %d %b %Y %H:%M:%S %z"', "Sun, 05 Jan 2025 14:23:11 -0500", "2025-01-05 19:23:11.000000"),
    ('"%d/%m/%y %H.%M"', "05/01/25 14.23", "2025-01-05 14:23:00.000000"),
    ('"%G-W%V-%u"', "2025-W02-7", "2025-01-12 00:00:00.000000"),
    ('"%Y%m%d%H%M%S"', "20250105142311", "2025-01-05 14:23:11.000000"),
    ('"iso"', "2025-01-05T14:23:11.276Z", "2025-01-05 14:23:11.276000"),
    ('"iso"', "2025-01-05 14:23:11 -0500", "2025-01-05 19:23:11.000000"),
)  # fmt: skip


def test_times_in_many_forms(shop: Shop) -> None:
    feeds = [
        plain(event_at=f'{{ column = "placed", format = {form} }}')
        .replace(head(), "")
        .replace("feeds.orders", f"feeds.orders_{n:02}")
        .replace('"orders*"', f'"orders-{n:02}.csv"')
        for n, (form, *_) in enumerate(TIMES)
    ]
    shop.describe(head() + "".join(feeds))
    shop.deliver(
        {
            f"orders-{n:02}.csv": rows(f'{n:02},"{text}",c1,S1,1,1.00')
            for n, (_, text, _) in enumerate(TIMES)
        }
    )
    assert shop.times() == {f"{n:02}": expected for n, (*_, expected) in enumerate(TIMES)}


GA4_EVENTS = [
    {
        "event_timestamp": "1736086991123456",
        "event_name": "view_item",
        "user_id": None,
        "user_pseudo_id": "1026454.42",
        "event_params": [
            {"key": "page_title", "value": {"string_value": "Mug", "int_value": None}},
            {"key": "ga_session_id", "value": {"string_value": None, "int_value": "661084800"}},
        ],
        "items": [{"item_id": "MUG-01", "price": 12.0, "quantity": 1}],
    },
    {
        "event_timestamp": "1736087111999999",
        "event_name": "purchase",
        "user_id": "c77",
        "user_pseudo_id": "1026454.42",
        "ecommerce": {"transaction_id": "T-1"},
        "event_params": [
            {"key": "ga_session_id", "value": {"string_value": None, "int_value": "661084800"}}
        ],
        "items": [
            {"item_id": "MUG-01", "price": 12.0, "quantity": 2},
            {"item_id": "KET-01", "price": 25.0, "quantity": 1},
        ],
    },
]
GA4 = f"""{head()}
[feeds.events]
files = ["events_*.jsonl"]
format = "jsonl"
table = "events"
guests = true

[feeds.events.columns]
customer_id = {{ first_of = ["user_id", "user_pseudo_id"] }}
event_at = {{ column = "event_timestamp", format = "epoch_us" }}
event_type = {{ column = "event_name", values = {{ view_item = "view" }} }}
product_id = {{ column = "items.0.item_id", optional = true }}
session_id = {{ column = "event_params[key=ga_session_id].value.int_value", optional = true }}

[feeds.purchases]
files = ["events_*.jsonl"]
format = "jsonl"
table = "order_lines"
where = {{ event_name = ["purchase"] }}
each = "items"

[feeds.purchases.columns]
order_id = "ecommerce.transaction_id"
product_id = "items.item_id"
customer_id = "user_id"
event_at = {{ column = "event_timestamp", format = "epoch_us" }}
quantity = "items.quantity"
line_amount_cents = {{ product_of = ["items.quantity", "items.price"], money = true }}
"""


def test_events_and_purchases_of_google_analytics_come_from_one_file(shop: Shop) -> None:
    shop.describe(GA4)
    receipt = shop.deliver({"events_1.jsonl": "\n".join(map(json.dumps, GA4_EVENTS)) + "\n"})
    assert (receipt.read, receipt.quarantined) == (4, 0)
    assert shop.events() == [
        ("1026454.42", "2025-01-05 14:23:11.123456", "view", "MUG-01", "661084800"),
        ("c77", "2025-01-05 14:25:11.999999", "purchase", "MUG-01", "661084800"),
    ]
    assert shop.lines() == [
        ("T-1", "KET-01", "sale", 1, 2500),
        ("T-1", "MUG-01", "sale", 2, 2400),
    ]


def test_a_json_array_is_a_file_and_an_element_a_line(shop: Shop) -> None:
    document = {
        "data": {
            "orders": [
                {
                    "id": 7,
                    "at": "2025-01-05T14:23:11Z",
                    "who": {"id": "c1"},
                    "lines": [{"sku": "A", "n": 1, "sum": "1.50"}, {"sku": "B", "n": 2, "sum": 3}],
                },
                {"id": 8, "at": "2025-01-06T14:23:11Z", "who": {"id": "c2"}, "lines": []},
                {"id": 9, "at": "2025-01-06T14:23:11Z", "who": None,
                 "lines": [{"sku": "A", "n": 1, "sum": "1.50"}]},
            ]
        }
    }  # fmt: skip
    shop.describe(
        plain(
            'format = "json"\nrows = "data.orders"\neach = "lines"',
            order_id='"id"',
            product_id='"lines.sku"',
            customer_id='"who.id"',
            event_at='"at"',
            quantity='"lines.n"',
            line_amount_cents='{ column = "lines.sum", money = true }',
        )
    )
    receipt = shop.deliver({"orders.json": json.dumps(document, indent=1)})
    assert shop.lines() == [("7", "A", "sale", 1, 150), ("7", "B", "sale", 2, 300)]
    # One accepted, one left out for it has no lines, one without a customer.
    assert (receipt.read, receipt.written, receipt.quarantined) == (3, 1, 1)


def test_several_lines_in_one_cell(shop: Shop) -> None:
    shop.describe(
        plain(
            r"""each = { column = "Items", separator = " | ", pattern = '(?P<name>.+) x (?P<n>\d+)' }""",
            product_id='"Items.name"',
            quantity='"Items.n"',
            line_amount_cents='{ product_of = ["Items.n", "price"], money = true }',
        )
    )
    receipt = shop.deliver(
        {
            "orders.csv": rows(
                "1,2025-01-01 08:00:00,c1,A x 2 | B x 1,1.00",
                "2,2025-01-01 08:00:00,c1,A x 2 | B,1.00",
                header="order,placed,customer,Items,price",
            )
        }
    )
    assert shop.lines() == [("1", "A", "sale", 2, 200), ("1", "B", "sale", 1, 100)]
    assert (receipt.read, receipt.written) == (2, 1)
    assert shop.quarantined() == [(3, "bad_cell")]


SEGMENT = f"""{head()}
[feeds.track]
files = ["track*.jsonl"]
format = "jsonl"
table = "events"
where = {{ type = ["track"] }}

[feeds.track.columns]
customer_id = {{ first_of = ["userId", "anonymousId"] }}
event_at = "timestamp"
event_type = {{ column = "event", values = {{ "Product Viewed" = "view", "Order Completed" = "purchase" }} }}
product_id = {{ column = "properties.product_id", optional = true }}
session_id = "anonymousId"
"""


def test_calls_of_segment_that_are_no_events_are_left_out(shop: Shop) -> None:
    calls = [
        {"type": "track", "event": "Product Viewed", "anonymousId": "anon-1", "userId": None,
         "timestamp": "2025-01-05T14:23:11.276Z", "properties": {"product_id": "MUG-01"}},
        {"type": "identify", "anonymousId": "anon-1", "userId": "u1",
         "timestamp": "2025-01-05T14:24:00.000Z"},
        {"type": "track", "event": "Order Completed", "anonymousId": "anon-1", "userId": "u1",
         "timestamp": "2025-01-05T14:25:11.276Z", "properties": {"order_id": "O-1"}},
        {"type": "page", "name": "Home", "anonymousId": "anon-2", "timestamp": "2025-01-05T14:26:00Z"},
    ]  # fmt: skip
    shop.describe(SEGMENT)
    receipt = shop.deliver({"track.jsonl": "\n".join(map(json.dumps, calls)) + "\n"})
    assert [(who, kind) for who, _, kind, *_ in shop.events()] == [
        ("anon-1", "view"),
        ("u1", "purchase"),
    ]
    assert (receipt.read, receipt.written, receipt.quarantined) == (4, 2, 0)


REES46 = f"""{head("Europe/Moscow")}
[feeds.events]
files = ["*-*.csv"]
table = "events"
guests = true

[feeds.events.columns]
customer_id = "user_id"
event_at = "event_time"
event_type = {{ column = "event_type", values = {{ remove_from_cart = "uncart" }} }}
product_id = "product_id"
session_id = "user_session"

[feeds.purchases]
files = ["*-*.csv"]
table = "order_lines"
where = {{ event_type = ["purchase"] }}

[feeds.purchases.columns]
order_id = "user_session"
product_id = "product_id"
customer_id = "user_id"
event_at = "event_time"
quantity = {{ constant = 1 }}
line_amount_cents = {{ column = "price", money = true }}
"""


def test_one_file_of_events_has_orders_in_it(shop: Shop) -> None:
    shop.describe(
        REES46.replace('{ remove_from_cart = "uncart" }', '{ remove_from_cart = "view" }')
    )
    receipt = shop.deliver(
        {
            "2019-Oct.csv": rows(
                "2019-10-01 00:00:00 UTC,view,44600062,35.79,541312140,aaaa-1",
                "2019-10-01 00:01:10 UTC,cart,44600062,35.79,541312140,aaaa-1",
                "2019-10-01 00:02:37 UTC,purchase,44600062,35.79,541312140,aaaa-1",
                "2019-10-01 00:02:37 UTC,purchase,1004856,130.76,541312140,aaaa-1",
                "2019-10-02 08:00:00 UTC,view,1004856,130.76,541312141,aaaa-2",
                "2019-10-02 08:00:01 UTC,remove_from_cart,1004856,130.76,541312141,aaaa-2",
                header="event_time,event_type,product_id,price,user_id,user_session",
            )
        }
    )
    assert receipt.quarantined == 0
    assert len(shop.events()) == 6
    assert shop.events()[0][1] == "2019-10-01 00:00:00.000000"
    assert shop.amounts() == {"aaaa-1": 16655}
    assert shop.orders() == [("aaaa-1", "541312140", "2019-10-01", "purchase")]
    assert len(shop.lines()) == 2


def test_a_flat_file_without_quoting(shop: Shop) -> None:
    shop.describe(
        plain(
            'encoding = "iso-8859-1"\ndelimiter = "\\t"\nquote = ""\nguests = true',
            '[[feeds.orders.rules]]\nwhen = { status = "^Cancelled$" }\nleave_out = true\n'
            '[feeds.orders.also.products.columns]\nproduct_id = "sku"\nname = "title"\n',
            line_amount_cents=PRICE,
        )
    )
    lines = [
        '111-1\t2025-01-05T14:23:11+00:00\tShipped\t"Deluxe mug, blue\tMUG-01\t1\t12.00\tab1',
        '111-2\t2025-01-05T15:00:00+00:00\tShipped\tKettle 12" steel\tKET-01\t2\t50.00\tab2',
        "111-3\t2025-01-05T16:00:00+00:00\tCancelled\tPan\tPAN-01\t0\t\t",
        '111-4\t2025-01-05T17:00:00+00:00\tShipped\t"Big" pot 24"\tPOT-01\t1\t30.00\tab4',
        "111-5\t2025-01-05T18:00:00+00:00\tShipped\tT\u00e4sse\tCUP-01\t1\t8.00\tab5",
    ]
    header = "order\tplaced\tstatus\ttitle\tsku\tqty\tprice\tcustomer"
    receipt = shop.deliver({"orders.txt": rows(*lines, header=header).encode("iso-8859-1")})
    assert shop.amounts() == {"111-1": 1200, "111-2": 5000, "111-4": 3000, "111-5": 800}
    assert (receipt.read, receipt.written, receipt.quarantined) == (5, 4, 0)


NAMES = {
    "cp932": "マグカップ ソ表能",
    "shift_jis": "マグカップ",
    "gb18030": "马克杯€",
    "cp1251": "Кружка",
    "utf-16": "Tasse ß",
    "koi8-r": "Кружка 2",
    "big5": "馬克杯",
    "cp437": "Tässe",
    "mac-roman": "Tässe 2",
    "iso-8859-15": "Tasse €",
}


def test_encodings_of_other_countries(shop: Shop) -> None:
    feeds = [
        plain(f'encoding = "{encoding}"')
        .replace(head(), "")
        .replace("feeds.orders", f"feeds.orders_{n}")
        .replace('"orders*"', f'"orders-{n}.csv"')
        for n, encoding in enumerate(NAMES)
    ]
    shop.describe(head() + "".join(feeds))
    shop.deliver(
        {
            f"orders-{n}.csv": rows(f"{n},2025-01-01 08:00:00,{name},S1,1,1.00").encode(encoding)
            for n, (encoding, name) in enumerate(NAMES.items())
        }
    )
    assert list(shop.customers().values()) == list(NAMES.values())


def test_rules_by_what_is_not(shop: Shop) -> None:
    shop.describe(
        plain(
            rules="""
[[feeds.orders.rules]]
unless = { status = ["paid", "shipped"] }
leave_out = true

[[feeds.orders.rules]]
when = { qty = "present" }
unless = { sku = "^[A-Z]" }
kind = "charge"
"""
        )
    )
    at = "2025-01-01 08:00:00"
    shop.deliver(
        {
            "orders.csv": rows(
                f"1,{at},c1,S1,1,1.00,paid",
                f"2,{at},c1,S1,1,1.00,open",
                f"3,{at},c1,fee,1,1.00,shipped",
                f"4,{at},c1,S1,1,1.00,",
                header="order,placed,customer,sku,qty,price,status",
            )
        }
    )
    assert shop.lines() == [("1", "S1", "sale", 1, 100), ("3", "fee", "charge", 1, 100)]
    assert shop.quarantined() == []


def test_weighed_goods_are_one_piece_and_pay_for_their_weight(shop: Shop) -> None:
    shop.describe(plain(quantity='{ column = "qty", weighed = true }'))
    at = "2025-01-01 08:00:00"
    shop.deliver(
        {
            "orders.csv": rows(
                f"1,{at},c1,APPLES,0.350,3.99",
                f"2,{at},c1,MILK,2.0000,1.2500",
                f"3,{at},c1,TEA,3,.99",
            )
        }
    )
    assert shop.lines() == [
        ("1", "APPLES", "sale", 1, 140),
        ("2", "MILK", "sale", 2, 250),
        ("3", "TEA", "sale", 3, 297),
    ]


def test_the_total_of_a_daily_sheet_is_set_aside_under_its_code(shop: Shop) -> None:
    total = """
[[feeds.orders.rules]]
when = { order_id = "^Total$" }
quarantine = "total_row"
because = "The last line of the sheet adds up the others."
"""
    content = rows("A1,2025-01-05 10:00:00,c1,Mug,1,12.00", "Total,,,,3,")
    shop.describe(plain(rules=total, line_amount_cents=PRICE))
    receipt = shop.deliver({"orders-1.csv": content})
    assert receipt.details["reasons"] == {"total_row": 1}
    leave_out = total.split("quarantine")[0] + "leave_out = true\n"
    shop.describe(plain(rules=leave_out, line_amount_cents=PRICE))
    receipt = shop.deliver({"orders-2.csv": content.replace("A1", "A2")})
    assert receipt.quarantined == 0
    assert list(shop.amounts()) == ["A1", "A2"]
