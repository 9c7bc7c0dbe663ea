"""One small shop, written as the exports of many systems and countries: what they must all give."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from tests.worlds.workbooks import DATE_TIME, write_workbook

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order: what was sold."""

    sku: str
    title: str
    quantity: int
    cents: int

    @property
    def price(self) -> str:
        """Of one piece, in units."""
        return f"{self.cents / 100:.2f}"

    @property
    def total(self) -> str:
        """Of the line, in units."""
        return f"{self.quantity * self.cents / 100:.2f}"


@dataclass(frozen=True, slots=True)
class Order:
    """One order."""

    number: str
    customer: str
    placed: datetime
    lines: tuple[Line, ...]

    @property
    def mail(self) -> str:
        """The customer's address."""
        return f"{self.customer.lower()}@shop.example"

    @property
    def total(self) -> str:
        """Of the order, in units."""
        return f"{sum(line.quantity * line.cents for line in self.lines) / 100:.2f}"


_GOODS = (
    ("MUG-01", "Blue mug", 1250),
    ("POT-02", "Pot, large", 4999),
    ("PAN-03", "Iron pan", 123450),
    ("CUP-04", "Small cup", 575),
    ("LID-05", "Lid", 99),
)


def _orders() -> tuple[Order, ...]:
    orders = []
    for n in range(40):
        count = 1 + n % 3
        lines = tuple(
            Line(*_GOODS[(n + i) % 5][:2], 1 + (n + 2 * i) % 4, _GOODS[(n + i) % 5][2])
            for i in range(count)
        )
        placed = datetime(2025, 1, 5, 9, 15, 10) + timedelta(days=2 * n, hours=n % 9, minutes=7 * n)
        orders.append(Order(f"{10_500 + n}", f"C{100 + n % 13}", placed, lines))
    return tuple(orders)


ORDERS = _orders()
LINES = [(order, line) for order in ORDERS for line in order.lines]
CENTS = sum(line.quantity * line.cents for _, line in LINES)
CUSTOMERS = len({order.customer for order in ORDERS})
FIRST = ORDERS[0].placed.replace(tzinfo=UTC)

Row = Sequence[object]


def table(header: Row, rows: Iterable[Row], delimiter: str = ",", **options: object) -> str:
    """Delimited text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n", **options)  # type: ignore[arg-type]
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def comma(text: str, group: str = "") -> str:
    """A number with a decimal comma."""
    whole, _, cents = text.partition(".")
    return f"{int(whole):,}".replace(",", group) + "," + cents


def plain() -> Files:
    """Comma, ISO times, English names, one amount per line."""
    header = [
        "Order ID",
        "Order Date",
        "Customer ID",
        "SKU",
        "Quantity",
        "Unit Price",
        "Line Total",
    ]
    rows = [
        (o.number, o.placed.isoformat(sep=" "), o.customer, x.sku, x.quantity, x.price, x.total)
        for o, x in LINES
    ]
    return {"orders-2025.csv": table(header, rows).encode()}


def german() -> Files:
    """Semicolon, cp1252, decimal comma, points between thousands."""
    header = [
        "Bestellnummer",
        "Bestelldatum",
        "Kundennummer",
        "Artikelnummer",
        "Größe",
        "Menge",
        "Einzelpreis",
    ]
    rows = [
        (
            o.number,
            f"{o.placed:%d.%m.%Y %H:%M:%S}",
            o.customer,
            x.sku,
            "groß",
            x.quantity,
            comma(x.price, "."),
        )
        for o, x in LINES
    ]
    return {"Bestellungen 2025-01.csv": table(header, rows, ";").encode("cp1252")}


def french() -> Files:
    """A spreadsheet's CSV: title lines above, narrow blanks, euro signs behind the numbers."""
    header = [
        "N° de commande",
        "Date de commande",
        "Client",
        "Référence produit",
        "Désignation",
        "Quantité",
        "Prix unitaire",
        "Montant",
    ]
    rows = [
        (o.number, f"{o.placed:%d/%m/%Y %H:%M:%S}", o.customer, x.sku, x.title, x.quantity,
         comma(x.price, "\u202f") + " €", comma(x.total, "\u202f") + " €")
        for o, x in LINES
    ]  # fmt: skip
    return {
        "commandes.csv": ("\ufeffVentes de la boutique\r\n\r\n" + table(header, rows, ";")).encode()
    }


