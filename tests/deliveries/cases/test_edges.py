"""Nothing is lost at the edges: lookups, cut files, long notes, refused neighbours."""

import bz2
import gzip

import pytest

from retention_ml.errors import FileRefused
from tests.deliveries.cases.shops import Shop, head, plain, rows
from tests.worlds.archives import workbook, zipped

OLIST = f"""{head("America/Sao_Paulo", "BRL")}
[feeds.items]
files = ["olist_order_items*.csv"]
table = "order_lines"
lookup = [
    {{ file = "olist_orders_dataset.csv", on = "order_id", format = "csv" }},
    {{ file = "olist_customers_dataset.csv", on = "customer_id", format = "csv" }},
]

[feeds.items.columns]
order_id = "order_id"
product_id = "product_id"
customer_id = "customer_unique_id"
event_at = "order_purchase_timestamp"
quantity = {{ constant = 1 }}
line_amount_cents = {{ column = "price", money = true }}

[[feeds.items.rules]]
when = {{ order_status = ["canceled", "unavailable"] }}
kind = "cancellation"
in_place = true

[feeds.orders]
files = ["olist_orders*.csv"]
table = "orders"
lookup = {{ file = "olist_customers_dataset.csv", on = "customer_id", format = "csv" }}

[feeds.orders.columns]
order_id = "order_id"
customer_id = "customer_unique_id"
event_at = "order_purchase_timestamp"
kind = {{ column = "order_status", values = {{ delivered = "purchase", canceled = "cancellation" }} }}
"""
ITEMS = """\
"order_id","order_item_id","product_id","price","freight_value"
"o001","1","p1",29.99,8.72
"o002","1","p1",29.99,8.72
"o002","2","p1",29.99,8.72
"o003","1","p2",118.70,22.76
"o004","1","p3",159.90,19.22
"""
ORDERS = """\
"order_id","customer_id","order_status","order_purchase_timestamp"
"o001","cust_a1","delivered","2017-10-02 10:56:33"
"o002","cust_a2","delivered","2017-11-03 09:00:00"
"o003","cust_b1","canceled","2017-11-04 09:00:00"
"o004","cust_c1","delivered","2017-11-05 09:00:00"
"""
CUSTOMERS = """\
"customer_id","customer_unique_id"
"cust_a1","person_a"
"cust_a2","person_a"
"cust_b1","person_b"
"cust_c1","person_c"
"""
OLIST_ORDERS = [
    ("o001", "person_a", "2017-10-02", "purchase"),
    ("o002", "person_a", "2017-11-03", "purchase"),
    ("o003", "person_b", "2017-11-04", "cancellation"),
    ("o004", "person_c", "2017-11-05", "purchase"),
]


def test_a_file_is_a_feed_and_a_lookup_at_once_and_lookups_chain(shop: Shop) -> None:
    shop.describe(OLIST)
    receipt = shop.deliver(
        {
            "olist_order_items_dataset.csv": ITEMS,
            "olist_orders_dataset.csv": ORDERS,
            "olist_customers_dataset.csv": CUSTOMERS,
        }
    )
    assert (receipt.read, receipt.quarantined) == (9, 0)
    assert shop.orders() == OLIST_ORDERS
    assert shop.amounts() == {"o001": 2999, "o002": 5998, "o003": 0, "o004": 15990}
    assert set(shop.customers().values()) == {"person_a", "person_b", "person_c"}


def test_a_lookup_may_be_the_rows_of_another_feed_delivered_before(shop: Shop) -> None:
    chained = '{ feed = "orders", on = "order_id" }'
    shop.describe(
        OLIST.replace(
            '{ file = "olist_orders_dataset.csv", on = "order_id", format = "csv" }', chained
        )
    )
    shop.deliver({"olist_orders_1.csv": ORDERS, "olist_customers_dataset.csv": CUSTOMERS})
    assert shop.orders() == OLIST_ORDERS
    shop.deliver({"olist_order_items_1.csv": ITEMS})
    assert shop.customers() == {order: customer for order, customer, *_ in OLIST_ORDERS}


