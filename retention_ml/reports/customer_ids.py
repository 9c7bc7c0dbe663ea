"""Where a customer's id is: the columns of the warehouse that hold one, asked of its catalogue."""

from dataclasses import dataclass

from retention_ml.warehouse import Warehouse

# Columns of the first name hold what the warehouse knows a customer by, of the second the shop's own
# number; those of a row as it was delivered may hold anything that the shop delivers.
_ID, NUMBER = "customer_id", "customer_number"
_DELIVERED = ("raw_text", "raw_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerColumn:
    """A column with a customer's id, or with rows as they were delivered.

    Parameters
    ----------
    table : str
        With its schema, such as `curated.orders`.
    column : str
    is_view : bool
        It shows what other tables store.
    is_delivered : bool
        Text or bytes of a delivered row, in which an id stands somewhere.
    """

    table: str
    column: str
    is_view: bool
    is_delivered: bool


def customer_columns(warehouse: Warehouse) -> list[CustomerColumn]:
    """Every column that holds a customer's id, in all schemas, ordered by table."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT n.nspname || '.' || c.relname AS name, a.attname AS column_name, "
            "c.relkind IN ('v', 'm') AS is_view "
            "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attname = ANY (:names) "
            "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' "
            "ORDER BY 1, a.attnum",
            names=[_ID, NUMBER, *_DELIVERED],
        )
    return [
        CustomerColumn(
            table=row.name,
            column=row.column_name,
            is_view=row.is_view,
            is_delivered=row.column_name in _DELIVERED,
        )
        for row in rows
    ]
