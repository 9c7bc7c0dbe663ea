"""An order is one thing: its lines, what was cancelled or refunded of it, and its number."""

import pytest

from tests.deliveries.cases.shops import Shop, head, plain, rows

REUSED = (
    rows(
        "1001,2024-01-05 10:00:00,alice,MUG,1,12.00",
        "1001,2024-01-05 10:00:00,alice,POT,1,30.00",
        "1002,2024-01-06 10:00:00,bob,MUG,1,12.00",
    ),
    rows(
        "1001,2025-01-05 10:00:00,zoe,MUG,1,12.00",
        "1002,2025-01-06 10:00:00,bob,PAN,1,40.00",
    ),
)


def test_an_order_number_of_two_customers_in_one_call_is_set_aside(shop: Shop) -> None:
    shop.describe(plain())
    receipt = shop.deliver({"orders-2024.csv": REUSED[0], "orders-2025.csv": REUSED[1]})
    assert receipt.details["reasons"] == {"order_number_reused": 5}
    assert shop.orders() == shop.lines() == []


def test_an_order_number_reused_a_year_later_leaves_the_first_order_as_it_was(shop: Shop) -> None:
    shop.describe(plain())
    shop.deliver({"orders-2024.csv": REUSED[0]})
    first = shop.orders(), shop.lines()
    assert first[0] == [
        ("1001", "alice", "2024-01-05", "purchase"),
        ("1002", "bob", "2024-01-06", "purchase"),
    ]
    shop.deliver({"orders-2025.csv": REUSED[1]})
    assert (shop.orders(), shop.lines()) == first
    assert [reason for _, reason in shop.quarantined()] == ["order_number_reused"] * 2


def test_order_numbers_that_begin_anew_each_year_are_told_apart_by_what_makes_them_unique(
    shop: Shop,
) -> None:
    shop.describe(plain(order_id='{ columns = ["order", "placed"] }'))
    shop.deliver({"orders-2024.csv": REUSED[0], "orders-2025.csv": REUSED[1]})
    assert [order[1:] for order in shop.orders()] == [
        ("alice", "2024-01-05", "purchase"),
        ("zoe", "2025-01-05", "purchase"),
        ("bob", "2024-01-06", "purchase"),
        ("bob", "2025-01-06", "purchase"),
    ]


def test_an_old_order_under_the_number_of_a_merged_account_is_a_correction(shop: Shop) -> None:
    shop.describe(plain())
    later = "2,2025-02-01 08:00:00,ann,S1,1,10.00"
    shop.deliver({"orders-before.csv": rows("1,2025-01-01 08:00:00,guest-77,S1,1,10.00", later)})
    shop.deliver({"orders-after.csv": rows("1,2025-01-01 08:00:00,ann,S1,1,10.00", later)})
    assert [(order, who) for order, who, *_ in shop.orders()] == [("1", "ann"), ("2", "ann")]
    assert shop.quarantined() == []


EDITED = plain(
    'replaces = "order"',
    """
[[feeds.orders.rules]]
when = { status = "^cancelled$" }
kind = "cancellation"
in_place = true
""",
)
DAY_ONE = rows(
    "9001,2025-03-01 10:00:00,c1,TEA,1,5.00,open",
    "9001,2025-03-01 10:00:00,c1,CUP,2,8.00,open",
    "9001,2025-03-01 10:00:00,c1,POT,1,30.00,open",
    "9002,2025-03-01 11:00:00,c2,TEA,3,5.00,open",
    "9003,2025-03-01 12:00:00,c3,POT,1,30.00,open",
    header="order,placed,customer,sku,qty,price,status",
)
DAY_TWO = rows(
    "9001,2025-03-01 10:00:00,c1,TEA,1,5.00,edited",
    "9001,2025-03-01 10:00:00,c1,CUP,1,8.00,edited",
    "9002,2025-03-01 11:00:00,c2,TEA,3,5.00,cancelled",
    "9003,2025-03-01 12:00:00,c3,POT,1,30.00,open",
    header="order,placed,customer,sku,qty,price,status",
)


def test_an_edited_order_loses_its_line_and_a_cancelled_one_its_sale(shop: Shop) -> None:
    shop.describe(EDITED)
    shop.deliver({"orders-1.csv": DAY_ONE})
    assert shop.amounts() == {"9001": 5100, "9002": 1500, "9003": 3000}
    shop.deliver({"orders-2.csv": DAY_TWO})
    assert shop.lines() == [
        ("9001", "CUP", "sale", 1, 800),
        ("9001", "TEA", "sale", 1, 500),
        ("9002", "TEA", "cancellation", 0, 0),
        ("9003", "POT", "sale", 1, 3000),
    ]
    assert [(order, kind) for order, *_, kind in shop.orders()] == [
        ("9001", "purchase"),
        ("9002", "cancellation"),
        ("9003", "purchase"),
    ]


def test_without_the_word_a_line_that_is_missing_later_stays(shop: Shop) -> None:
    shop.describe(EDITED.replace('replaces = "order"', ""))
    shop.deliver({"orders-1.csv": DAY_ONE})
    shop.deliver({"orders-2.csv": DAY_TWO})
    assert shop.amounts() == {"9001": 4300, "9002": 0, "9003": 3000}


