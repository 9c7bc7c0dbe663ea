"""Goods that come back later under the number and product of their sale leave the sale as it is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.curated.test_properties import clear
from tests.worlds.order_shop import LINES, OrderShop, line

SALE = line("1", qty="2")
BACK = line("1", qty="-1", placed="2025-03-05 10:00:00")
AGAIN = line("1", qty="-1", placed="2025-03-06 10:00:00")
OTHER = line("2", "POT")
REST = line("3", "POT")


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> OrderShop:
    return OrderShop(warehouse, settings, tmp_path).describe()


def amounts(shop: OrderShop, at: datetime | None = None, order: str = "1") -> list[int]:
    """The amounts of the order's current lines, or of those known at an instant."""
    return sorted(
        row["line_amount_cents"]
        for row in shop._rows("order_lines", at)
        if row["order_id"] == order
    )


def is_sound(shop: OrderShop) -> bool:
    return violations(shop.warehouse) == []


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("is_one_batch", [False, True])
@pytest.mark.parametrize("files", list(permutations(([SALE], [BACK], [AGAIN]), 2)))
def test_sale_and_return_both_stand_in_whatever_order_they_come(
    shop: OrderShop, files: tuple[list[str], ...], is_one_batch: bool, history: bool
) -> None:
    if [SALE] not in files:
        files = (*files, [SALE])
        is_one_batch = True
    for batch in [files] if is_one_batch else [[file] for file in files]:
        shop.deliver(*batch, history=history)
    assert sum(amounts(shop)) == 1_000 - 500 * (len(files) - 1)
    assert max(amounts(shop)) == 1_000
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert is_sound(shop)


def test_before_the_return_was_loaded_the_sale_is_whole_and_alone(shop: OrderShop) -> None:
    shop.deliver([SALE])
    before = shop.newest_load() + timedelta(microseconds=10)
    receipt = shop.deliver([BACK])
    assert (receipt.written, receipt.duplicates, receipt.details["corrected"]) == (1, 0, 0)
    assert amounts(shop, before) == [1_000]
    assert amounts(shop, before.replace(year=before.year + 1)) == [-500, 1_000]


def test_in_a_history_the_return_is_known_from_its_own_day(shop: OrderShop) -> None:
    shop.deliver([SALE], [BACK], history=True)
    assert amounts(shop, datetime(2025, 3, 3, tzinfo=UTC)) == [1_000]
    assert amounts(shop, datetime(2025, 3, 8, tzinfo=UTC)) == [-500, 1_000]


def test_the_same_sale_and_the_same_return_in_other_files_are_duplicates(shop: OrderShop) -> None:
    shop.deliver([SALE])
    shop.deliver([BACK])
    for rows in ([SALE, OTHER], [BACK, OTHER], [SALE, BACK, OTHER], [BACK, SALE, REST]):
        receipt = shop.deliver(rows)
        assert receipt.duplicates >= len(rows) - 1
        assert amounts(shop) == [-500, 1_000]
    assert is_sound(shop)


def test_a_corrected_return_and_a_corrected_sale_replace_what_they_correct(shop: OrderShop) -> None:
    for rows in ([SALE], [BACK], [BACK.replace("5.00", "4.00")], [SALE.replace(",2,5", ",3,5")]):
        shop.deliver(rows)
    assert amounts(shop) == [-400, 1_500]
    assert is_sound(shop)


def test_two_returns_of_one_sale_on_two_days_both_stand(shop: OrderShop) -> None:
    for rows in ([SALE], [BACK], [AGAIN], [BACK, AGAIN]):
        shop.deliver(rows)
    assert amounts(shop) == [-500, -500, 1_000]
    shop.deliver([SALE, AGAIN.replace("5.00", "4.00")])
    assert amounts(shop) == [-500, -400, 1_000]
    assert is_sound(shop)


def test_a_return_with_a_number_of_its_own_whose_time_changes_is_corrected(shop: OrderShop) -> None:
    shop.deliver([SALE, line("R1", qty="-1")])
    shop.deliver([line("R1", qty="-1", placed="2025-03-02 10:00:00")])
    assert amounts(shop, order="R1") == [-500]


def test_cancelled_in_place_still_replaces_the_sale_and_not_the_return(shop: OrderShop) -> None:
    undone = line("1", qty="2", status="cancelled")
    for rows in ([BACK], [SALE], [undone]):
        shop.deliver(rows)
    assert amounts(shop) == [-500, 0]
    shop.deliver([SALE, OTHER])
    assert amounts(shop) == [-500, 1_000]
    assert is_sound(shop)


def test_a_return_that_is_undone_in_place_leaves_the_sale(shop: OrderShop) -> None:
    undone = line("1", qty="-1", placed="2025-03-05 10:00:00", status="cancelled")
    for rows in ([SALE], [BACK], [undone]):
        shop.deliver(rows)
    assert amounts(shop) == [0, 1_000]
    assert shop.orders() == {"1": ("c1", "purchase")}


