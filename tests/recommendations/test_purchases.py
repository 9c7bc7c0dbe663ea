"""Purchases as they were known, and what was bought afterwards."""

from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.clock import day_number
from retention_ml.features.roll_up import roll_up
from retention_ml.recommendations.purchases import (
    DESCRIPTION,
    PurchaseLog,
    Purchases,
    described,
    read_log,
    rows_of,
)
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.purchases import log_of
from tests.worlds.shops import at, fill

D = date(2026, 3, 1)


def triples(purchases: Purchases) -> list[tuple[str, str, int, int]]:
    customers = purchases.customer_ids.take(pa.array(purchases.customer)).to_pylist()
    products = purchases.product_ids.take(pa.array(purchases.product)).to_pylist()
    days = (purchases.day - purchases.event_day).tolist()
    return list(zip(customers, products, days, purchases.lines_count.tolist(), strict=True))


def test_only_what_happened_and_was_known_before_the_day_counts() -> None:
    number = day_number(D)
    rows = pa.table(
        {
            "customer_id": ["b", "a", "a", "a"],
            "product_id": ["x", "y", "x", "z"],
            "event_day": pa.array([number - 1, number - 5, number - 5, number], pa.int32()),
            "known_from_day": pa.array([number, number - 4, number + 2, number + 1], pa.int32()),
            "lines_count": [1, 2, 1, 1],
            "pieces_count": [1, 2, 1, 1],
        }
    )
    log = log_of(rows)
    assert triples(log.known_at(D)) == [("a", "y", 5, 2), ("b", "x", 1, 1)]
    later = log.known_at(D + timedelta(days=2))
    assert ("a", "x", 7, 1) in triples(later)
    outcome = log.outcome(D, 28)
    assert outcome.product.tolist() == [log.product_ids.to_pylist().index("z")]


def test_a_corrected_line_is_gone_from_the_day_its_correction_was_known() -> None:
    number = day_number(D)
    rows = pa.table(
        {
            "customer_id": ["a", "a"],
            "product_id": ["x", "x"],
            "event_day": pa.array([number - 9, number - 9], pa.int32()),
            "known_from_day": pa.array([number - 8, number - 2], pa.int32()),
            "lines_count": [1, -1],
            "pieces_count": [3, -3],
        }
    )
    log = log_of(rows)
    assert len(log.known_at(D - timedelta(days=3))) == 1
    assert len(log.known_at(D)) == 0


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from("uvwxyz"),
            st.integers(-40, 40),
            st.integers(0, 20),
        ),
        min_size=1,
        max_size=60,
        unique_by=lambda row: row[:3],
    ),
    st.integers(-20, 20),
)
def test_what_comes_later_changes_nothing(
    rows: list[tuple[str, str, int, int]], offset: int
) -> None:
    number = day_number(D)

    def log(subset: list[tuple[str, str, int, int]]) -> PurchaseLog:
        return log_of(
            pa.table(
                {
                    "customer_id": pa.array([row[0] for row in subset], pa.string()),
                    "product_id": pa.array([row[1] for row in subset], pa.string()),
                    "event_day": pa.array([number + row[2] for row in subset], pa.int32()),
                    "known_from_day": pa.array(
                        [number + row[2] + 1 + row[3] for row in subset], pa.int32()
                    ),
                    "lines_count": pa.array([1] * len(subset), pa.int64()),
                    "pieces_count": pa.array([1] * len(subset), pa.int64()),
                }
            )
        )

    then = [row for row in rows if row[2] < offset and row[2] + 1 + row[3] <= offset]
    day = D + timedelta(days=offset)
    restricted = log(rows).upto(day)
    expected = log(then)
    assert restricted.customer_ids.equals(expected.customer_ids)
    assert restricted.product_ids.equals(expected.product_ids)
    assert restricted.descriptions.equals(expected.descriptions)
    for name in ("customer", "product", "event_day", "known_from_day", "lines_count"):
        assert np.array_equal(getattr(restricted, name), getattr(expected, name))
    assert triples(restricted.known_at(day)) == triples(log(rows).known_at(day))


def test_rows_of_customers_come_in_the_order_asked_for() -> None:
    log = log_of([("a", "x", D), ("b", "y", D), ("b", "x", D), ("c", "x", D)])
    purchases = log.known_at(D + timedelta(days=1))
    rows, owner = rows_of(purchases, np.array([2, -1, 1], dtype=np.int32))
    assert owner.tolist() == [0, 2, 2]
    assert purchases.product[rows].tolist() == [0, 0, 1]
    assert purchases.active(1).tolist() == [0, 1, 2]
    assert purchases.codes(pa.array(["c", "nobody"])).tolist() == [2, -1]


