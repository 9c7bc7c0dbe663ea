"""Workbooks: typed cells as text, one sheet, bombs and damage refused."""

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers import readers, workbook
from retention_ml.errors import FileRefused
from tests.worlds.workbooks import DATE, DATE_TIME, cell_xml, sheet_xml, write_workbook

COLUMNS = {
    "customer_id": "Customer",
    "event_at": "When",
    "event_type": "What",
    "product_id": "Article",
}
HEAD = ["Customer", "When", "What", "Article", "Order\nvalue"]


def feed_of(**more: Any) -> Any:
    feed = {"files": ["*"], "format": "xlsx", "table": "events", "columns": COLUMNS, **more}
    source = {"title": "t", "timezone": "UTC", "currency": "EUR", "feeds": {"events": feed}}
    return Source.model_validate({"name": "shop", **source}).feeds["events"]


def rows_of(path: Path, **more: Any) -> list[dict[str, Any]]:
    opened = readers.open_file(path, feed_of(**more))
    return [row for chunk in opened.chunks for row in chunk.rows.to_pylist()]


def test_cells_are_text_dates_iso_and_whole_numbers_without_a_point(tmp_path: Path) -> None:
    rows = [
        HEAD,
        [17850.0, (44927.5993171296, DATE_TIME), True, 12.5, 1.0],
        [],
        [1234567890123, (45383, DATE), "view", 19.990000000000002, 2.0],
        [1.23456789012346e18, "05.01.2025", "cart", None, 0.00001],
    ]
    path = write_workbook(tmp_path / "a.xlsx", {"Orders": rows})
    opened = readers.open_file(path, feed_of())
    assert opened.columns == ("Customer", "When", "What", "Article", "Order value")
    assert opened.unread == ("Order value",)
    (chunk,) = opened.chunks
    assert [list(row.values()) for row in chunk.rows.to_pylist()] == [
        ["17850", "2023-01-01 14:23:01", "true", "12.5", 2],
        ["1234567890123", "2024-04-01", "view", "19.99", 4],
        ["1.23456789012346E+18", "05.01.2025", "cart", None, 5],
    ]


def test_numbers_have_the_decimal_mark_of_the_feed_also_when_they_come_from_quarantine(
    tmp_path: Path,
) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": [HEAD, ["c", "2025-01-05", "view", 1.234, 5]]})
    opened = readers.open_file(path, feed_of(decimal=","))
    (chunk,) = opened.chunks
    assert chunk.rows["Article"].to_pylist() == ["1,234"]
    for decimal, text in ((",", "1,234"), (".", "1.234")):
        again = readers.open_rows(
            [(2, chunk.raw([0])[0])], opened.columns, feed_of(decimal=decimal)
        )
        (row,) = next(again.chunks).rows.to_pylist()
        assert (row["Article"], row["When"]) == (text, "2025-01-05")


def test_lines_before_the_header_are_skipped_and_rows_are_those_of_the_sheet(
    tmp_path: Path,
) -> None:
    rows = [["Report of January"], [], HEAD, ["c", "2025-01-05", "view", "A", 1]]
    path = write_workbook(tmp_path / "a.xlsx", {"S": rows})
    assert [row["__line_number"] for row in rows_of(path, skip_lines=1)] == [4]
    named = rows_of(path, skip_lines=3, header=["Customer", "When", "What", "Article", "x"])
    assert [row["Customer"] for row in named] == ["c"]


def test_the_only_visible_sheet_with_rows_is_read_unless_one_is_named(tmp_path: Path) -> None:
    row = ["2025-01-05", "view", "A", 1]
    sheets = {"Notes": [], "Orders": [HEAD, ["shown", *row]], "Old": [HEAD, ["hidden", *row]]}
    path = write_workbook(tmp_path / "a.xlsx", sheets, hidden=["Old"])
    assert [r["Customer"] for r in rows_of(path)] == ["shown"]
    assert [r["Customer"] for r in rows_of(path, sheet="Old")] == ["hidden"]
    both = write_workbook(tmp_path / "b.xlsx", {**sheets, "New": [HEAD]})
    for more in ({}, {"sheet": "Ordres"}):
        with pytest.raises(
            FileRefused, match=r"'Notes', 'Orders', 'Old', 'New'.*sheet = "
        ) as caught:
            rows_of(both, **more)
        assert caught.value.reason_code == "wrong_sheet"


def test_cells_that_are_only_coloured_do_not_count(tmp_path: Path) -> None:
    rows = [HEAD, ["c", "2025-01-05", "view", "A", 1]]
    body = sheet_xml(rows) + '<row r="1048576" ht="9"><c r="XFD1048576" s="1"/></row>'
    assert len(rows_of(write_workbook(tmp_path / "a.xlsx", {"S": body}))) == 1


def far_cell(path: Path) -> None:
    rows = "".join(
        f'<row r="{y}">{cell_xml(place, 1.0)}</row>'
        for y, place in ((1, "A1"), (999_999, "XFD999999"))
    )
    write_workbook(path, {"S": rows})


def far_row(path: Path) -> None:
    write_workbook(
        path, {"S": "<row r='1'><c><v>1</v></c></row><row r='99999999'><c><v>1</v></c></row>"}
    )


def far_cell_in_odd_xml(path: Path) -> None:
    write_workbook(path, {"S": "<row r='1'><c r='A1' s='0'r = 'zzz999999'><v>1</v></c></row>"})


def large(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 3_000_000)


def cut(path: Path) -> None:
    write_workbook(path, {"S": [HEAD]})
    path.write_bytes(path.read_bytes()[:-30])


def broken(path: Path) -> None:
    write_workbook(path, {"S": "<row r='1'><c r='A1'><v>1</v></row>"})


@pytest.mark.fault("workbooks with far cells, large or damaged ones", promises="P1", row=19)
@pytest.mark.parametrize(
    ("make", "words", "code"),
    [
        (far_cell, "cell in row 999,999 or column 16,384", "zip_bomb"),
        (far_row, "row 99,999,999", "zip_bomb"),
        (far_cell_in_odd_xml, "row 999,999 or column 18,278", "zip_bomb"),
        (large, "at most 2,000,000 are accepted", "zip_bomb"),
        (cut, "damaged or cut off", "truncated_file"),
        (broken, "cannot be read", "unreadable_file"),
        (lambda path: path.write_bytes(b"a,b\n1,2\n"), "no workbook", "unreadable_file"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" * 9), r"\.xls.*Save it as \.xlsx", "unreadable_file"),
    ],
)  # fmt: skip
def test_what_is_no_workbook_or_too_large_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, words: str, code: str
) -> None:
    monkeypatch.setattr(workbook, "UNPACKED_BYTES_MAX", 2_000_000)
    path = tmp_path / "orders.xlsx"
    make(path)
    with pytest.raises(FileRefused, match=words) as caught:
        rows_of(path)
    assert caught.value.reason_code == code
    assert "orders.xlsx" in str(caught.value)


def test_the_last_moment_of_a_workbook_has_a_text() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999_600)
    assert workbook.cell_text(last, ".") == "9999-12-31 23:59:59.999"
    assert (
        workbook.cell_text(datetime(2026, 1, 5, 9, 59, 59, 999_600), ".") == "2026-01-05 10:00:00"
    )