SHOPIFY = f"""{head("America/New_York")}
[feeds.orders]
files = ["orders_export*.csv"]
table = "order_lines"
guests = true
fill_down = ["Financial Status", "Email"]

[feeds.orders.columns]
order_id = "Name"
product_id = "Lineitem sku"
customer_id = "Email"
event_at = "Created at"
quantity = "Lineitem quantity"
unit_price_cents = {{ column = "Lineitem price", money = true }}
line_amount_cents = {{ product_of = ["Lineitem quantity", "Lineitem price"], money = true }}
"""
REFUNDED_IN_PLACE = """
[[feeds.orders.rules]]
when = { "Financial Status" = "^(refunded|voided)$" }
kind = "return"
in_place = true
"""
PER_ORDER = """
[[feeds.orders.per_order]]
amount = "Shipping"
product_id = "shipping"

[[feeds.orders.per_order]]
amount = "Discount Amount"
product_id = "discount"
negate = true

[[feeds.orders.per_order]]
amount = "Refunded Amount"
product_id = "refund"
kind = "return"
"""
SHOPIFY_FILE = """\
Name,Email,Financial Status,Shipping,Discount Amount,Created at,Lineitem quantity,Lineitem price,Lineitem sku,Notes,Refunded Amount
#1001,ann@shop.example,paid,5.00,0.00,2025-01-05 14:23:10 -0500,2,12.00,MUG-01,"Please ring
the bell, twice",0.00
#1001,ann@shop.example,,,,2025-01-05 14:23:10 -0500,1,25.00,KET-01,,
#1002,bob@shop.example,refunded,0.00,0.00,2025-01-06 09:00:00 -0500,1,40.00,PAN-01,,60.00
#1002,bob@shop.example,,,,2025-01-06 09:00:00 -0500,1,20.00,LID-01,,
#1003,,paid,0.00,0.00,2025-01-07 10:00:00 -0500,1,12.00,MUG-01,,0.00
#1004,cat@shop.example,partially_refunded,0.00,10.00,2025-01-08 10:00:00 -0500,2,25.00,KET-01,,20.00
"""


def test_the_status_on_the_first_line_of_an_order_holds_for_all_its_lines(shop: Shop) -> None:
    shop.describe(SHOPIFY + REFUNDED_IN_PLACE)
    shop.deliver({"orders_export.csv": SHOPIFY_FILE})
    assert shop.amounts() == {"#1001": 4900, "#1002": 0, "#1003": 1200, "#1004": 5000}
    assert [line[2:] for line in shop.lines() if line[0] == "#1002"] == [("return", 0, 0)] * 2
    assert [(number, who, kind) for number, who, _, kind in shop.orders()] == [
        ("#1001", "ann@shop.example", "purchase"),
        ("#1002", "bob@shop.example", "return"),
        ("#1003", None, "purchase"),
        ("#1004", "cat@shop.example", "purchase"),
    ]
    assert shop.times()["#1001"] == "2025-01-05 19:23:10.000000"


def test_shipping_discount_and_refund_of_an_order_become_lines_of_their_own(shop: Shop) -> None:
    shop.describe(SHOPIFY + PER_ORDER)
    shop.deliver({"orders_export.csv": SHOPIFY_FILE})
    assert shop.amounts() == {"#1001": 5400, "#1002": 0, "#1003": 1200, "#1004": 2000}
    assert [line for line in shop.lines() if line[0] in ("#1001", "#1004")] == [
        ("#1001", "KET-01", "sale", 1, 2500),
        ("#1001", "MUG-01", "sale", 2, 2400),
        ("#1001", "shipping", "charge", 1, 500),
        ("#1004", "KET-01", "sale", 2, 5000),
        ("#1004", "discount", "charge", 1, -1000),
        ("#1004", "refund", "return", -1, -2000),
    ]


def test_delivered_again_an_order_with_lines_of_its_own_changes_nothing(shop: Shop) -> None:
    shop.describe(SHOPIFY + PER_ORDER)
    shop.deliver({"orders_export.csv": SHOPIFY_FILE})
    before = shop.lines()
    again = shop.deliver({"orders_export-2.csv": SHOPIFY_FILE + "\n"})
    assert shop.lines() == before
    assert again.duplicates == 6


OLIST = f"""{head("America/Sao_Paulo", "BRL")}
[feeds.items]
files = ["olist_order_items*.csv"]
table = "order_lines"
lookup = {{ feed = "orders", on = "order_id" }}

[feeds.items.columns]
order_id = "order_id"
product_id = "product_id"
customer_id = "customer_id"
event_at = "order_purchase_timestamp"
quantity = {{ constant = "1" }}
line_amount_cents = {{ column = "price", money = true }}

[[feeds.items.rules]]
when = {{ order_status = ["canceled", "unavailable"] }}
kind = "cancellation"
in_place = true

[feeds.orders]
files = ["olist_orders*.csv"]
table = "orders"

[feeds.orders.columns]
order_id = "order_id"
customer_id = "customer_id"
event_at = "order_purchase_timestamp"
kind = {{ column = "order_status", values = {{ delivered = "purchase", canceled = "cancellation" }} }}
"""


