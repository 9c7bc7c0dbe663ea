"""Typed numbers: exact, with their signs, and never a factor of 100 off."""

from pathlib import Path

import pytest

from retention_ml.deliveries import pipeline
from tests.worlds.feeds import Cast, cast_file, write

TABLE = """
title = "A shop"
timezone = "UTC"
currency = "GBP"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
{feed}

[feeds.lines.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "at"
{columns}

[[feeds.lines.rules]]
when = {{ line_amount_cents = "< 0" }}
kind = "return"
"""
_HEADER = "order,sku,customer,at,qty,net,tax,gross,discount"


def cast(folder: Path, columns: str, *rows: str, feed: str = "") -> Cast:
    """Rows of quantity, net, tax, gross and discount under a description of the columns of numbers."""
    (folder / "shop.toml").write_text(TABLE.format(feed=feed, columns=columns), encoding="utf-8")
    lines = [f"{i},p,c,2025-01-01,{row}" for i, row in enumerate(rows)]
    return cast_file(write(folder.parent / "lines.csv", lines, _HEADER), folder)


def amounts(
    folder: Path, columns: str, *rows: str, name: str = "line_amount_cents"
) -> list[object]:
    """A column of each row, or the reason why it is rejected."""
    result = cast(folder, columns, *rows)
    values: dict[int, object] = {int(str(row["__line_number"])): row[name] for row in result.rows}
    return [value for _, value in sorted({**values, **result.reasons}.items())]


QTY = 'quantity = "qty"\n'


def test_a_sum_keeps_the_signs_of_its_parts(folder: Path) -> None:
    columns = QTY + 'line_amount_cents = { sum_of = ["net", "tax"], money = true }'
    rows = ["1,100.00,20.00,,", "1,-100.00,-20.00,,", "1,30.00,,,", "1,,,,"]
    assert amounts(folder, columns, *rows) == [12_000, -12_000, 3_000, "missing_line_amount_cents"]
    (_, refund, _) = sorted(cast(folder, columns, *rows).rows, key=lambda r: str(r["order_id"]))
    assert (refund["kind"], refund["quantity"]) == ("return", -1)


def test_discounts_are_added_without_signs(folder: Path) -> None:
    columns = QTY + (
        'line_amount_cents = { column = "net", money = true }\n'
        'discount_cents = { sum_of = ["tax", "discount"], money = true }'
    )
    rows = ["1,10,-2.00,,1.50", "1,10,,,", "1,10,,,-0.5"]
    assert amounts(folder, columns, *rows, name="discount_cents") == [350, 0, 50]


def test_a_difference_takes_the_others_off_the_first(folder: Path) -> None:
    columns = (
        QTY + 'line_amount_cents = { difference_of = ["gross", "discount", "tax"], money = true }'
    )
    rows = ["1,,,120.00,10.00", "1,,5,120.00,", "1,,,-120.00,0", "1,,,,3.00"]
    assert amounts(folder, columns, *rows) == [11_000, 11_500, -12_000, "missing_line_amount_cents"]


def test_the_first_number_that_is_there_counts(folder: Path) -> None:
    columns = QTY + 'line_amount_cents = { first_of = ["gross", "net"], money = true }'
    rows = ["1,2,,1,", "1,2,,,", "1,x,,1,", "1,1,,x,", "1,,,,"]
    assert amounts(folder, columns, *rows) == [
        100, 200, 100, "bad_number", "missing_line_amount_cents",
    ]  # fmt: skip


def test_a_weight_counts_as_one_piece_and_is_paid_exactly(folder: Path) -> None:
    columns = (
        'quantity = { column = "qty", weighed = true }\n'
        'line_amount_cents = { product_of = ["qty", "net"], money = true }'
    )
    rows = ["0.350,3.99,,,", "2.0000,1.2500,,,", "2.5,2,,,", "-0.350,3.99,,,", "0.0004,9,,,"]
    assert amounts(folder, columns, *rows) == [140, 250, 500, -140, 0]
    assert amounts(folder, columns, *rows, name="quantity")[:4] == [1, 2, 1, -1]
    assert amounts(folder, QTY + columns.split("\n")[1], *rows)[0] == "bad_number"