def american() -> Files:
    """Month first, twelve hours, dollar signs and grouped thousands."""
    header = ["Order", "Date", "Customer", "Item", "Qty", "Net Sales"]
    rows = [
        (
            o.number,
            f"{o.placed:%m/%d/%Y %I:%M:%S %p}",
            o.customer,
            x.sku,
            f"{x.quantity}.0",
            f"${float(x.total):,.2f}",
        )
        for o, x in LINES
    ]
    return {"items.csv": table(header, rows).encode()}


def japanese() -> Files:
    """A marketplace: tabs, cp932, whole yen with a sign."""
    header = ["注文番号", "注文日時", "会員番号", "商品番号", "商品名", "数量", "単価"]
    rows = [
        (
            o.number,
            f"{o.placed:%Y/%m/%d %H:%M:%S}",
            o.customer,
            x.sku,
            "マグカップ",
            x.quantity,
            f"{x.cents}円",
        )
        for o, x in LINES
    ]
    return {"orders_20250331.txt": table(header, rows, "\t").encode("cp932")}


def polish() -> Files:
    """cp1250, semicolon, złoty behind the numbers."""
    header = [
        "Numer zamówienia",
        "Data zamówienia",
        "Klient",
        "Kod produktu",
        "Nazwa",
        "Ilość",
        "Cena",
        "Wartość",
    ]
    rows = [
        (
            o.number,
            f"{o.placed:%Y-%m-%d %H:%M:%S}",
            o.customer,
            x.sku,
            "Żółty kubek",
            x.quantity,
            comma(x.price) + " zł",
            comma(x.total) + " zł",
        )
        for o, x in LINES
    ]
    return {"zamowienia.csv": table(header, rows, ";").encode("cp1250")}


def chinese() -> Files:
    """gb18030, comma."""
    header = ["订单编号", "下单时间", "客户编号", "商品编号", "商品名称", "数量", "单价"]
    rows = [
        (
            o.number,
            f"{o.placed:%Y-%m-%d %H:%M:%S}",
            o.customer,
            x.sku,
            "蓝色的杯子",
            x.quantity,
            x.price,
        )
        for o, x in LINES
    ]
    return {"订单.csv": table(header, rows).encode("gb18030")}


def spanish() -> Files:
    """Pipes, every field in quotes, day first, no seconds."""
    header = [
        "Nº pedido",
        "Fecha",
        "ID cliente",
        "Referencia",
        "Descripción",
        "Cantidad",
        "Precio unitario",
        "Importe",
    ]
    rows = [
        (
            o.number,
            f"{o.placed:%d-%m-%Y %H:%M:%S}",
            o.customer,
            x.sku,
            x.title,
            x.quantity,
            comma(x.price),
            comma(x.total),
        )
        for o, x in LINES
    ]
    return {"pedidos_01.csv": table(header, rows, "|", quoting=csv.QUOTE_ALL).encode()}


def first_row_only() -> Files:
    """A shop system's export: what belongs to the order stands on its first row only."""
    header = [
        "Name",
        "Email",
        "Financial Status",
        "Currency",
        "Total",
        "Created at",
        "Lineitem quantity",
        "Lineitem name",
        "Lineitem price",
        "Lineitem sku",
    ]
    rows = []
    for o in ORDERS:
        for i, x in enumerate(o.lines):
            head = (
                (f"#{o.number}", o.mail, "paid", "EUR", o.total)
                if not i
                else (f"#{o.number}", "", "", "", "")
            )
            rows.append(
                (*head, f"{o.placed:%Y-%m-%d %H:%M:%S} +0000", x.quantity, x.title, x.price, x.sku)
            )
    return {"orders_export_1.csv": table(header, rows).encode()}


