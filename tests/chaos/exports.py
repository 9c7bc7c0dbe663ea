"""Plausible exports of shops in all formats and encodings, each with its description."""

import gzip
import io
import json
import re
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from tests.worlds.archives import workbook, zipped
from tests.worlds.workbooks import Cell

HEADER = ("order", "placed", "customer", "sku", "qty", "price", "status")
_COLUMNS = {
    "order_id": '"order"',
    "product_id": '"sku"',
    "customer_id": '"customer"',
    "event_at": '"placed"',
    "quantity": '"qty"',
    "line_amount_cents": '{ product_of = ["qty", "price"], money = true }',
}


@dataclass(frozen=True, slots=True)
class Export:
    """A file as it was delivered, and the description it is read by."""

    file_name: str
    description: str
    content: bytes
    encoding: str = "utf-8"


def describe(
    feed: str, rules: str = "", *, currency: str = "EUR", table: str = "order_lines", **columns: str
) -> str:
    """A description of one feed, with the columns of `HEADER` unless others are named."""
    mapped = (_COLUMNS if table == "order_lines" else {}) | columns
    listed = "\n".join(f"{name} = {origin}" for name, origin in mapped.items())
    return (
        f'title = "A shop"\ntimezone = "Europe/Berlin"\ncurrency = "{currency}"\n'
        f'[feeds.lines]\nfiles = ["lines*"]\ntable = "{table}"\n{feed}\n'
        f"[feeds.lines.columns]\n{listed}\n{rules}\n"
    )


def records(count: int = 40) -> list[tuple[str, ...]]:
    """Lines of orders: two products an order, a return now and then, some guests."""
    return [
        (
            f"{1000 + n // 2}",
            f"2025-0{1 + n % 9}-{10 + n // 2 % 19} 0{n // 2 % 10}:15:00",
            f"c{n // 2 % 7}" if n % 11 else "",
            ("MUG", "POT, big", 'PAN 24"', "LID")[n % 4],
            "-1" if n % 9 == 8 else str(1 + n % 3),
            f"{n % 30}.{n % 10}0",
            ("paid", "refunded", "cancelled", "")[n % 4],
        )
        for n in range(count)
    ]


def _csv(delimiter: str = ",", *, quote: str = '"', escape: str = "", end: str = "\n") -> str:
    def field(value: str) -> str:
        if quote and (delimiter in value or quote in value):
            return quote + value.replace(quote, (escape or quote) + quote) + quote
        return value

    return "".join(delimiter.join(map(field, row)) + end for row in (HEADER, *records()))


_RULES = """
[[feeds.lines.rules]]
when = { status = "^cancel" }
kind = "cancellation"
in_place = true
[[feeds.lines.rules]]
when = { quantity = "< 0" }
kind = "return"
[[feeds.lines.rules]]
unless = { status = ["paid", "refunded"] }
leave_out = true
"""
_GERMAN = _csv(";", end="\r\n").replace(".", ",")
_PER_ORDER = """
[[feeds.lines.per_order]]
amount = "price"
product_id = "shipping"
[[feeds.lines.per_order]]
amount = "price"
product_id = "refund"
kind = "return"
"""