def test_an_order_that_came_only_as_cancelled_was_never_sold(shop: Shop) -> None:
    shop.describe(OLIST)
    shop.deliver(
        {
            "olist_order_items.csv": rows(
                "o001,p1,29.99", "o003,p2,118.70", header="order_id,product_id,price"
            ),
            "olist_orders.csv": rows(
                "o001,cust_a1,delivered,2017-10-02 10:56:33",
                "o003,cust_b1,canceled,2017-11-04 09:00:00",
                header="order_id,customer_id,order_status,order_purchase_timestamp",
            ),
        }
    )
    assert shop.amounts() == {"o001": 2999, "o003": 0}
    assert [(order, kind) for order, *_, kind in shop.orders()] == [
        ("o001", "purchase"),
        ("o003", "cancellation"),
    ]


# Neighbours.

MARKETPLACE = f"""{head("UTC", "GBP")}
[feeds.sales]
files = ["sales*.csv"]
table = "order_lines"
fill_down = ["Buyer Username", "Sale Date"]
replaces = "order"

[feeds.sales.columns]
order_id = "Sales Record Number"
product_id = "Item Number"
customer_id = "Buyer Username"
event_at = {{ column = "Sale Date", format = "%d-%b-%y" }}
quantity = "Quantity"
line_amount_cents = {{ column = "Sold For", money = true }}

[[feeds.sales.rules]]
when = {{ "Item Number" = "missing" }}
leave_out = true

[[feeds.sales.per_order]]
amount = "Postage"
product_id = "postage"
"""


def test_a_marketplace_names_the_buyer_of_an_order_on_its_first_row_only(shop: Shop) -> None:
    shop.describe(MARKETPLACE)
    header = "Sales Record Number,Buyer Username,Sale Date,Item Number,Quantity,Sold For,Postage"
    receipt = shop.deliver(
        {
            "sales-1.csv": rows(
                "71,mary_1,05-Jan-25,,,,",
                "71,,,4711,1,£12.00,£3.50",
                "71,,,4712,2,£8.00,",
                "72,tom.t,06-Jan-25,4711,1,£12.00,£3.50",
                header=header,
            )
        }
    )
    assert (receipt.read, receipt.written, receipt.quarantined) == (4, 3, 0)  # one left out
    assert shop.amounts() == {"71": 2350, "72": 1550}
    assert set(shop.customers().values()) == {"mary_1", "tom.t"}
    # Later the postage was paid back: the order is given whole, without it.
    shop.deliver({"sales-2.csv": rows("72,tom.t,06-Jan-25,4711,1,£12.00,", header=header)})
    assert shop.amounts() == {"71": 2350, "72": 1200}


def test_a_shop_system_marks_lines_as_cancelled_and_the_rest_of_the_order_stays(shop: Shop) -> None:
    header = "order,placed,customer,sku,qty,price,line_status"
    shop.describe(EDITED.replace("status = ", "line_status = "))
    shop.deliver(
        {
            "orders-1.csv": rows(
                "R1,2025-05-01 09:00:00,c1,A,1,10.00,open",
                "R1,2025-05-01 09:00:00,c1,B,1,20.00,open",
                "R2,2025-05-01 10:00:00,c2,A,1,10.00,open",
                header=header,
            )
        }
    )
    for attempt in (2, 3):  # what is delivered twice undoes once
        shop.deliver(
            {
                f"orders-{attempt}.csv": rows(
                    "R1,2025-05-01 09:00:00,c1,A,1,10.00,open",
                    "R1,2025-05-01 09:00:00,c1,B,1,20.00,cancelled",
                    "R2,2025-05-01 10:00:00,c2,A,1,10.00,cancelled",
                    header=header,
                    end="\n" if attempt == 2 else "\r\n",
                )
            }
        )
        assert shop.amounts() == {"R1": 1000, "R2": 0}
        assert [(o, kind) for o, *_, kind in shop.orders()] == [
            ("R1", "purchase"),
            ("R2", "cancellation"),
        ]
    # The cancellation was a mistake: the order counts again.
    shop.deliver({"orders-4.csv": rows("R2,2025-05-01 10:00:00,c2,A,1,10.00,open", header=header)})
    assert shop.amounts() == {"R1": 1000, "R2": 1000}
    assert shop.orders()[1][-1] == "purchase"


@pytest.mark.parametrize("days", [29, 31])
def test_lines_of_one_order_number_may_be_thirty_days_apart(shop: Shop, days: int) -> None:
    second = "2025-01-30" if days == 29 else "2025-02-01"
    shop.describe(plain())
    shop.deliver(
        {"orders.csv": rows("7,2025-01-01 00:00:00,c,A,1,1.00", f"7,{second} 00:00:00,c,B,1,1.00")}
    )
    assert len(shop.lines()) == (2 if days == 29 else 0)