def unquoted() -> Files:
    """A marketplace's flat file: tabs, no quoting, quotes in titles."""
    header = [
        "amazon-order-id",
        "purchase-date",
        "order-status",
        "product-name",
        "sku",
        "quantity",
        "currency",
        "item-price",
        "buyer-email",
    ]
    rows = ["\t".join(header)]
    for o, x in LINES:
        title = f'"{x.title}' if x.sku == "MUG-01" else f'{x.title} 12"'
        rows.append(
            "\t".join(
                (
                    o.number,
                    o.placed.isoformat() + "+00:00",
                    "Shipped",
                    title,
                    x.sku,
                    str(x.quantity),
                    "EUR",
                    x.price,
                    o.mail,
                )
            )
        )
    return {"all_orders.txt": ("\r\n".join(rows) + "\r\n").encode("cp1252")}


def _document(order: Order) -> dict[str, object]:
    return {
        "id": int(order.number),
        "createdAt": order.placed.isoformat() + "Z",
        "customer": {"id": order.customer, "email": order.mail},
        "currency": "EUR",
        "lineItems": [
            {
                "sku": x.sku,
                "title": x.title,
                "quantity": x.quantity,
                "unitPrice": x.price,
                "tags": ["a"],
            }
            for x in order.lines
        ],
    }


def headless() -> Files:
    """One JSON document of a headless shop, orders two keys down."""
    document = {"data": {"orders": list(map(_document, ORDERS))}, "page": {"next": None}}
    return {"orders.json": json.dumps(document, indent=1).encode()}


def json_array() -> Files:
    """A JSON array, packed by gzip."""
    return {"export.json.gz": gzip.compress(json.dumps(list(map(_document, ORDERS))).encode())}


