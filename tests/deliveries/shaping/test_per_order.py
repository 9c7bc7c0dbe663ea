"""Money that stands once per order, and rows that have parts."""

import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.shaping.per_order import FirstOfOrder, money_feeds
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.order_shop import OrderShop

HEADER = "order,mail,state,placed,sku,qty,price,shipping,discount,refunded"
SHOP = """
title = "An export whose first row of an order says what holds for all of it"
timezone = "UTC"
currency = "USD"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
guests = true
fill_down = ["mail", "state"]

[feeds.lines.columns]
order_id = "order"
product_id = "sku"
customer_id = "mail"
event_at = "placed"
quantity = "qty"
line_amount_cents = { product_of = ["qty", "price"], money = true }

[[feeds.lines.rules]]
when = { state = "^(refunded|voided)$" }
kind = "return"
in_place = true

[[feeds.lines.rules]]
when = { sku = "^TIP$" }
leave_out = true

[[feeds.lines.per_order]]
amount = "shipping"
product_id = "shipping"

[[feeds.lines.per_order]]
amount = "discount"
product_id = "discount"
negate = true

[[feeds.lines.per_order]]
amount = "refunded"
product_id = "refund"
kind = "return"

[feeds.lines.also.products.columns]
product_id = "sku"
name = "sku"
"""
DAY = "2025-01-05 10:00:00"


def first(order: str, sku: str = "MUG", **values: str) -> str:
    """The first row of an order: one piece for 20.00, paid by ann."""
    row = {
        "order": order, "mail": "ann", "state": "paid", "placed": DAY, "sku": sku, "qty": "1",
        "price": "20.00", "shipping": "0.00", "discount": "0.00", "refunded": "0.00",
    }  # fmt: skip
    return ",".join((row | values).values())


def further(order: str, sku: str, qty: str = "1", price: str = "10.00") -> str:
    """A further row, which says nothing of the order."""
    return f"{order},,,{DAY},{sku},{qty},{price},,,"


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> OrderShop:
    return OrderShop(warehouse, settings, tmp_path).describe(SHOP)


def totals(shop: OrderShop) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (order, _), amount in shop.lines().items():
        sums[order] = sums.get(order, 0) + amount
    return sums


def test_what_was_paid_less_what_went_back_is_the_sum_of_the_lines(shop: OrderShop) -> None:
    receipt = shop.deliver(
        [
            first("1", shipping="5.00"),
            first("2", state="refunded", shipping="4.00", refunded="34.00"),
            further("1", "POT"),
            further("2", "POT"),
            first("3", discount="3.00", refunded="8.00"),
        ],
        header=HEADER,
    )
    assert (receipt.read, receipt.written) == (5, 5)
    assert shop.lines() == {
        ("1", "MUG"): 2_000, ("1", "POT"): 1_000, ("1", "shipping"): 500,
        ("2", "MUG"): 0, ("2", "POT"): 0,
        ("3", "MUG"): 2_000, ("3", "discount"): -300, ("3", "refund"): -800,
    }  # fmt: skip
    assert totals(shop) == {"1": 3_500, "2": 0, "3": 900}
    assert shop.orders() == {
        "1": ("ann", "purchase"), "2": ("ann", "return"), "3": ("ann", "purchase"),
    }  # fmt: skip
    products = shop.warehouse.read("SELECT product_id FROM curated.products ORDER BY 1")
    assert products["product_id"].to_pylist() == ["MUG", "POT"]
    assert violations(shop.warehouse) == []


def test_a_refund_that_grows_replaces_the_smaller_and_one_taken_back_leaves_nothing(
    shop: OrderShop,
) -> None:
    for day, refunded in enumerate(("0.00", "5.00", "12.00", "12.00", "0.00")):
        receipt = shop.deliver([first("1", refunded=refunded), first(f"x{day}")], header=HEADER)
        assert receipt.written + receipt.duplicates == 2
        assert totals(shop)["1"] == 2_000 - round(float(refunded) * 100)
    assert violations(shop.warehouse) == []


