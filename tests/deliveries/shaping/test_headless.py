"""Orders whose first row was rejected by the reader."""

from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.shaping.fill_down import FillDown
from retention_ml.deliveries.shaping.headless import HeadlessOrders
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.deliveries.shaping.test_per_order import HEADER, SHOP, first, further
from tests.worlds.order_shop import OrderShop

File = list[tuple[int, str | None, str | None]]
"""Line number, order and status; an order of None is a row that the reader rejects."""


def chunk(rows: File) -> Chunk:
    good = [row for row in rows if row[1] is not None]
    columns = zip(*good, strict=True) if good else ([], [], [])
    numbers, orders, states = (list(column) for column in columns)
    table = pa.table(
        {
            LINE_NUMBER: pa.array(numbers, pa.int64()),
            "order": pa.array(orders, pa.string()),
            "status": pa.array(states, pa.string()),
        }
    )
    rejects = [Reject(n, b"?", "wrong_field_count") for n, order, _ in rows if order is None]
    return Chunk(table, lambda indexes: [f"row {numbers[i]}".encode() for i in indexes], rejects)


FILE: File = [
    (2, "1", "paid"), (3, None, None), (4, "1", ""), (5, None, None), (6, "2", ""), (7, "2", ""),
    (8, "3", ""), (9, "2", ""), (10, None, None), (12, "4", "open"), (13, "4", ""), (14, "2", "x"),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
def test_rows_of_an_order_that_begins_behind_a_rejected_row_are_rejected(size: int) -> None:
    headless = HeadlessOrders(FillDown(["status"], ["order"], {}))
    chunks = [headless.reject(chunk(FILE[i : i + size])) for i in range(0, len(FILE), size)]
    rejects = [
        (reject.line_number, reject.raw)
        for one in chunks
        for reject in one.rejects
        if reject.reason == Reason.FIRST_ROW_REJECTED
    ]
    assert rejects == [(n, f"row {n}".encode()) for n in (6, 7, 9)]
    lines = [line for one in chunks for line in one.rows[LINE_NUMBER].to_pylist()]
    assert lines == [2, 4, 8, 12, 13, 14]
    for one in chunks:
        n = one.rows.num_rows
        raw = [f"row {line}".encode() for line in one.rows[LINE_NUMBER].to_pylist()]
        assert one.raw(list(range(n))) == raw


def test_a_refunded_order_whose_first_row_is_broken_sells_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    shop = OrderShop(warehouse, settings, tmp_path).describe(SHOP)
    broken = first("1", state="refunded") + ",too,many"
    receipt = shop.deliver([first("2"), broken, further("1", "POT")], header=HEADER)
    assert (receipt.written, receipt.quarantined) == (1, 2)
    assert shop.quarantined() == [(3, "wrong_field_count"), (4, "first_row_rejected")]
    assert shop.orders() == {"2": ("ann", "purchase")}
    assert violations(warehouse) == []


@pytest.mark.parametrize("size", [1, 3])
def test_the_first_order_of_a_file_may_carry_nothing(size: int) -> None:
    file: File = [(2, "1", ""), (3, "1", ""), (4, "2", "paid")]
    headless = HeadlessOrders(FillDown(["status"], ["order"], {}))
    chunks = [headless.reject(chunk(file[i : i + size])) for i in range(0, len(file), size)]
    assert [reject for one in chunks for reject in one.rejects] == []
