"""Recommended products: bought again most, then the best of the favourite shelf."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import pytest

from retention_ml import tables
from retention_ml.actions.catalogue.products import (
    favourite_categories,
    read_history,
    recommended_products,
)
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import at, fill, random_shop

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LINES = tables.ORDER_LINES.ibis_table("curated")
SHELVES = {
    "green tea": "Tea", "black tea": "Tea", "mint tea": "Tea", "white tea": "Tea",
    "cup": "Kitchen", "pot": "Kitchen", "gift": None,
}  # fmt: skip


def _people(*names: str) -> ibis.Table:
    return LINES.filter(LINES.customer_id.isin(names)).select("customer_id").distinct()


ANN = _people("ann")


def _sales(*sales: tuple[str, str, str, str]) -> list[dict[str, Any]]:
    """Lines: order, customer, product, day."""
    return [
        {"order_id": order, "customer_id": who, "product_id": what, "event_at": at(day)}
        for order, who, what, day in sales
    ]


def _stock(warehouse: Warehouse) -> None:
    rows = [
        {"product_id": name, "name": name.capitalize(), "category": shelf}
        for name, shelf in SHELVES.items()
    ]
    fill(warehouse, "products", rows, available_at=at("2025-01-01"))


def _names(warehouse: Warehouse, customers: Any = ANN, **options: Any) -> list[str]:
    options = {"instant": NOW, **options}
    rows = warehouse.read(recommended_products(customers, **options)).to_pylist()
    return [row["product_id"] for row in sorted(rows, key=lambda row: row["place"])]


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    """Ann buys black tea again and again, a cup once; others like mint more than white tea."""
    _stock(warehouse)
    fill(warehouse, "order_lines", _sales(
        ("1", "ann", "black tea", "2026-01-01"), ("2", "ann", "black tea", "2026-01-20"),
        ("3", "ann", "black tea", "2026-02-20"), ("3", "ann", "green tea", "2026-02-20"),
        ("2", "ann", "green tea", "2026-01-20"), ("1", "ann", "cup", "2026-01-01"),
        ("4", "bob", "mint tea", "2026-02-01"), ("5", "cho", "mint tea", "2026-02-02"),
        ("6", "dan", "white tea", "2026-02-03"), ("7", "dan", "pot", "2026-02-03"),
        ("8", "eve", "gift", "2026-02-03"),
    ))  # fmt: skip
    return warehouse


def test_bought_again_most_then_the_best_of_the_favourite_shelf(shop: Warehouse) -> None:
    assert _names(shop) == ["black tea", "green tea", "mint tea", "white tea"]
    assert _names(shop, count=3) == ["black tea", "green tea", "mint tea"]


def test_the_favourite_shelf_is_that_of_most_orders(shop: Warehouse) -> None:
    assert shop.read(favourite_categories(ANN, NOW)).to_pylist() == [
        {"customer_id": "ann", "category": "Tea"}
    ]


def test_a_customer_without_orders_or_without_a_shelf_gets_nothing(shop: Warehouse) -> None:
    assert _names(shop, _people("nobody", "eve")) == []
    assert shop.read(favourite_categories(_people("eve"), NOW)).num_rows == 0


def test_what_was_given_back_is_not_recommended(shop: Warehouse) -> None:
    back = _sales(("9", "ann", "black tea", "2026-02-21"))[0] | {"kind": "return", "quantity": -3}
    fill(shop, "order_lines", [back])
    assert "black tea" not in _names(shop)[:1]


def test_what_is_no_longer_sold_is_not_recommended(shop: Warehouse) -> None:
    assert _names(shop, instant=NOW + timedelta(days=200)) == []


def test_what_happened_or_was_loaded_later_is_not_known(shop: Warehouse) -> None:
    before = _names(shop, instant=at("2026-02-10"))
    assert before == ["black tea", "mint tea", "white tea"]
    fill(shop, "order_lines", _sales(*((f"x{i}", "ann", "cup", "2026-01-05") for i in range(9))),
         available_at=NOW + timedelta(seconds=1))  # fmt: skip
    assert _names(shop) == ["black tea", "green tea", "mint tea", "white tea"]
    assert _names(shop, instant=NOW + timedelta(seconds=1))[0] == "cup"


def test_a_product_without_a_name_is_not_recommended(warehouse: Warehouse) -> None:
    fill(warehouse, "order_lines", _sales(
        ("1", "ann", "secret", "2026-02-01"), ("2", "ann", "secret", "2026-02-02")
    ))  # fmt: skip
    assert _names(warehouse) == []


def test_of_products_with_the_same_name_only_the_first_is_recommended(shop: Warehouse) -> None:
    double = {"product_id": "black tea, large", "name": " black TEA", "category": "Tea"}
    fill(shop, "products", [double], available_at=at("2025-01-01"))
    fill(shop, "order_lines", _sales(
        *((f"x{i}", who, "black tea, large", "2026-02-21") for i, who in enumerate(["ann", "ann"])),
        *((f"y{i}", f"c{i}", "black tea, large", "2026-02-21") for i in range(9)),
    ))  # fmt: skip
    assert _names(shop) == ["black tea", "green tea", "mint tea", "white tea"]
    assert _names(shop, count=3) == ["black tea", "green tea", "mint tea"]


def test_history_is_read_inside_a_transaction_by_customer(shop: Warehouse) -> None:
    with shop.transaction() as transaction:
        products, shelves = read_history(transaction, _people("ann", "dan", "eve"), NOW)
    assert [product.name for product in products["ann"]] == [
        "Black tea", "Green tea", "Mint tea", "White tea",
    ]  # fmt: skip
    assert shelves == {"ann": "Tea", "dan": "Kitchen"}
    assert "eve" not in products


def test_places_count_from_one_without_gaps_and_nothing_is_twice(warehouse: Warehouse) -> None:
    shop = random_shop(warehouse, customers=60, days=200, first_day=date(2025, 8, 1))
    assert shop.orders_count > 100
    customers = LINES.select("customer_id").distinct()
    instant = datetime(2026, 1, 15, tzinfo=UTC)
    rows = warehouse.read(recommended_products(customers, instant)).to_pylist()
    assert len({row["customer_id"] for row in rows}) > 20
    by_customer: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_customer.setdefault(row["customer_id"], []).append(row)
    for of_customer in by_customer.values():
        assert sorted(row["place"] for row in of_customer) == list(range(1, len(of_customer) + 1))
        assert len({row["product_id"] for row in of_customer}) == len(of_customer) <= 6


def test_an_instant_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        recommended_products(ANN, datetime(2026, 3, 1))