def json_lines() -> Files:
    """One order a line, its time in milliseconds, its lines nested."""
    rows = [
        {
            "order_number": o.number,
            "created_at": int(o.placed.replace(tzinfo=UTC).timestamp() * 1000),
            "user_id": o.customer,
            "items": [
                {"product_id": x.sku, "qty": x.quantity, "price": float(x.price)} for x in o.lines
            ],
        }
        for o in ORDERS
    ]
    return {"orders-1.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()}


def three_files() -> Files:
    """Orders, their lines and the customers apart."""
    orders = [
        (o.number, f"{o.customer}-{o.number}", "delivered", o.placed.isoformat(sep=" "))
        for o in ORDERS
    ]
    people = [(f"{o.customer}-{o.number}", o.customer, "SP") for o in ORDERS]
    lines = [(o.number, i + 1, x.sku, x.total) for o in ORDERS for i, x in enumerate(o.lines)]
    quoted = {"quoting": csv.QUOTE_ALL}
    return {
        "shop_orders.csv": table(
            ["order_id", "customer_id", "order_status", "order_purchase_timestamp"],
            orders,
            **quoted,
        ).encode(),
        "shop_order_items.csv": table(
            ["order_id", "order_item_id", "product_id", "price"], lines, **quoted
        ).encode(),
        "shop_customers.csv": table(
            ["customer_id", "customer_unique_id", "customer_state"], people, **quoted
        ).encode(),
    }


def packed() -> Files:
    """A zip of one file beside the litter of a Mac."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("orders-2025.csv", plain()["orders-2025.csv"])
        archive.writestr("__MACOSX/._orders-2025.csv", b"\0\1")
    return {"export.zip": data.getvalue()}


def spreadsheet() -> Files:
    """A workbook with real dates."""
    header = [
        "Order Number",
        "Order Date",
        "Customer Number",
        "Article",
        "Quantity",
        "Unit Price",
    ]
    epoch = datetime(1899, 12, 30)
    rows = [
        [
            o.number,
            ((o.placed - epoch) / timedelta(days=1), DATE_TIME),
            o.customer,
            x.sku,
            x.quantity,
            x.cents / 100,
        ]
        for o, x in LINES
    ]
    with TemporaryDirectory() as folder:
        path = write_workbook(Path(folder) / "orders.xlsx", {"Orders": [header, *rows]})
        return {path.name: path.read_bytes()}


def columnar() -> Files:
    """Parquet with timestamps."""
    rows = pa.table(
        {
            "order_id": [o.number for o, _ in LINES],
            "customer_id": [o.customer for o, _ in LINES],
            "ordered_at": pa.array([o.placed for o, _ in LINES], pa.timestamp("us")),
            "product_id": [x.sku for _, x in LINES],
            "quantity": [x.quantity for _, x in LINES],
            "amount": [float(x.total) for _, x in LINES],
        }
    )
    data = io.BytesIO()
    pq.write_table(rows, data)
    return {"lines.parquet": data.getvalue()}


def nameless() -> Files:
    """No header."""
    rows = [
        (o.number, o.placed.isoformat(sep=" "), o.customer, x.sku, x.quantity, x.price, x.total)
        for o, x in LINES
    ]
    return {"dump.csv": table(rows[0], rows[1:]).encode()}


def two_clocks() -> Files:
    """Day and time of day in two columns."""
    header = ["Transaction ID", "Date", "Time", "Item", "Qty", "Net Sales", "Customer ID"]
    rows = [
        (
            o.number,
            f"{o.placed:%Y-%m-%d}",
            f"{o.placed:%H:%M:%S}",
            x.sku,
            x.quantity,
            x.total,
            o.customer,
        )
        for o, x in LINES
    ]
    return {"till.csv": table(header, rows).encode()}


def serial_days() -> Files:
    """Times as a spreadsheet counts days."""
    header = ["Invoice No", "Invoice Date", "Customer No", "Stock Code", "Quantity", "Price"]
    epoch = datetime(1899, 12, 30)
    rows = [
        (
            o.number,
            f"{(o.placed - epoch) / timedelta(days=1):.9f}",
            o.customer,
            x.sku,
            x.quantity,
            x.price,
        )
        for o, x in LINES
    ]
    return {"invoices.csv": table(header, rows).encode()}


def with_totals() -> Files:
    """A daily sheet with a row of sums at its end, and cells of a spreadsheet that kept its zeros."""
    header = ["Order Number", "Date", "Customer", "SKU", "Quantity", "Price", "Total"]
    rows: list[Row] = [
        (
            o.number,
            f"{o.placed:%Y-%m-%d %H:%M:%S}",
            f'="{o.customer}"',
            x.sku,
            x.quantity,
            x.price,
            x.total,
        )
        for o, x in LINES
    ]
    rows.append(("Total", "", "", "", sum(x.quantity for _, x in LINES), "", f"{CENTS / 100:.2f}"))
    return {"daily.csv": table(header, rows).encode()}


def brazilian() -> Files:
    """Latin-1, a real in front of each number, several files of one kind."""
    header = [
        "Número do pedido",
        "Data do pedido",
        "Código do cliente",
        "Código do produto",
        "Quantidade",
        "Preço unitário",
        "Valor total",
    ]

    def part(lines: Sequence[tuple[Order, Line]]) -> bytes:
        rows = [
            (
                o.number,
                f"{o.placed:%d/%m/%Y %H:%M:%S}",
                o.customer,
                x.sku,
                x.quantity,
                "R$ " + comma(x.price, "."),
                "R$ " + comma(x.total, "."),
            )
            for o, x in lines
        ]
        return table(header, rows, ";").encode("iso-8859-1")

    return {"pedidos-2025-01.csv": part(LINES[:40]), "pedidos-2025-02.csv": part(LINES[40:])}


def utf_16() -> Files:
    """UTF-16 with tabs, as a spreadsheet's "Unicode text"."""
    header = ["Ordernummer", "Besteldatum", "Klantnummer", "Productcode", "Aantal", "Stukprijs"]
    rows = [
        (o.number, f"{o.placed:%d-%m-%Y %H:%M:%S}", o.customer, x.sku, x.quantity, comma(x.price))
        for o, x in LINES
    ]
    return {"bestellingen.txt": table(header, rows, "\t").encode("utf-16")}


EXPORTS: dict[str, Callable[[], Files]] = {
    make.__name__: make
    for make in (
        plain, german, french, american, japanese, polish, chinese, spanish, first_row_only, unquoted, headless,
        json_array, json_lines, three_files, packed, spreadsheet, columnar, nameless, two_clocks, serial_days,
        with_totals, brazilian, utf_16,
    )
}  # fmt: skip
YEN = ("japanese",)


def write(folder: Path, files: Files) -> list[Path]:
    """The files of an export, in the order in which they are named."""
    paths = []
    for name, data in files.items():
        path = folder / name
        path.write_bytes(data)
        paths.append(path)
    return paths