def test_money_of_a_row_that_a_later_one_of_its_file_replaces_does_not_count(
    shop: OrderShop,
) -> None:
    shop.describe(SHOP.replace("guests = true", 'guests = true\nrepeated_keys = "last"'))
    shop.deliver([first("1", shipping="5.00")], header=HEADER)
    receipt = shop.deliver([first("1"), further("1", "MUG", price="25.00")], header=HEADER)
    assert (receipt.read, receipt.written, receipt.quarantined) == (2, 1, 1)
    assert shop.lines() == {("1", "MUG"): 2_500, ("1", "shipping"): 500}
    assert violations(shop.warehouse) == []


def test_a_refund_taken_back_by_a_row_that_is_replayed_leaves_nothing(shop: OrderShop) -> None:
    shop.deliver([first("1", refunded="5.00")], header=HEADER)
    receipt = shop.deliver([first("1", discount="none")], header=HEADER)
    assert receipt.quarantined == 1
    shop.describe(
        SHOP.replace('amount = "discount"', 'amount = { column = "discount", missing = ["none"] }')
    )
    shop.replay()
    assert totals(shop) == {"1": 2_000}
    assert violations(shop.warehouse) == []


@pytest.mark.parametrize(
    "condition", ['where = { product_id = "^[A-Z]" }', 'unless = { line_amount_cents = "< 1000" }']
)
def test_what_a_feed_asks_of_its_lines_does_not_hold_for_the_money_of_the_order(
    shop: OrderShop, condition: str
) -> None:
    shop.describe(SHOP.replace("guests = true", f"guests = true\n{condition}"))
    shop.deliver([first("1", shipping="5.00")], header=HEADER)
    assert shop.lines() == {("1", "MUG"): 2_000, ("1", "shipping"): 500}


def test_a_text_that_means_missing_in_a_column_is_filled_down_too(shop: OrderShop) -> None:
    shop.describe(
        SHOP.replace('customer_id = "mail"', 'customer_id = { column = "mail", missing = ["-"] }')
    )
    shop.deliver([first("1"), further("1", "POT").replace(",,,", ",-,,", 1)], header=HEADER)
    customers = shop.warehouse.read("SELECT customer_id FROM curated.order_lines")
    assert customers["customer_id"].to_pylist() == ["ann", "ann"]


def test_an_order_refunded_later_takes_its_shipping_with_it(shop: OrderShop) -> None:
    shop.deliver([first("1", shipping="5.00"), further("1", "POT")], header=HEADER)
    shop.deliver(
        [first("1", state="refunded", shipping="5.00", refunded="35.00"), further("1", "POT")],
        header=HEADER,
    )
    assert totals(shop) == {"1": 0}
    assert shop.orders() == {"1": ("ann", "return")}
    assert violations(shop.warehouse) == []


def test_a_row_with_money_that_cannot_be_read_is_quarantined_whole_and_comes_back_whole(
    shop: OrderShop,
) -> None:
    receipt = shop.deliver(
        [first("1", shipping="five"), further("1", "POT"), first("2", shipping="1.00")],
        header=HEADER,
    )
    assert (receipt.read, receipt.written, receipt.quarantined) == (3, 2, 1)
    assert shop.quarantined() == [(2, "bad_number")]
    assert totals(shop) == {"1": 1_000, "2": 2_100}
    shop.describe(
        SHOP.replace(
            'amount = "shipping"',
            'amount = { column = "shipping", missing = ["five"] }',
        )
    )
    receipt = shop.replay()
    assert (receipt.read, receipt.written) == (1, 1)
    assert totals(shop) == {"1": 3_000, "2": 2_100}
    assert violations(shop.warehouse) == []


