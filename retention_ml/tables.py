"""The catalogue of canonical tables: what a source maps to, with grain, types and meaning.

`curated.<table>` holds the columns of the entry plus `LINEAGE`; `staging.<table>` holds them
plus `STAGED`. Migrations create the tables; a test holds migrations and catalogue together.

Business columns have the same name everywhere. Money is integer minor units (`_cents`),
instants are UTC (`_at`), ids are text as the shop wrote them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import ibis
import pyarrow as pa

ColumnType = Literal["text", "int64", "float64", "bool", "timestamp", "date", "bytes"]

_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "bytes": pa.binary(),
}
IBIS_TYPES: dict[str, str] = {
    "text": "string",
    "int64": "int64",
    "float64": "float64",
    "bool": "boolean",
    "timestamp": "timestamp('UTC')",
    "date": "date",
    "bytes": "binary",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, meaning, and whether a row may lack it.

    `is_later`: there were rows before the column. Where it is empty, a row has the content it had.
    """

    name: str
    type: ColumnType
    meaning: str
    required: bool = False
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its grain in a sentence, its business key and its columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    def arrow_schema(self, extra: tuple[Column, ...] = ()) -> pa.Schema:
        """The Arrow schema of the business columns followed by `extra`."""
        return pa.schema([(c.name, _ARROW[c.type]) for c in (*self.columns, *extra)])

    def ibis_table(self, schema: str, extra: tuple[Column, ...] = ()) -> ibis.Table:
        """An unbound Ibis table `schema.name` with the business columns followed by `extra`."""
        columns = {c.name: IBIS_TYPES[c.type] for c in (*self.columns, *extra)}
        return ibis.table(columns, name=self.name, database=schema)


LINEAGE = (
    Column("source", "text", "name of the source description the row came through", True),
    Column("row_key", "bytes", "MD5 of the business key, 16 bytes", True),
    Column("content_hash", "bytes", "MD5 of all business columns, 16 bytes", True),
    Column("delivery_id", "int64", "the delivery in raw.deliveries", True),
    Column("line_number", "int64", "physical line (or row) in the file, the first is 1", True),
    Column("loaded_at", "timestamp", "when the row was really loaded", True),
    Column("available_at", "timestamp", "from when the platform may use the row", True),
    Column("superseded_at", "timestamp", "available_at of the version that replaced this one"),
    Column("superseded_by", "int64", "the delivery that replaced this version"),
)

STAGED = (
    Column("source", "text", "name of the source description", True),
    Column("row_key", "bytes", "MD5 of the business key, 16 bytes", True),
    Column("content_hash", "bytes", "MD5 of all business columns, 16 bytes", True),
    Column("batch_id", "int64", "the batch in raw.batches", True),
    Column("delivery_id", "int64", "the delivery in raw.deliveries", True),
    Column("line_number", "int64", "physical line (or row) in the file, the first is 1", True),
    Column("is_derived", "bool", "derived from another table's row, not delivered itself", True),
)

CUSTOMERS = Table(
    "customers",
    "one row per customer and version of what the shop told about them",
    ("customer_id",),
    (
        Column(
            "customer_id",
            "text",
            "the customer: a pseudonym, or the shop's number where pseudonyms are off",
            True,
        ),
        Column("registered_at", "timestamp", "when the account was opened"),
        Column("country", "text", "country as the shop writes it"),
        Column("age_band", "text", "age band as the shop writes it"),
        Column("income_band", "text", "income band as the shop writes it"),
        Column("household_size", "text", "persons in the household as the shop writes it"),
    ),
)

PRODUCTS = Table(
    "products",
    "one row per product and version of its description",
    ("product_id",),
    (
        Column("product_id", "text", "stock code", True),
        Column("name", "text", "description"),
        Column("category", "text", "the broad shelf"),
        Column("subcategory", "text", "the narrow shelf"),
        Column("brand", "text", "brand or private label"),
        Column("is_available", "bool", "whether it can be bought", is_later=True),
        Column("stock_count", "int64", "pieces in stock; negative: ordered ahead", is_later=True),
        Column("price_cents", "int64", "price of one piece now", is_later=True),
        Column(
            "is_durable",
            "bool",
            "bought once and used for long: not offered again to who has it",
            is_later=True,
        ),
    ),
)

ORDERS = Table(
    "orders",
    "one row per order and version: a customer's purchase, cancellation or return",
    ("order_id",),
    (
        Column("order_id", "text", "invoice or basket number", True),
        Column("customer_id", "text", "empty for guests"),
        Column("event_at", "timestamp", "when it was placed", True),
        Column("kind", "text", "purchase, cancellation or return", True),
        Column("channel", "text", "where it was placed"),
    ),
)

