"""A shop of a case: files go through the real doors, rows come back as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.inspect import check_files
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Content = str | bytes
HEADER = "order,placed,customer,sku,qty,price"


def head(timezone: str = "UTC", currency: str = "USD", minor_units: int = 100) -> str:
    """The first lines of a description."""
    units = "" if minor_units == 100 else f"minor_units = {minor_units}\n"
    return f'title = "A shop"\ntimezone = "{timezone}"\ncurrency = "{currency}"\n{units}'


def plain(
    feed: str = "",
    rules: str = "",
    *,
    timezone: str = "UTC",
    currency: str = "USD",
    minor_units: int = 100,
    **columns: str,
) -> str:
    """The description of files with the columns of `HEADER`; a column written otherwise by name."""
    mapped = {
        "order_id": '"order"',
        "product_id": '"sku"',
        "customer_id": '"customer"',
        "event_at": '"placed"',
        "quantity": '"qty"',
        "line_amount_cents": '{ product_of = ["qty", "price"], money = true }',
    } | columns
    return f"""{head(timezone, currency, minor_units)}
[feeds.orders]
files = ["orders*"]
table = "order_lines"
{feed}
[feeds.orders.columns]
{chr(10).join(f"{name} = {origin}" for name, origin in mapped.items() if origin)}
{rules}"""


def rows(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    """A file of these lines under a header."""
    return "".join(line + end for line in (header, *lines) if line)


@dataclass(slots=True)
class Shop:
    """One source of the shared database; no other case reads its rows."""

    warehouse: Warehouse
    settings: Settings
    folder: Path
    source: str

    def describe(self, description: str) -> "Shop":
        """Write the description, in place of an earlier one."""
        path = self.settings.sources / f"{self.source}.toml"
        path.write_text(description, encoding="utf-8")
        return self

    def put(self, files: Mapping[str, Content]) -> list[Path]:
        """Write files beside each other."""
        paths = [self.folder / name for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return paths

    def deliver(self, files: Mapping[str, Content], *, history: bool = False) -> Receipt:
        """Land, stage, check and curate files."""
        return ingest(
            self.warehouse,
            settings=self.settings,
            source=self.source,
            files=self.put(files),
            history=history,
        )

    def check(self, files: Mapping[str, Content]) -> Any:
        """What `sources check` says of files."""
        return check_files(self.put(files), settings=self.settings, source=self.source).feeds[0]

    def lines(self) -> list[tuple[Any, ...]]:
        """Current lines: order, product, kind, pieces, minor units."""
        return self._read(
            "SELECT order_id, product_id, kind, quantity, line_amount_cents "
            "FROM curated.order_lines WHERE source = :source AND superseded_at IS NULL "
            "ORDER BY order_id, product_id, occurrence"
        )

    def amounts(self) -> dict[str, int]:
        """The sum of the current lines of each order, in minor units."""
        sums: dict[str, int] = {}
        for order_id, _, _, _, cents in self.lines():
            sums[order_id] = sums.get(order_id, 0) + cents
        return sums

    def orders(self) -> list[tuple[Any, ...]]:
        """Current orders: number, customer, day, kind."""
        return self._read(
            "SELECT order_id, customer_id, to_char(event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), kind "
            "FROM curated.orders WHERE source = :source AND superseded_at IS NULL ORDER BY order_id"
        )

    def times(self) -> dict[str, str]:
        """When each order's lines happened, UTC, to the microsecond."""
        return dict(
            self._read(
                "SELECT order_id, to_char(event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') "
                "FROM curated.order_lines WHERE source = :source AND superseded_at IS NULL "
                "ORDER BY order_id"
            )
        )

    def customers(self) -> dict[str, str | None]:
        """The customer of each order's lines."""
        return dict(
            self._read(
                "SELECT order_id, customer_id FROM curated.order_lines "
                "WHERE source = :source AND superseded_at IS NULL ORDER BY order_id"
            )
        )

    def events(self) -> list[tuple[Any, ...]]:
        """Events: customer, time, type, product, session."""
        return self._read(
            "SELECT customer_id, to_char(event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), "
            "event_type, product_id, session_id FROM curated.events "
            "WHERE source = :source AND superseded_at IS NULL ORDER BY event_at, product_id"
        )

    def quarantined(self) -> list[tuple[int, str]]:
        """Line and reason of each quarantined row."""
        return [
            (line, reason)
            for line, reason in self._read(
                "SELECT line_number, reason_code FROM quarantine.rows WHERE source = :source "
                "ORDER BY delivery_id, line_number"
            )
        ]

    def refused(self) -> list[str]:
        """The codes under which files were refused."""
        return [
            code
            for (code,) in self._read(
                "SELECT reason_code FROM raw.deliveries WHERE source = :source "
                "AND status = 'refused' ORDER BY delivery_id"
            )
        ]

    def details(self) -> dict[int, str]:
        """What is said about each quarantined row, by its line."""
        return dict(
            self._read(
                "SELECT line_number, detail FROM quarantine.rows WHERE source = :source "
                "ORDER BY line_number"
            )
        )

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.transaction() as transaction:
            return [tuple(row) for row in transaction.execute(query, source=self.source)]
