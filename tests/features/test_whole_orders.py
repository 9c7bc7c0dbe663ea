"""What features count of orders that were cancelled in place, or whose lines were taken out."""

from pathlib import Path

import pytest

from retention_ml.features.roll_up import roll_up
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.order_shop import LINES, OrderShop, line

WHOLE = LINES.replace("guests = true", 'guests = true\nreplaces = "order"')
COUNTERS = (
    "orders_count", "cancellations_count", "lines_count", "pieces_count", "revenue_cents",
    "returned_lines_count", "refund_cents",
)  # fmt: skip


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> OrderShop:
    return OrderShop(warehouse, settings, tmp_path).describe(WHOLE)


def counted(shop: OrderShop) -> dict[str, int]:
    """The counters of c1 as they are known now that are not zero."""
    roll_up(shop.warehouse, settings=shop.settings)
    sums = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in COUNTERS)
    row = shop.warehouse.read(
        f"SELECT {sums} FROM features.customer_day WHERE customer_id = 'c1'"
    ).to_pylist()[0]
    products = shop.warehouse.read(
        "SELECT CAST(coalesce(sum(lines_count), 0) AS bigint) AS n "
        "FROM features.customer_product_day WHERE customer_id = 'c1'"
    )
    assert products["n"][0].as_py() == row["lines_count"]
    return {name: value for name, value in row.items() if value}


def test_an_order_cancelled_in_place_is_no_purchase_and_gives_no_money_back(
    shop: OrderShop,
) -> None:
    shop.deliver([line("1", qty="3")])
    assert counted(shop) == {
        "orders_count": 1, "lines_count": 1, "pieces_count": 3, "revenue_cents": 1_500,
    }  # fmt: skip
    shop.deliver([line("1", qty="3", status="cancelled")])
    assert counted(shop) == {"cancellations_count": 1, "returned_lines_count": 1}


def test_a_line_taken_out_of_an_order_is_counted_no_more(shop: OrderShop) -> None:
    shop.deliver([line("1"), line("1", "POT", price="30.00")])
    assert counted(shop)["revenue_cents"] == 3_500
    shop.deliver([line("1"), line("2", customer="c2")])
    assert counted(shop) == {
        "orders_count": 1, "lines_count": 1, "pieces_count": 1, "revenue_cents": 500,
    }  # fmt: skip