@pytest.fixture(scope="module")
def read(new_warehouse: NewWarehouse) -> PurchaseLog:
    """What is read of a warehouse on 2026-03-03."""
    with new_warehouse() as warehouse:
        _fill(warehouse)
        return read_log(warehouse, as_of=date(2026, 3, 3), timezone="UTC")


def _line(order: str, product: str, day: str, **more: object) -> dict[str, object]:
    return {
        "order_id": order,
        "product_id": product,
        "customer_id": "c1",
        "event_at": at(day),
        "kind": "sale",
        "quantity": 1,
        **more,
    }


def _fill(warehouse: Warehouse) -> None:
    fill(
        warehouse,
        "order_lines",
        [
            _line("1", "mug", "2026-03-01"),
            _line("2", "tea", "2026-03-02"),
            _line("3", "post", "2026-03-02", kind="charge"),
            _line("4", "mug", "2026-03-02", kind="return", quantity=-1),
            _line("5", "mug", "2026-03-02", customer_id=None),
            _line("6", "jug", "2026-03-03"),
        ],
    )
    fill(
        warehouse,
        "products",
        [{"product_id": "mug", "name": "Red mug", "category": "kitchen"}],
        available_at=at("2026-02-01"),
    )
    fill(
        warehouse,
        "products",
        [{"product_id": "mug", "name": "Blue mug", "category": "kitchen"}],
        available_at=at("2026-03-05"),
    )
    roll_up(warehouse, settings=load({}))


def test_the_log_read_from_files_is_that_of_postgres(
    new_warehouse: NewWarehouse, tmp_path: Path
) -> None:
    excluded = pa.array(["c2"])
    with new_warehouse() as warehouse:
        _fill(warehouse)
        fill(
            warehouse,
            "order_lines",
            [
                _line(order, "mug", "2026-03-01", customer_id=customer)
                for order, customer in (("7", "c2"), ("8", "c0"))
            ],
        )
        roll_up(warehouse, settings=load({}))
        for day in (date(2026, 3, 2), date(2026, 3, 3)):
            for left_out in (None, excluded):
                ask = {"as_of": day, "timezone": "UTC", "excluded": left_out}
                expected = read_log(warehouse, **ask)
                assert "c2" in expected.customer_ids.to_pylist() or left_out is not None
                _require_equal(read_log(warehouse, cache=tmp_path, **ask), expected)


def test_where_no_file_can_be_written_the_log_is_read_from_postgres(
    new_warehouse: NewWarehouse, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("no folder")
    with new_warehouse() as warehouse:
        _fill(warehouse)
        ask = {"as_of": date(2026, 3, 3), "timezone": "UTC"}
        _require_equal(read_log(warehouse, cache=in_the_way, **ask), read_log(warehouse, **ask))


def _require_equal(log: PurchaseLog, expected: PurchaseLog) -> None:
    assert len(expected.customer) > 0
    for field in fields(PurchaseLog):
        one, other = getattr(log, field.name), getattr(expected, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other), field.name
        else:
            assert one.equals(other), field.name


def test_merchandise_sold_to_known_customers_is_read_with_descriptions_of_that_day(
    read: PurchaseLog,
) -> None:
    assert triples(read.known_at(date(2026, 3, 3))) == [("c1", "mug", 2, 1), ("c1", "tea", 1, 1)]
    assert read.product_ids.to_pylist() == ["mug", "tea"]
    assert read.descriptions["name"].to_pylist() == ["Red mug", None]


def test_the_first_source_that_says_something_counts_column_by_column() -> None:
    nothing = dict.fromkeys(DESCRIPTION)
    rows = [
        {**nothing, "product_id": "mug", "source": "b", "name": "Mug", "category": "kitchen"},
        {**nothing, "product_id": "mug", "source": "a", "category": "tableware"},
        {**nothing, "product_id": "tea", "source": "a"},
    ]
    schema = pa.schema([(name, pa.string()) for name in ("product_id", "source", *DESCRIPTION)])
    assert described(pa.Table.from_pylist(rows, schema)).to_pylist() == [
        {**nothing, "product_id": "mug", "name": "Mug", "category": "tableware"},
        {**nothing, "product_id": "tea"},
    ]