def test_a_charge_that_is_paid_back_later_is_a_line_of_its_own(shop: OrderShop) -> None:
    rule = '\n[[feeds.lines.rules]]\nwhen = { sku = "^POST$" }\nkind = "charge"\n'
    head, *rules = LINES.split("\n[[feeds.lines.rules]]")
    shop.describe(head + rule + "\n[[feeds.lines.rules]]" + "\n[[feeds.lines.rules]]".join(rules))
    shop.deliver([SALE, line("1", "POST")])
    shop.deliver([line("1", "POST", price="-5.00")])
    assert amounts(shop) == [-500, 500, 1_000]


def test_returns_of_another_feed_stand_beside_a_sale_of_the_same_file(shop: OrderShop) -> None:
    feed = LINES[LINES.index("[feeds.lines]") :].replace("feeds.lines", "feeds.returns")
    shop.describe(
        LINES.replace("guests = true", 'guests = true\nunless = { qty = "^-" }\nreplaces = "order"')
        + feed.replace("guests = true", 'guests = true\nwhere = { qty = "^-" }')
    )
    shop.deliver([BACK, SALE])
    assert amounts(shop) == [-500, 1_000]
    shop.deliver([SALE, AGAIN])
    assert amounts(shop) == [-500, -500, 1_000]
    assert is_sound(shop)


def test_an_order_told_whole_ends_the_return_that_it_no_longer_has(shop: OrderShop) -> None:
    shop.describe(LINES.replace("guests = true", 'guests = true\nreplaces = "order"'))
    for rows in ([SALE], [SALE, BACK], [SALE, AGAIN]):
        shop.deliver(rows)
    assert amounts(shop) == [-500, 1_000]
    shop.deliver([BACK])
    assert amounts(shop) == [-500]
    assert is_sound(shop)


def test_where_the_last_row_of_a_key_wins_it_wins_in_a_later_file_too(shop: OrderShop) -> None:
    shop.describe(LINES.replace("guests = true", 'guests = true\nrepeated_keys = "last"'))
    shop.deliver([SALE, OTHER])
    shop.deliver([BACK])
    assert amounts(shop) == [-500]


BY_PIECES = LINES.replace(
    '{ product_of = ["qty", "price"], money = true }', '{ column = "qty", money = true }'
)


@pytest.mark.parametrize(
    ("bad", "expected"), [(BACK, [-500, -100, 1_000]), (line("1", qty="3"), [-500, 300, 1_000])]
)
def test_a_replayed_row_replaces_nothing_of_its_own_file_and_nothing_that_came_back_since(
    shop: OrderShop, bad: str, expected: list[int]
) -> None:
    shop.deliver([SALE, bad.replace("5.00", "five")])
    shop.deliver([AGAIN])
    shop.describe(BY_PIECES).replay()
    assert amounts(shop) == expected
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert is_sound(shop)


def test_a_sale_replayed_after_its_return_stands_beside_it(shop: OrderShop) -> None:
    shop.deliver([SALE.replace("5.00", "five")])
    shop.deliver([BACK])
    assert shop.orders() == {"1": ("c1", "return")}
    shop.describe(BY_PIECES).replay()
    assert amounts(shop) == [-500, 200]
    assert shop.orders() == {"1": ("c1", "purchase")}
    assert is_sound(shop)


ORDER = (
    line("1", qty="4"),
    line("1", "POT", qty="3", price="7.00"),
    BACK,
    AGAIN,
    line("1", "POT", qty="-1", price="7.00", placed="2025-03-05 10:00:00"),
    line("1", "POT", qty="-2", price="6.00", placed="2025-03-09 10:00:00"),
)
WHOLE = sorted([2_000, 2_100, -500, -500, -700, -1_200])


@pytest.mark.fault(
    "an order's rows split over files that come in any order",
    promises="P1 P2",
    row=9,
    counted="orders split over files",
)
@hypothesis_settings(
    max_examples=count("orders split over files"),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    places=st.lists(st.sets(st.integers(0, 3), min_size=1, max_size=2), min_size=6, max_size=6),
    order=st.permutations(range(4)),
    is_one_batch=st.booleans(),
    history=st.booleans(),
)
def test_an_order_split_over_files_in_any_order_is_what_it_is_in_one_file(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    places: Sequence[set[int]],
    order: Sequence[int],
    is_one_batch: bool,
    history: bool,
) -> None:
    clear(warehouse)
    shop = OrderShop(warehouse, settings, tmp_path).describe()
    files = [
        [row for row, where in zip(ORDER, places, strict=True) if number in where]
        + [line(f"of file {number}")]
        for number in order
    ]
    if not is_one_batch:  # before its sale came, a return of another time is a correction
        files[0] = [*dict.fromkeys([*ORDER[:2], *files[0]])]
    for batch in [files] if is_one_batch else [[file] for file in files]:
        shop.deliver(*batch, history=history)
    assert amounts(shop) == WHOLE
    assert shop.orders()["1"] == ("c1", "purchase")
    assert is_sound(shop)