@pytest.mark.parametrize("ending", ["1.9", "1.99"])
def test_a_last_line_without_a_line_end_where_the_others_have_one_is_a_finding(
    shop: Shop, ending: str
) -> None:
    shop.describe(plain())
    cut = rows("1,2025-01-01 08:00:00,c1,S1,1,1.00") + f"2,2025-01-02 08:00:00,c2,S1,1,{ending}"
    receipt = shop.deliver({"orders-cut.csv": cut})
    assert any("orders-cut.csv" in finding for finding in receipt.details["findings"])
    whole = shop.deliver(
        {"orders.csv": rows("1,2025-01-01 08:00:00,c1,S1,1,1.00", "3,2025-01-02,c2,S1,1,1.00")}
    )
    assert not any("orders.csv" in finding for finding in whole.details["findings"])


def test_a_quoted_note_of_sixty_lines_is_one_field(shop: Shop) -> None:
    shop.describe(plain())
    note = "\n".join(f"step {n}, then wait" for n in range(60))
    receipt = shop.deliver(
        {
            "orders.csv": rows(
                f'1,2025-01-01 08:00:00,c1,S1,1,10.00,"{note}"',
                "2,2025-01-02 08:00:00,c2,S1,1,10.00,",
                '3,2025-01-03 08:00:00,c3,S1,1,10.00,"short"',
                header="order,placed,customer,sku,qty,price,note",
            )
        }
    )
    assert (receipt.read, receipt.written, receipt.quarantined) == (3, 3, 0)


def test_trailing_delimiters_and_doubled_names_that_nobody_reads_cost_no_row(shop: Shop) -> None:
    shop.describe(plain())
    line = "2025-01-01 08:00:00,c1,S1,1,1.00"
    shop.deliver(
        {
            "orders-rows.csv": rows(f"1,{line},", f"2,{line},"),
            "orders-one.csv": rows(f"3,{line},", f"4,{line},", header="order,placed,customer,sku,qty,price,"),
            "orders-two.csv": rows(f"5,{line},,", f"6,{line},,", header="order,placed,customer,sku,qty,price,,"),
            "orders-dup.csv": rows(f"7,{line},a,b", header="order,placed,customer,sku,qty,price,note,note"),
        }
    )  # fmt: skip
    assert list(shop.amounts()) == list("1234567")


def test_a_doubled_name_that_is_read_is_refused_with_the_way_out(shop: Shop) -> None:
    shop.describe(plain())
    with pytest.raises(FileRefused, match="header = "):
        shop.deliver(
            {
                "orders.csv": rows(
                    "1,2025-01-01 08:00:00,c1,S1,1,1.00,2.00",
                    header="order,placed,customer,sku,qty,price,price",
                )
            }
        )
    assert shop.refused() == ["duplicate_column"]


WRAPPED = rows("1,2025-01-01 08:00:00,c1,S1,1,1.00", "2,2025-01-02 08:00:00,c2,S1,2,1.00")


