"""Files of other forms and encodings through the doors: counted by row, read again from quarantine."""

import json
from pathlib import Path

import pytest

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.workbooks import write_workbook

SHOP = """
title = "A shop"
timezone = "Asia/Tokyo"
currency = "JPY"
minor_units = 1

[feeds.tsv]
files = ["*.txt"]
encoding = "cp932"
delimiter = "\\t"
table = "order_lines"
columns = {COLUMNS}

[feeds.book]
files = ["*.xlsx"]
format = "xlsx"
table = "order_lines"
columns = {COLUMNS}

[feeds.api]
files = ["*.json"]
format = "json"
each = "lines"
table = "order_lines"
columns = {NESTED}
"""
NAMES = {
    "order_id": "注文", "product_id": "商品", "customer_id": "顧客", "event_at": "日時",
    "quantity": "数量", "line_amount_cents": "金額",
}  # fmt: skip
ROWS = [
    ("1", "マグカップ", "ソ", "2026-01-05", "2", "1200"),
    ("2", "表", "能", "05.01.2026", "1", "300"),
]


def description(at: str) -> str:
    def columns(prefix: str) -> str:
        lines = [
            f'{name} = {{ column = "{prefix if name in LINE else ""}{column}"'
            f"{', money = true' if name == 'line_amount_cents' else ''}"
            f"{at if name == 'event_at' else ''} }}"
            for name, column in NAMES.items()
        ]
        return "{ " + ", ".join(lines) + " }"

    return SHOP.replace("{COLUMNS}", columns("")).replace("{NESTED}", columns("lines."))


LINE = ("product_id", "quantity", "line_amount_cents")


def write(folder: Path, kind: str) -> Path:
    """The two rows in a file of that kind; the second is dated in another way."""
    head = list(NAMES.values())
    if kind == "xlsx":
        return write_workbook(folder / "a.xlsx", {"注文": [head, *ROWS]})
    path = folder / f"a.{kind}"
    if kind == "txt":
        path.write_bytes("\r\n".join("\t".join(row) for row in (head, *ROWS)).encode("cp932"))
        return path
    orders = [
        {head[0]: order, head[2]: who, head[3]: at, "lines": [{head[1]: what, head[4]: n, head[5]: paid}]}
        for order, what, who, at, n, paid in ROWS
    ]  # fmt: skip
    orders[0]["lines"] *= 2  # type: ignore[operator]
    path.write_text(json.dumps([*orders, {"lines": []}]), encoding="utf-8")
    return path


def close(warehouse: Warehouse, settings: Settings, batch_id: int) -> Receipt:
    """Stage and curate; the check between them is not tested here."""
    receipt = stage(warehouse, settings=settings, batch_id=batch_id)
    with warehouse.transaction() as transaction:
        transaction.change(
            "UPDATE raw.batches SET status = 'checked' WHERE batch_id = :b", b=batch_id
        )
    curate(warehouse, settings=settings, batch_id=batch_id)
    return receipt


@pytest.mark.parametrize(("kind", "left_out"), [("txt", 0), ("xlsx", 0), ("json", 1)])
def test_rows_add_up_and_are_read_again_from_quarantine(
    warehouse: Warehouse, shop_settings: Settings, folder: Path, tmp_path: Path,
    kind: str, left_out: int,
) -> None:  # fmt: skip
    (folder / "shop.toml").write_text(description(""), encoding="utf-8")
    landed = land(
        warehouse,
        settings=shop_settings,
        source="shop",
        files=[write(tmp_path, kind)],
        history=True,
    )
    receipt = close(warehouse, shop_settings, landed.details["batch_id"])
    assert (receipt.read, receipt.quarantined, receipt.left_out) == (2 + left_out, 1, left_out)
    assert len(receipt.details["remarks"]) == (kind == "txt")  # its last line has no end

    both = ', format = ["iso", "%d.%m.%Y"]'
    (folder / "shop.toml").write_text(description(both), encoding="utf-8")
    again = replay(warehouse, settings=shop_settings, source="shop", reason=None)
    close(warehouse, shop_settings, again.details["batch_id"])
    curated = warehouse.read(
        "SELECT order_id, product_id, customer_id, line_amount_cents FROM curated.order_lines "
        "WHERE superseded_at IS NULL ORDER BY 1"
    ).to_pylist()
    assert [tuple(row.values()) for row in curated] == [
        *[("1", "マグカップ", "ソ", 1200)] * (2 if kind == "json" else 1), ("2", "表", "能", 300),
    ]  # fmt: skip