ORDER_LINES = Table(
    "order_lines",
    "one row per line of an order and version",
    ("order_id", "product_id", "occurrence"),
    (
        Column("order_id", "text", "invoice or basket number", True),
        Column("product_id", "text", "stock code; empty where the shop gives only totals"),
        Column("occurrence", "int64", "1, 2, ... for lines of the same product in one order", True),
        Column("customer_id", "text", "empty for guests"),
        Column("event_at", "timestamp", "when the order was placed", True),
        Column("kind", "text", "sale, cancellation, return or charge (no merchandise)", True),
        Column("quantity", "int64", "pieces; negative when goods came back", True),
        Column("unit_price_cents", "int64", "price of one piece, rounded to the minor unit"),
        Column(
            "line_amount_cents", "int64", "what was paid for the line; negative if refunded", True
        ),
        Column("discount_cents", "int64", "taken off the list price; at least 0", True),
    ),
)

EVENTS = Table(
    "events",
    "one row per thing a visitor did in the shop",
    ("customer_id", "event_at", "event_type", "product_id", "session_id"),
    (
        Column("customer_id", "text", "empty for visitors who are not known"),
        Column("event_at", "timestamp", "when it happened", True),
        Column(
            "event_type",
            "text",
            "view, cart, remove_from_cart, wishlist, purchase, search, login, share or review",
            True,
        ),
        Column("product_id", "text", "the product looked at"),
        Column("session_id", "text", "the shop's own session number"),
        Column("detail", "text", "search words, share target and the like"),
    ),
)

FEEDBACK = Table(
    "feedback",
    "one row per rating, survey answer or complaint",
    ("feedback_id",),
    (
        Column("feedback_id", "text", "number of the rating or ticket", True),
        Column("customer_id", "text", "empty where anonymous"),
        Column("event_at", "timestamp", "when it was given", True),
        Column("kind", "text", "review, survey, complaint or return_reason", True),
        Column("rating_share", "float64", "0 the worst, 1 the best mark of the scale"),
        Column("product_id", "text", "what it is about"),
        Column("comment", "text", "free text"),
    ),
)

CAMPAIGN_CONTACTS = Table(
    "campaign_contacts",
    "one row per customer reached by a campaign and what they did with it, or per customer drawn "
    "to be left alone",
    ("campaign_id", "customer_id", "kind", "event_at", "product_id"),
    (
        Column("campaign_id", "text", "the campaign", True),
        Column("customer_id", "text", "whom it reached or left alone", True),
        Column(
            "event_at",
            "timestamp",
            "when it was sent, opened, clicked or redeemed; for a holdout when it would have been sent",
            True,
        ),
        Column(
            "kind",
            "text",
            "sent, opened, clicked, redeemed, or holdout: drawn by lot to be left alone",
            True,
        ),
        Column("campaign_type", "text", "the shop's own type of campaign"),
        Column("product_id", "text", "the coupon or product offered"),
    ),
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    "one row per currency and the day from which its rate holds, and version",
    ("currency", "valid_from"),
    (
        Column("currency", "text", "ISO 4217 code of the other currency", True),
        Column("valid_from", "timestamp", "the start of the day from which the rate holds", True),
        Column(
            "rate",
            "float64",
            "what one unit of that currency is worth in the currency of the source",
            True,
        ),
    ),
)

CONTACT_PERMISSIONS = Table(
    "contact_permissions",
    "one row per statement about whether a customer may be contacted on a channel for a purpose, "
    "and version",
    ("customer_id", "channel", "purpose", "kind", "event_at"),
    (
        Column("customer_id", "text", "whom it is about", True),
        Column("channel", "text", "the way of contact, such as email or push", True),
        Column("purpose", "text", "what it may be used for, such as marketing", True),
        Column(
            "kind",
            "text",
            "granted, withdrawn, bounced (nothing arrives there) or complained",
            True,
        ),
        Column("event_at", "timestamp", "from when it holds", True),
        Column("address", "text", "e-mail address or device token; the newest granted one counts"),
    ),
)

CANONICAL: dict[str, Table] = {
    table.name: table
    for table in (
        CUSTOMERS,
        PRODUCTS,
        ORDERS,
        ORDER_LINES,
        EVENTS,
        FEEDBACK,
        CAMPAIGN_CONTACTS,
        EXCHANGE_RATES,
        CONTACT_PERMISSIONS,
    )
}

CLOSED_SETS: dict[tuple[str, str], tuple[str, ...]] = {
    ("orders", "kind"): ("purchase", "cancellation", "return"),
    ("order_lines", "kind"): ("sale", "cancellation", "return", "charge"),
    ("events", "event_type"): (
        "view",
        "cart",
        "remove_from_cart",
        "wishlist",
        "purchase",
        "search",
        "login",
        "share",
        "review",
    ),
    ("feedback", "kind"): ("review", "survey", "complaint", "return_reason"),
    ("campaign_contacts", "kind"): ("sent", "opened", "clicked", "redeemed", "holdout"),
    ("contact_permissions", "kind"): ("granted", "withdrawn", "bounced", "complained"),
}