def test_a_further_row_that_is_replayed_still_has_what_the_first_row_says(shop: OrderShop) -> None:
    receipt = shop.deliver(
        [first("1", state="refunded"), further("1", "POT", "one"), further("1", "PAN", "one")],
        header=HEADER,
    )
    assert (receipt.read, receipt.quarantined) == (3, 2)
    shop.describe(
        SHOP.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    receipt = shop.replay()
    assert (receipt.read, receipt.written) == (2, 2)
    assert shop.lines() == {("1", "MUG"): 0, ("1", "POT"): 0, ("1", "PAN"): 0}
    customers = shop.warehouse.read("SELECT DISTINCT customer_id FROM curated.order_lines")
    assert customers["customer_id"].to_pylist() == ["ann"]
    assert shop.orders() == {"1": ("ann", "return")}
    assert violations(shop.warehouse) == []


def test_a_line_that_is_left_out_keeps_the_money_of_its_order(shop: OrderShop) -> None:
    receipt = shop.deliver(
        [first("1", "TIP", shipping="5.00"), further("1", "TIP"), further("1", "POT")],
        header=HEADER,
    )
    assert (receipt.read, receipt.written, receipt.quarantined) == (3, 2, 0)
    assert shop.lines() == {("1", "shipping"): 500, ("1", "POT"): 1_000}
    assert violations(shop.warehouse) == []


CELLS = (
    SHOP.replace(
        'fill_down = ["mail", "state"]',
        "each = { column = \"sku\", separator = ';', pattern = '(?P<id>[A-Z]+)\\*(?P<n>[0-9]+)' }",
    )
    .replace('product_id = "sku"', 'product_id = "sku.id"', 1)
    .replace('quantity = "qty"', 'quantity = "sku.n"')
    .replace('"qty", "price"', '"sku.n", "price"')
    .replace('{ sku = "^TIP$" }', '{ product_id = "^TIP$" }')
)


def test_a_row_of_several_lines_counts_once(shop: OrderShop) -> None:
    shop.describe(CELLS[: CELLS.index("[feeds.lines.also")])
    rows = [
        first("1", "MUG*1;POT*2", shipping="5.00"),
        first("2", "MUG*1;POT"),
        first("3", "TIP*1;POT*1"),
        first("4", "TIP*1", price="x"),
        first("5", "TIP*1"),
        first("6", ""),
    ]
    receipt = shop.deliver(rows, header=HEADER)
    assert (receipt.read, receipt.written, receipt.quarantined) == (6, 2, 1)
    assert shop.quarantined() == [(3, "bad_cell")]
    assert shop.lines() == {
        ("1", "MUG"): 2_000, ("1", "POT"): 4_000, ("1", "shipping"): 500, ("3", "POT"): 2_000,
    }  # fmt: skip
    again = shop.deliver([*rows[:1], first("1", "MUG*1;PAN*1"), rows[2]], header=HEADER)
    assert (again.read, again.written, again.duplicates) == (3, 1, 2)
    assert violations(shop.warehouse) == []


def feed() -> Feed:
    return Feed(**tomllib.loads(SHOP)["feeds"]["lines"])


def test_rules_that_ask_for_the_line_do_not_hold_for_the_money_of_the_order() -> None:
    return_rule, _, _ = (f.rules for f in money_feeds(feed()))
    assert [(rule.in_place, rule.kind) for rule in return_rule] == [(True, "charge")]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_first_row_with_a_value_carries_the_money_in_whatever_chunks(size: int) -> None:
    rows = pa.table(
        {
            "order": ["1", "1", "2", "1", "2", None, "1"],
            "shipping": [None, "1", "2", "3", "", "4", "5"],
            "discount": [""] * 7,
            "refunded": [""] * 7,
            DELIVERY: [1, 1, 1, 1, 2, 2, 2],
        }
    )
    first_of_order, places, is_of_feed = FirstOfOrder(feed()), [], pa.array([True] * 7)
    for start in range(0, 7, size):
        shipping, discount, _ = first_of_order.places(
            rows.slice(start, size), is_of_feed.slice(start, size)
        )
        assert not len(discount)
        places += [start + place for place in shipping.tolist()]
    assert places == [1, 2, 6]
