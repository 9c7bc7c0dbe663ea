"""Shops as no one plans them, from order lines to published lists: a whole publication or a sentence."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import NotReady
from retention_ml.recommendations.recommend import recommend
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.recommendations.test_recommending_flow import rows, run
from tests.worlds.shops import fill

DAY = date(2024, 12, 1)
LISTED = (
    "SELECT customer_id, list, rank, product_id, product_name, reason "
    "FROM reports.recommendations ORDER BY 1, 2, 3"
)
EARLY = datetime(2024, 1, 1, tzinfo=UTC)


def sell(warehouse: Warehouse, sales: list[tuple[str, str, int]], *, kind: str = "sale") -> None:
    """Orders of `customer, product, days before DAY`, a line each."""
    noon = datetime(2024, 12, 1, 12, tzinfo=UTC)
    lines = [
        {"order_id": f"o{n}", "customer_id": customer, "product_id": product, "kind": kind,
         "event_at": noon - timedelta(days=back)}
        for n, (customer, product, back) in enumerate(sales)
    ]  # fmt: skip
    fill(warehouse, "order_lines", lines)
    orders = ("order_id", "customer_id", "event_at")
    fill(warehouse, "orders", [{name: line[name] for name in orders} for line in lines])


def regulars(products: list[str], customers: int = 30) -> list[tuple[str, str, int]]:
    """Customers who buy one of some products every ten days."""
    return [
        (f"c{c:02d}", products[(c + k) % len(products)], 10 * k + c % 9 + 1)
        for c in range(customers)
        for k in range(12)
    ]


def test_without_a_catalogue_reasons_name_the_number(
    warehouse: Warehouse, settings: Settings
) -> None:
    sell(warehouse, regulars(["71053", "85123A", "22423"]))
    run(warehouse, settings)
    listed = rows(warehouse, LISTED)
    assert {row["customer_id"] for row in listed} == {f"c{c:02d}" for c in range(30)}
    assert {row["product_name"] for row in listed} == {None}
    assert {row["product_id"] for row in listed} <= {"71053", "85123A", "22423"}
    assert all(row["reason"] for row in listed)


def test_a_shop_with_one_product_has_lists_of_one(warehouse: Warehouse, settings: Settings) -> None:
    sell(warehouse, regulars(["only"]))
    made = run(warehouse, settings)
    assert made.details["lists"] == {"mixed": 30, "again": 30}  # nobody can be shown a new one
    assert {row["product_id"] for row in rows(warehouse, LISTED)} == {"only"}


def test_a_code_used_for_two_things_is_one_product_with_the_first_name(
    warehouse: Warehouse, settings: Settings
) -> None:
    sell(warehouse, regulars(["a", "b"]))
    for source, name in (("till", "Lamp"), ("shop", "Mug")):
        described = [{"product_id": "a", "name": name, "source": source}]
        fill(warehouse, "products", described, available_at=EARLY)
    run(warehouse, settings)
    listed = rows(warehouse, LISTED)
    names = {row["product_name"] for row in listed if row["product_id"] == "a"}
    assert names == {"Mug"}  # of the first source by name
    places = [(row["customer_id"], row["list"], row["product_id"]) for row in listed]
    assert len(places) == len(set(places)) > 30


@pytest.mark.parametrize("kind", ["return", "charge"])
def test_where_all_lines_are_returns_or_charges_nothing_is_published_and_a_sentence_says_why(
    warehouse: Warehouse, settings: Settings, kind: str
) -> None:
    sell(warehouse, regulars(["a", "b"]), kind=kind)
    with pytest.raises(NotReady, match=r"No product is known to have been sold.*order lines name"):
        recommend(warehouse, settings=settings, as_of=DAY)
    assert rows(warehouse, "SELECT * FROM recommendations.snapshots") == []


def test_a_customer_with_five_thousand_products_has_lists_as_everybody(
    warehouse: Warehouse, settings: Settings
) -> None:
    many = [("heavy", f"x{n:04d}", 1 + n % 80) for n in range(5_000)]
    sell(warehouse, regulars(["a", "b", "c"]) + many)
    started = time.process_time()
    run(warehouse, settings)
    assert time.process_time() - started < 30
    listed = [row for row in rows(warehouse, LISTED) if row["customer_id"] == "heavy"]
    assert [row["rank"] for row in listed if row["list"] == "again"] == list(range(1, 11))


@pytest.mark.thorough
def test_two_hundred_thousand_products_are_recommended_from(
    warehouse: Warehouse, settings: Settings
) -> None:
    count = 200_000
    rng = np.random.default_rng(3)
    noon = np.datetime64("2024-12-01T12:00:00", "us")
    at = pa.array(noon - rng.integers(1, 80, count) * np.timedelta64(1, "D"))
    table: dict[str, Any] = {
        "order_id": [f"o{n}" for n in range(count)],
        "customer_id": [f"c{n % 200:03d}" for n in range(count)],
        "event_at": at.cast(pa.timestamp("us", tz="UTC")),
    }
    products = {"product_id": [f"p{n:06d}" for n in range(count)]}
    fill(warehouse, "order_lines", pa.table(table | products))
    fill(warehouse, "orders", pa.table(table))
    started = time.process_time()
    made = run(warehouse, settings)
    assert time.process_time() - started < 60
    assert made.written == 200
    assert made.details["lists"] == {"mixed": 2_000, "again": 2_000, "new": 2_000}
