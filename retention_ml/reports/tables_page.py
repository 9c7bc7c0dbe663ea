"""The page `docs/tables.md`, written from the comments in the database itself."""

from itertools import groupby
from typing import Any

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.reports.customer_ids import NUMBER, CustomerColumn, customer_columns
from retention_ml.warehouse import Warehouse

_SCHEMAS = {
    "reports": "what BI tools and people read: views, the only schema open to `retention_bi`",
    "outcomes": "trials of champion and challenger, what scores were worth once outcomes were known, drift",
    "scores": "snapshots of scores, their audits and the pointer to what is published",
    "models": "labels, trainings, evaluations and the ledger of promotions",
    "feedback": "what messages are about and how they sound, without their text",
    "abnormal": "customers that are none: what was detected, and the ledger of decisions",
    "features": "rollups and features per customer and day",
    "curated": "the shop's data in canonical tables, every version kept",
    "quality": "results of every expectation",
    "quarantine": "delivered rows that could not be used, with the reason",
    "raw": "the load ledger: batches and delivered files",
    "ops": "receipts of every step, alerts, and fences",
}
_INTRODUCTION = """# Tables

One row of this page per column of the warehouse. It is written from the comments in the database;
`make pages` regenerates it. A name says its unit: `_cents` minor units of money, `_days`, `_count`,
`_share` and `_probability` 0 to 1, `_at` an instant in UTC, `as_of` a day of the shop.

`staging` holds the batch being loaded, in tables with the columns of `curated`; it is empty
between batches.
"""
_CUSTOMER_IDS = """## Where a customer's id is

Every table of the database that holds one, found in Postgres's catalogue by column name
(`retention_ml/reports/customer_ids.py`). In rows as they were delivered the id can be anywhere in
the raw text. Numbers of orders, sessions and feedback lead to the customer through these tables; a
source may even compose them of the customer's number, as `cdnow` does for its orders: they are
pseudonyms of their own then ([people's data](privacy.md)). Erasing a customer is not supported yet.

| table | column | what is stored |
|---|---|---|"""
_FILES = """
Below `RETENTION_HOME`, these hold ids: `inbox/` (files that wait, or cannot be used), `landing/`
(files as they were delivered, [sealed](runbook.md#the-archive)),
`backtests/` (predictions per customer), `demo/`, `reports/pages/` (docs/pages.md), and `postgres/`,
the database itself. So does what `retention backtest --predictions` and `retention report` write.
Models, other reports, logs, receipts and alerts hold none.
"""
_FEATURES = """## Features

The columns of `features.customer_daily` beside `as_of` and `customer_id`, all `double`, as they
stood at the first moment of the day. A window of N days ends with the day before `as_of`.

| feature | unit | window (days) | family | meaning |
|---|---|---|---|---|"""


def tables_page(warehouse: Warehouse) -> str:
    """The page in Markdown: every schema, table and column with its comment, every feature."""
    with warehouse.transaction() as transaction:
        columns = transaction.execute(
            "SELECT n.nspname AS schema, c.relname AS name, "
            "obj_description(c.oid, 'pg_class') AS about, a.attname AS column_name, "
            "format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required, "
            "col_description(c.oid, a.attnum) AS meaning "
            "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relkind IN ('r', 'v', 'p') AND n.nspname = ANY (:schemas) "
            "AND NOT (n.nspname = 'features' AND c.relname = 'customer_daily' "
            "AND a.attname NOT IN ('as_of', 'customer_id')) "
            "ORDER BY c.relname, a.attnum",
            schemas=list(_SCHEMAS),
        )
    parts = [_INTRODUCTION, _customer_ids(customer_columns(warehouse))]
    for schema, about in _SCHEMAS.items():
        parts.append(f"## `{schema}`\n\n{_capital(about)}.\n")
        in_schema = [row for row in columns if row.schema == schema]
        for name, rows in groupby(in_schema, key=lambda row: row.name):
            parts.append(_table(f"{schema}.{name}", list(rows)))
    return "\n".join([*parts, _features()])


def _customer_ids(columns: list[CustomerColumn]) -> str:
    rows = []
    for table, of_table in groupby(columns, key=lambda column: column.table):
        group = list(of_table)
        names = ", ".join(f"`{column.column}`" for column in group)
        what = "rows as they were delivered" if group[0].is_delivered else "the customer's id"
        what = "the shop's own number" if group[0].column == NUMBER else what
        rows.append(f"| `{table}` | {names} | {what}{', in a view' * group[0].is_view} |")
    return "\n".join([_CUSTOMER_IDS, *rows, _FILES])


def _features() -> str:
    rows = [
        f"| `{one.name}` | {one.unit} | {one.window_days or ''} | {one.family} | {_cell(one.meaning)} |"
        for one in CATALOGUE
    ]
    return "\n".join([_FEATURES, *rows, ""])


def _table(name: str, rows: list[Any]) -> str:
    lines = [f"### `{name}`", "", f"{_capital(rows[0].about or 'no comment')}.", ""]
    is_view = name.startswith("reports.")
    lines += ["| column | type | meaning |", "|---|---|---|"]
    for row in rows:
        optional = "" if row.is_required or is_view else " (may be empty)"
        lines.append(
            f"| `{row.column_name}` | {_short(row.type)}{optional} | {_cell(row.meaning)} |"
        )
    return "\n".join([*lines, ""])


def _short(kind: str) -> str:
    return {"timestamp with time zone": "timestamptz", "double precision": "double"}.get(kind, kind)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