@pytest.mark.parametrize(
    ("name", "content", "feed"),
    [
        ("orders.csv.zip", zipped({"orders.csv": WRAPPED.encode()}), ""),
        ("orders.zip", zipped({"orders.csv": WRAPPED.encode(), "__MACOSX/._x": b"litter"}), ""),
        (
            "orders-2.zip",
            zipped({"orders.csv": WRAPPED.encode(), "returns.csv": b"x"}),
            'member = "orders*.csv"',
        ),
        ("orders.csv", b"\xff\xfe" + WRAPPED.encode("utf-16-le"), 'encoding = "utf-16"'),
        ("orders-cr.csv", WRAPPED.replace("\n", "\r").encode(), ""),
        ("orders-sep.csv", b"sep=,\n" + WRAPPED.encode(), "skip_lines = 1"),
        ("orders-bom.csv", WRAPPED.encode("utf-8-sig"), ""),
        (
            "orders.xlsx",
            workbook({"Orders": [line.split(",") for line in WRAPPED.splitlines()]}),
            'format = "xlsx"',
        ),
        (
            "orders.csv.gz",
            gzip.compress(WRAPPED[:40].encode()) + gzip.compress(WRAPPED[40:].encode()),
            "",
        ),
        ("orders.csv.bz2", bz2.compress(WRAPPED.encode()), ""),
    ],
    ids=[
        "zip",
        "zip with litter",
        "zip of two",
        "utf-16",
        "CR",
        "sep=",
        "BOM",
        "workbook",
        "gzip of two",
        "bzip2",
    ],
)
def test_the_same_rows_in_other_wrappings(shop: Shop, name: str, content: bytes, feed: str) -> None:
    shop.describe(plain(feed))
    shop.deliver({name: content})
    assert shop.amounts() == {"1": 100, "2": 200}


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("orders.xlsx", workbook({"Orders": [["order"], ["1"]]}), 'format = "xlsx"'),
        ("orders.zip", zipped({"a.csv": b"x", "b.csv": b"y"}), "member"),
        ("orders-2.zip", zipped({"a.csv": b"x"})[:-30], "zip"),
    ],
    ids=["workbook", "zip of two", "cut zip"],
)
def test_a_wrapping_that_cannot_be_read_is_called_what_it_is(
    shop: Shop, name: str, content: bytes, word: str
) -> None:
    shop.describe(plain())
    with pytest.raises(FileRefused, match=word):
        shop.deliver({name: content})


# Neighbours.


def test_one_broken_file_of_several_costs_only_itself(shop: Shop) -> None:
    shop.describe(plain())
    receipt = shop.deliver({"Thumbs.db": b"\x00x", "orders (1).csv": WRAPPED, "orders-0.csv": b""})
    assert shop.amounts() == {"1": 100, "2": 200}
    assert len(receipt.details["refused"]) == 2
    assert any("Thumbs.db" in sentence for sentence in receipt.details["refused"])


def test_a_file_of_two_feeds_is_read_by_each(shop: Shop) -> None:
    ratings = """
[feeds.ratings]
files = ["orders*.csv"]
table = "feedback"
where = { stars = "present" }

[feeds.ratings.columns]
feedback_id = "order"
customer_id = "customer"
event_at = "placed"
kind = { constant = "review" }
rating_share = { column = "stars", scale = [1, 5] }
"""
    shop.describe(plain(rules=ratings))
    receipt = shop.deliver(
        {
            "orders.csv": rows(
                "1,2025-01-01 08:00:00,c1,S1,1,1.00,5",
                "2,2025-01-02 08:00:00,c2,S1,2,1.00,",
                header="order,placed,customer,sku,qty,price,stars",
            )
        }
    )
    assert receipt.read == 4
    assert (receipt.written, receipt.quarantined, receipt.duplicates) == (3, 0, 0)
    assert shop.amounts() == {"1": 100, "2": 200}


def test_a_lookup_by_another_name_and_a_row_that_it_lacks(shop: Shop) -> None:
    shop.describe(
        plain(
            'lookup = { file = "buyers.txt", on = "customer", key = "Kundennummer", '
            'format = "csv", delimiter = ";", encoding = "cp1252" }\nguests = true',
            customer_id='"Käufer"',
        )
    )
    shop.deliver(
        {
            "orders.csv": rows(
                "1,2025-01-01 08:00:00,17,S1,1,1.00", "2,2025-01-01 08:00:00,18,S1,1,1.00"
            ),
            "buyers.txt": "Kundennummer;Käufer\n17;Jörg\n".encode("cp1252"),
        }
    )
    assert shop.customers() == {"1": "Jörg", "2": None}