@cache
def originals() -> dict[str, Export]:
    """Sound files by kind."""
    plain = _csv()
    cells = "order,placed,customer,Items,price\n" + "".join(
        f"{n},2025-01-0{1 + n % 9},c{n % 5},MUG x {n} | POT x 1,1.50\n" for n in range(30)
    )
    orders = [
        {
            "id": n,
            "placed": 1736086991123 + n,
            "user": {"id": f"c{n % 5}"},
            "props": [{"key": "session", "value": {"text": f"s{n}"}}],
            "items": [{"sku": s, "n": 1, "price": 1.5 * n} for s in ("MUG", "POT")][: n % 3],
        }
        for n in range(30)
    ]
    nested = {
        "order_id": '"id"',
        "product_id": '"items.sku"',
        "customer_id": '{ first_of = ["user.id", "props[key=session].value.text"] }',
        "event_at": '{ column = "placed", format = "epoch_ms" }',
        "quantity": '"items.n"',
        "line_amount_cents": '{ product_of = ["items.n", "items.price"], money = true }',
    }
    fixed = "".join(
        f"{n:06d}2025010{1 + n % 9}c{n % 5:05d}{n % 3 + 1:3d}{n * 1.5:9.2f}\n" for n in range(40)
    )
    jsonl = "".join(json.dumps(order) + "\n" for order in orders)
    return {
        "csv": Export("lines.csv", describe("guests = true", _RULES), plain.encode()),
        "csv filled down": Export(
            "lines.csv",
            describe('fill_down = ["status", "customer"]\nreplaces = "order"', _PER_ORDER),
            plain.encode(),
        ),
        "csv german": Export(
            "lines.csv",
            describe('delimiter = ";"\ndecimal = ","\nencoding = "cp1252"\nguests = true', _RULES),
            _GERMAN.encode("cp1252"),
            "cp1252",
        ),
        "tab unquoted": Export(
            "lines.txt",
            describe('delimiter = "\\t"\nquote = ""\nescape = "\\\\"\nmissing = ["\\\\N"]'),
            _csv("\t", quote="").replace("\t\t", "\t\\N\t").encode(),
        ),
        "csv with backslashes": Export(
            "lines.csv", describe('escape = "\\\\"', _RULES), _csv(escape="\\").encode()
        ),
        "csv japanese": Export(
            "lines.csv",
            describe(
                'encoding = "cp932"\ngroup = ","',
                event_at='{ column = "placed", format = ["%Y年%m月%d日 %H:%M:%S", "iso"] }',
            ),
            re.sub(r"(\d{4})-(\d\d)-(\d\d) ", r"\1年\2月\3日 ", plain).encode("cp932"),
            "cp932",
        ),
        "csv utf-16": Export(
            "lines.csv", describe('encoding = "utf-16"\nguests = true'), plain.encode("utf-16"),
            "utf-16",
        ),
        "csv gb18030": Export(
            "lines.csv",
            describe(
                'encoding = "gb18030"',
                quantity='{ column = "qty", weighed = true }',
                customer_id='{ column = "customer", lower = true, whole = true, strip = ["\'"], unicode = "NFC" }',
                line_amount_cents='{ difference_of = ["price", "qty"], money = true }',
            ),
            plain.replace("MUG", "马克杯").encode("gb18030"),
            "gb18030",
        ),
        "cells": Export(
            "lines.csv",
            describe(
                r"""each = { column = "Items", separator = " | ", pattern = '(?P<sku>.+) x (?P<n>\d+)' }""",
                product_id='"Items.sku"',
                quantity='"Items.n"',
                line_amount_cents='{ product_of = ["Items.n", "price"], money = true }',
            ),
            cells.encode(),
        ),
        "events": Export(
            "lines.csv",
            describe(
                'guests = true\nwhere = { status = "present" }',
                table="events",
                customer_id='"customer"',
                event_at='{ column = "placed", timezone_column = "sku", timezones = { MUG = "Asia/Tokyo", LID = "America/New_York" } }',
                event_type='{ column = "status", values = { paid = "view", refunded = "cart" } }',
                product_id='{ column = "sku", optional = true }',
            ),
            plain.encode(),
        ),
        "fixed width": Export(
            "lines.txt",
            describe(
                'format = "fixed_width"\n[feeds.lines.positions]\norder = [1, 6]\nplaced = [7, 14]\n'
                "customer = [15, 20]\nqty = [21, 23]\nprice = [24, 32]",
                event_at='{ column = "placed", format = "%Y%m%d" }',
                product_id='"order"',
            ),
            fixed.encode(),
        ),
        "json lines": Export(
            "lines.jsonl", describe('format = "jsonl"\neach = "items"', **nested), jsonl.encode()
        ),
        "json": Export(
            "lines.json",
            describe('format = "json"\nrows = "data.orders"\neach = "items"', **nested),
            json.dumps({"data": {"orders": orders}, "next": None}, indent=1).encode(),
        ),
        "workbook": Export(
            "lines.xlsx", describe('format = "xlsx"\nguests = true', _RULES), workbook({"Lines": [HEADER, *_cells(records())]}),
        ),
        "parquet": Export(
            "lines.parquet",
            describe('format = "parquet"\nguests = true', _RULES),
            _parquet(),
        ),
        "gzip": Export(
            "lines.csv.gz", describe("guests = true"), gzip.compress(plain.encode(), mtime=0)
        ),
        "zip": Export(
            "lines.zip",
            describe('member = "lines*.csv"\nguests = true'),
            zipped({"lines-1.csv": plain.encode(), "readme.txt": b"x"}),
        ),
        "exchange of letters": Export(
            "lines.csv",
            describe(
                'currency = { column = "status", values = { paid = "EUR", refunded = "USD" } }'
            ),
            plain.replace(".", "\u066b").encode(),
        ),
    }  # fmt: skip


def _cells(rows: list[tuple[str, ...]]) -> list[tuple[Cell, ...]]:
    """Numbers as a workbook has them."""
    return [(*row[:4], int(row[4]), float(row[5]), *row[6:]) for row in rows]


def _parquet() -> bytes:
    columns = zip(*records(), strict=True)
    sink = io.BytesIO()
    pq.write_table(
        pa.table(
            {name: pa.array(column) for name, column in zip(HEADER, columns, strict=True)}
        ),
        sink,
    )  # fmt: skip
    return sink.getvalue()