@pytest.mark.parametrize(
    ("quantity", "price", "cents"),
    [("3", "0.335", 101), ("1", "0.005", 1), ("-1", "0.005", -1), ("7", "1.115", 781), ("1000000", "999.995", 99_999_500_000)],
)  # fmt: skip
def test_a_product_is_exact_and_rounded_once(
    folder: Path, quantity: str, price: str, cents: int
) -> None:
    columns = QTY + 'line_amount_cents = { product_of = ["qty", "net"], money = true }'
    assert amounts(folder, columns, f"{quantity},{price},,,") == [cents]


@pytest.mark.parametrize(
    ("constant", "expected"),
    [
        ('constant = "12.50", money = true', 1_250), ("constant = 12.5, money = true", 1_250),
        ("constant = 12, money = true", 1_200), ("constant = 99", 99), ("constant = -0.005, money = true", -1),
    ],
)  # fmt: skip
def test_constants_of_money(folder: Path, constant: str, expected: int) -> None:
    columns = f"{QTY}line_amount_cents = {{ {constant} }}"
    assert amounts(folder, columns, "1,,,,") == [expected]


def test_decimals_in_a_column_of_cents_refuse_the_file_wherever_they_stand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = QTY + 'line_amount_cents = "net"'
    assert amounts(folder, columns, "1,1200,,,", "1,40,,,") == [1_200, 40]
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", 1)
    for last in ("12.50", "12.00", ".5", "5."):
        rows = ["1,1200,,,", "1,40,,,", f"1,{last},,,"]
        with pytest.raises(pipeline.Unreadable) as refusal:
            cast(folder, columns, *rows)
        assert refusal.value.error.reason_code == "cents_or_units"
        assert f"lines.csv has decimals in 'net' ('{last}' in line 4)" in str(refusal.value.error)
        assert "money = true" in str(refusal.value.error)


def test_cents_may_be_weighed_and_written_as_floats(folder: Path) -> None:
    weighed = 'quantity = { column = "qty", weighed = true }\nline_amount_cents = { product_of = ["qty", "net"] }'
    assert amounts(folder, weighed, "0.35,399,,,") == [140]
    floats = QTY + 'line_amount_cents = { column = "net", whole = true }'
    assert amounts(folder, floats, "1,1250.0,,,", "1,12.5,,,") == [1_250, "bad_number"]
    large = QTY + 'line_amount_cents = "net"'
    assert amounts(folder, large, "1,900000000,,,") == [900_000_000]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("1.5,1,,,", "qty: '1.5', expected a whole number, or weighed = true in the description"),
        ("1,12e3,,,", "net: '12e3', expected a number with '.' as its decimal mark"),
        ("1,€5,,,", "net: '€5', expected an amount in GBP"),
        ("0,5,,,", "qty: '0'"),
        ("-1,5,,,", "qty: '-1'"),
        (",5,,,", "qty: empty"),
    ],
)
def test_a_refused_number_is_named_with_what_was_expected(
    folder: Path, row: str, detail: str
) -> None:
    columns = QTY + 'line_amount_cents = { column = "net", money = true }'
    result = cast(folder, columns, row)
    assert result.details == {2: detail}


@pytest.mark.parametrize(
    ("quantity", "row", "pieces"),
    [
        ('{ first_of = ["qty", "net"], weighed = true }', "3,0.35,,9,", 3),
        ('{ first_of = ["qty", "net"], weighed = true }', ",0.35,,9,", 1),
        ('{ first_of = ["qty", "net"] }', "3,0.35,,9,", 3),
        ('{ difference_of = ["qty", "net"] }', "3.5,0.5,,9,", 3),
        ('{ difference_of = ["qty", "net"] }', "3.5,1,,9,", "bad_number"),
        ('{ sum_of = ["qty", "net"] }', "1.25,0.75,,9,", 2),
        ('{ product_of = ["qty", "net"] }', "6,0.5,,9,", 3),
    ],
)
def test_a_fraction_is_one_of_the_number_not_of_what_it_is_made_of(
    folder: Path, quantity: str, row: str, pieces: object
) -> None:
    columns = f'quantity = {quantity}\nline_amount_cents = {{ column = "gross", money = true }}'
    assert amounts(folder, columns, row, name="quantity") == [pieces]
