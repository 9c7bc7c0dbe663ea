"""An order is one thing: edited, cancelled in place, told whole, and never two under one number."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.order_shop import LINES, OrderShop, line

WHOLE = LINES.replace("guests = true", 'guests = true\nreplaces = "order"')
AFTER = timedelta(seconds=1)


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> OrderShop:
    return OrderShop(warehouse, settings, tmp_path).describe()


def sound(shop: OrderShop) -> bool:
    return violations(shop.warehouse) == []


def test_an_order_cancelled_in_place_is_a_purchase_until_that_is_loaded_and_then_none(
    shop: OrderShop,
) -> None:
    shop.deliver([line("1", qty="3"), line("2", customer="c2")])
    before = shop.newest_load() + AFTER / 1e5
    receipt = shop.deliver([line("1", qty="3", status="cancelled"), line("2", customer="c2")])
    assert (receipt.written, receipt.duplicates) == (1, 1)
    assert shop.lines() == {("1", "TEA"): 0, ("2", "TEA"): 500}
    assert shop.orders() == {"1": ("c1", "cancellation"), "2": ("c2", "purchase")}
    assert shop.orders(before)["1"] == ("c1", "purchase")
    assert shop.lines(before)["1", "TEA"] == 1_500
    assert sound(shop)


@pytest.mark.parametrize("history", [False, True])
def test_sold_and_cancelled_in_one_batch_is_no_purchase(shop: OrderShop, history: bool) -> None:
    shop.deliver([line("1")], [line("1", status="cancelled")], history=history)
    assert shop.orders() == {"1": ("c1", "cancellation")}
    assert shop.lines() == {("1", "TEA"): 0}
    assert sound(shop)


def test_an_order_stays_a_purchase_while_one_of_its_lines_is_a_sale(shop: OrderShop) -> None:
    shop.deliver([line("1"), line("1", "POT")])
    shop.deliver([line("1", status="cancelled")])
    assert shop.orders() == {"1": ("c1", "purchase")}
    shop.deliver([line("1", "POT", status="cancelled")])
    assert shop.orders() == {"1": ("c1", "cancellation")}
    shop.deliver([line("1", "POT")])
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert sound(shop)


def test_goods_that_come_back_later_under_the_number_leave_it_a_purchase(shop: OrderShop) -> None:
    shop.deliver([line("1")])
    shop.deliver([line("1", "back-1", qty="-1", placed="2025-06-01 10:00:00")])
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert sum(shop.lines().values()) == 0
    assert shop.quarantined() == []


def test_a_replayed_sale_makes_an_order_a_purchase_although_it_was_delivered_before_the_rest(
    shop: OrderShop,
) -> None:
    shop.deliver([line("1"), line("1", "POT", qty="one")])
    shop.deliver([line("1", status="cancelled")])
    assert shop.orders() == {"1": ("c1", "cancellation")}
    shop.describe(
        LINES.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    shop.replay()
    assert shop.lines() == {("1", "TEA"): 0, ("1", "POT"): 500}
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert sound(shop)


def test_a_row_replayed_twice_still_does_not_replace_what_was_delivered_after_it(
    shop: OrderShop,
) -> None:
    shop.deliver([line("1", qty="one"), line("2")])
    shop.deliver([line("1", price="9.00")])
    shop.replay()
    shop.describe(
        LINES.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    receipt = shop.replay()
    assert (receipt.read, receipt.duplicates) == (1, 1)
    assert shop.lines()["1", "TEA"] == 900


EDITS = (
    [line("1"), line("1", "CUP", qty="2"), line("1", "POT", price="30.00"), line("3", "POT")],
    [line("1"), line("1", "CUP", qty="1")],
)
EDITED = {("1", "TEA"): 500, ("1", "CUP"): 500, ("3", "POT"): 500}


def test_a_line_taken_out_of_an_order_is_known_until_the_edit_is_loaded(shop: OrderShop) -> None:
    shop.describe(WHOLE).deliver(EDITS[0])
    before = shop.newest_load() + AFTER / 1e5
    receipt = shop.deliver(EDITS[1])
    assert (receipt.written, receipt.duplicates, receipt.quarantined) == (1, 1, 0)
    assert shop.lines() == EDITED
    assert shop.lines(before)["1", "POT"] == 3_000
    ended = shop.warehouse.read(
        "SELECT superseded_by FROM curated.order_lines "
        "WHERE product_id = 'POT' AND superseded_at IS NOT NULL"
    )
    assert ended["superseded_by"].to_pylist() == [2]
    assert sound(shop)


@pytest.mark.parametrize("history", [False, True])
def test_an_edit_in_the_same_batch_ends_the_line_too(shop: OrderShop, history: bool) -> None:
    shop.describe(WHOLE).deliver(*EDITS, history=history)
    assert shop.lines() == EDITED
    assert shop.lines(datetime(2025, 3, 2, tzinfo=UTC)) == (EDITED if history else {})
    assert sound(shop)


def test_without_the_word_a_line_that_is_not_named_again_stays(shop: OrderShop) -> None:
    for rows in EDITS:
        shop.deliver(rows)
    assert shop.lines() == EDITED | {("1", "POT"): 3_000}


def test_a_line_may_come_back_into_its_order(shop: OrderShop) -> None:
    shop.describe(WHOLE)
    for rows in (*EDITS, [*EDITS[0], line("4")]):
        shop.deliver(rows, history=True)
    assert shop.lines()["1", "POT"] == 3_000
    assert sound(shop)


def test_an_order_whose_lines_sold_are_gone_is_no_purchase(shop: OrderShop) -> None:
    shop.describe(WHOLE).deliver([line("1"), line("1", "back", qty="-1")])
    shop.deliver([line("1", "back", qty="-1")])
    assert shop.orders() == {"1": ("c1", "return")}
    charges = WHOLE + '\n[[feeds.lines.rules]]\nwhen = { sku = "^POST$" }\nkind = "charge"\n'
    shop.describe(charges).deliver([line("1", "POST")])
    assert shop.orders() == {"1": ("c1", "cancellation")}
    assert sound(shop)


def test_an_older_delivery_replayed_neither_ends_nor_brings_back_lines(shop: OrderShop) -> None:
    shop.describe(WHOLE).deliver([line("1"), line("1", "POT", qty="one")])
    shop.deliver([line("1"), line("1", "CUP")])
    shop.describe(
        WHOLE.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    receipt = shop.replay()
    assert (receipt.read, receipt.duplicates) == (1, 1)
    assert shop.lines() == {("1", "TEA"): 500, ("1", "CUP"): 500}
    assert sound(shop)


def test_a_row_of_the_newest_delivery_that_is_replayed_joins_the_rest_of_its_order(
    shop: OrderShop,
) -> None:
    shop.describe(WHOLE).deliver([line("1"), line("1", "POT")])
    shop.deliver([line("1"), line("1", "POT", qty="one")])
    assert shop.lines() == {("1", "TEA"): 500}
    shop.describe(
        WHOLE.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    shop.replay()
    assert shop.lines() == {("1", "TEA"): 500, ("1", "POT"): 500}
    assert sound(shop)


def test_lines_of_another_feed_are_no_lines_that_an_order_lost(shop: OrderShop) -> None:
    shop.describe(
        WHOLE
        + WHOLE[WHOLE.index("[feeds.lines]") :]
        .replace("feeds.lines", "feeds.refunds")
        .replace("lines*.csv", "refunds*.csv")
        .replace('replaces = "order"\n', "")
    )
    shop.deliver([line("1")])
    shop.deliver([line("1", "refund", qty="-1")], name="refunds")
    shop.deliver([line("1", qty="2")])
    assert shop.lines() == {("1", "TEA"): 1_000, ("1", "refund"): -500}


YEARS = (
    [
        line("1001", "MUG", customer="alice", placed="2024-01-05 10:00:00"),
        line("1001", "POT", customer="alice", placed="2024-01-05 10:00:00"),
        line("1002", "MUG", customer="bob", placed="2024-01-06 10:00:00"),
        line("1003", "MUG", customer="eve", placed="2024-01-06 10:00:00"),
    ],
    [
        line("1001", "MUG", customer="zoe", placed="2025-01-05 10:00:00"),
        line("1002", "PAN", customer="bob", placed="2025-01-06 10:00:00"),
        line("1003", "MUG", customer="joe", placed="2025-01-06 10:00:00"),
        line("1004", "PAN", customer="joe", placed="2025-01-06 10:00:00"),
    ],
)
REUSED = "order_number_reused"


def test_order_numbers_that_begin_anew_are_set_aside_and_the_old_orders_stay(
    shop: OrderShop,
) -> None:
    shop.deliver(YEARS[0])
    receipt = shop.deliver(YEARS[1])
    assert (receipt.read, receipt.written, receipt.quarantined) == (4, 1, 3)
    assert shop.quarantined() == [(2, REUSED), (3, REUSED), (4, REUSED)]
    assert shop.orders() == {
        "1001": ("alice", "purchase"),
        "1002": ("bob", "purchase"),
        "1003": ("eve", "purchase"),
        "1004": ("joe", "purchase"),
    }
    assert sound(shop)


def test_order_numbers_that_begin_anew_in_one_batch_are_set_aside_in_both_files(
    shop: OrderShop,
) -> None:
    receipt = shop.deliver(*YEARS, history=True)
    assert (receipt.read, receipt.written, receipt.quarantined) == (8, 1, 7)
    assert shop.orders() == {"1004": ("joe", "purchase")}
    raw = shop.warehouse.read("SELECT raw_text FROM quarantine.rows WHERE delivery_id = 2")
    assert raw["raw_text"].to_pylist() == YEARS[1][:3]
    assert sound(shop)


def test_numbers_told_apart_by_the_date_are_accepted_when_their_rows_are_replayed(
    shop: OrderShop,
) -> None:
    shop.deliver(*YEARS)
    shop.describe(
        LINES.replace('order_id = "order"', 'order_id = { columns = ["order", "placed"] }')
    )
    receipt = shop.replay()
    assert (receipt.read, receipt.written) == (7, 7)
    assert sorted(customer for customer, _ in shop.orders().values()) == [
        "alice", "bob", "bob", "eve", "joe", "joe", "zoe",
    ]  # fmt: skip


@pytest.mark.parametrize("at_once", [False, True])
def test_an_old_order_under_the_number_of_a_merged_account_is_a_correction(
    shop: OrderShop, at_once: bool
) -> None:
    files = ([line("1", customer="guest-77")], [line("1", customer="ann")])
    for batch in [files] if at_once else [[file] for file in files]:
        shop.deliver(*batch)
    assert shop.orders() == {"1": ("ann", "purchase")}
    assert shop.quarantined() == []


def test_a_guest_beside_a_customer_and_a_moved_date_are_no_second_order(shop: OrderShop) -> None:
    shop.deliver([line("1"), line("1", "POT", customer="")])
    shop.deliver(
        [
            line("1", placed="2025-05-01 10:00:00"),
            line("1", "POT", customer="", placed="2025-05-01 10:00:00"),
        ]
    )
    assert shop.quarantined() == []
    assert shop.orders() == {"1": ("c1", "purchase")}


def test_the_rest_of_a_repeated_order_is_not_set_aside_with_the_second_one(shop: OrderShop) -> None:
    shop.deliver([line("1", customer="alice")])
    receipt = shop.deliver([line("1", customer="alice"), line("1", "POT", customer="zoe")])
    assert (receipt.duplicates, receipt.quarantined) == (1, 1)
    assert shop.quarantined() == [(3, REUSED)]


def test_a_whole_order_of_another_customer_a_year_later_does_not_replace_the_first(
    shop: OrderShop,
) -> None:
    shop.describe(WHOLE).deliver(YEARS[0])
    shop.deliver(YEARS[1])
    assert shop.orders()["1001"] == ("alice", "purchase")
    assert {row[1] for row in shop.quarantined()} == {REUSED}
    assert sound(shop)


def test_a_replayed_row_of_another_customer_under_a_whole_orders_number_is_set_aside(
    shop: OrderShop,
) -> None:
    shop.describe(WHOLE)
    shop.deliver([line("1", customer="alice")])
    receipt = shop.deliver([line("1", "POT", customer="zoe", qty="one"), line("2")])
    assert receipt.quarantined == 1
    shop.describe(
        WHOLE.replace('quantity = "qty"', 'quantity = { constant = "1" }').replace(
            '{ product_of = ["qty", "price"], money = true }', '{ column = "price", money = true }'
        )
    )
    shop.replay()
    assert shop.lines() == {("1", "TEA"): 500, ("2", "TEA"): 500}
    assert shop.orders()["1"] == ("alice", "purchase")
    assert "order_number_reused" in {reason for _, reason in shop.quarantined()}
    assert sound(shop)
